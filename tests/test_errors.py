"""The exception tree: what callers may catch, and one-line messages."""

from __future__ import annotations

import inspect
import re
import tomllib
from pathlib import Path

import pytest

from lema_hub import errors
from lema_hub.errors import LemaError, MissingExtraError

ROOT = Path(__file__).resolve().parents[1]
CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if cls.__module__ == errors.__name__]


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_is_caught_as_a_lema_error_and_drawn_in_the_tree(cls: type[Exception]) -> None:
    assert issubclass(cls, LemaError)
    drawn = {
        line.strip("│├└─ ").split()[0]: line
        for line in (errors.__doc__ or "").splitlines()
        if line.strip("│├└─ ")
    }
    assert cls.__name__ in drawn
    depth = len(cls.__mro__) - len(LemaError.__mro__)
    line = drawn[cls.__name__]
    assert line.index(cls.__name__) == 4 * depth, "the tree shows another parent"


@pytest.mark.parametrize(
    ("child", "parent"),
    [("FormatError", "InputError"), ("RecipeError", "InputError"), ("BudgetError", "EngineError"),
     ("TagExistsError", "HubError"), ("MissingExtraError", "LemaError")],
)  # fmt: skip
def test_the_branches(child: str, parent: str) -> None:
    assert getattr(errors, child).__base__ is getattr(errors, parent)


def test_a_missing_extra_says_what_to_type() -> None:
    message = str(MissingExtraError("gradio", "demo"))
    assert message == "gradio is not installed; run: pip install 'lema_hub[demo]'"


def test_importing_the_foundations_loads_nothing_heavy() -> None:
    import subprocess
    import sys

    code = (
        "import sys, lema_hub, lema_hub.errors, lema_hub.records, lema_hub.steps, lema_hub.prompts, lema_hub.nano;"
        "heavy = {'torch', 'transformers', 'datasets', 'pyarrow', 'jinja2', 'gradio', 'numpy'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_extra_that_is_named_exists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "lema_hub").rglob("*.py")]
    named = {extra for text in sources for extra in re.findall(r'MissingExtraError\([^)]*?, "(\w+)"\)', text)}
    assert {"demo", "batch"} <= named <= set(project["optional-dependencies"])

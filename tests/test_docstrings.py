"""Every example (`>>>`) of a docstring does what it says."""

from __future__ import annotations

import doctest
import inspect
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import lema_hub

if TYPE_CHECKING:
    from lema_hub.localhub import LocalHub

PACKAGE = Path(lema_hub.__file__).parent
LOOP = (
    "lema_hub.builders.dataset", "lema_hub.train.sft", "lema_hub.evals.run", "lema_hub.artifacts.scores",
    "lema_hub.hub.publish", "lema_hub.hub.pull", "lema_hub.hub.verify",
)  # fmt: skip
"""Each takes what the examples before it wrote or published."""


def modules() -> list[str]:
    """The modules with an example."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if re.search(r"^\s*>>> ", path.read_text(encoding="utf-8"), re.MULTILINE):
            parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
            found.append(".".join(parts).removesuffix(".__init__"))
    return found


@pytest.mark.parametrize("name", [name for name in modules() if name not in LOOP])
def test_the_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in a folder of its own: an example may write files."""
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.attempted > 0, f"the examples of {name} are not in its docstrings"
    assert result.failed == 0, f"python -m doctest says what {name} gives instead"


def test_the_examples_of_the_loop_run_in_one_folder_with_one_hub(tmp_path: Path, hub: LocalHub) -> None:
    """In a process of its own: the Hub's clients read their endpoint at import."""
    code = (
        "import doctest, importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)\n"
        "    assert result.attempted and not result.failed, name\n"
    )
    environment = os.environ | {
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": hub.token,
        "PYTHONPATH": str(PACKAGE.parent),
    }
    done = subprocess.run(
        [sys.executable, "-c", code, *LOOP],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", [name for name in lema_hub.__all__ if name.islower() and name[0] != "_"])
def test_every_public_function_has_an_example(name: str) -> None:
    assert ">>> " in (inspect.getdoc(getattr(lema_hub, name)) or "")

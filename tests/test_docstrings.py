"""Every example (`>>>`) of a docstring does what it says."""

from __future__ import annotations

import doctest
import re
from importlib import import_module
from pathlib import Path

import pytest

import lema_hub

PACKAGE = Path(lema_hub.__file__).parent
NEED_A_HUB = {"lema_hub.hub.publish", "lema_hub.hub.pull", "lema_hub.hub.verify"}


def modules() -> list[str]:
    """The modules with an example."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if re.search(r"^\s*>>> ", path.read_text(encoding="utf-8"), re.MULTILINE):
            parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
            found.append(".".join(parts).removesuffix(".__init__"))
    return found


@pytest.mark.parametrize("name", [name for name in modules() if name not in NEED_A_HUB])
def test_the_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in a folder of its own: an example may write files."""
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.attempted > 0, f"the examples of {name} are not in its docstrings"
    assert result.failed == 0, f"python -m doctest says what {name} gives instead"

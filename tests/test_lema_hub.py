"""`import lema_hub`: every name that it offers, light until one is used, and known to type checkers."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import lema_hub

PACKAGE = Path(lema_hub.__file__).parent
NAMES = [name for name in lema_hub.__all__ if name != "__version__"]


def known_to_type_checkers() -> dict[str, str]:
    """The names of the `TYPE_CHECKING` block, each with `module:name at home`."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    return {
        alias.asname or alias.name: f"{node.module}:{alias.name}"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_the_list_is_sorted_and_has_what_type_checkers_know() -> None:
    assert sorted(known_to_type_checkers()) == sorted(NAMES)
    assert len(set(NAMES)) == len(NAMES)
    assert set(lema_hub.__all__) <= set(dir(lema_hub))


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_the_one_that_type_checkers_know(name: str) -> None:
    from importlib import import_module

    home, _, own = known_to_type_checkers()[name].partition(":")
    assert getattr(lema_hub, name) is getattr(import_module(home), own)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_explains_itself(name: str) -> None:
    offered = getattr(lema_hub, name)
    documented = inspect.getdoc(offered) or ""
    assert documented, name
    assert not documented.startswith(f"{name}("), "dataclasses write this themselves: it explains nothing"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="jugde"):
        lema_hub.jugde  # type: ignore[attr-defined] # noqa: B018
    with pytest.raises(ImportError):
        from lema_hub import jugde  # type: ignore[attr-defined] # noqa: F401


def test_importing_it_imports_nothing_else() -> None:
    code = (
        "import sys; before = set(sys.modules); import lema_hub; "
        "print(sorted(name for name in set(sys.modules) - before if name != 'lema_hub'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_packages_keep_their_names() -> None:
    """`lema_hub.train` is the package before and after its function is used under the other name."""
    code = (
        "import lema_hub\n"
        "assert lema_hub.fine_tune.__name__ == 'train'\n"
        "from lema_hub import train\nfrom lema_hub.train import Recipe, train as run\n"
        "assert train.__name__ == 'lema_hub.train' and run is lema_hub.fine_tune and Recipe is lema_hub.Recipe\n"
        "import importlib, pkgutil\n"
        "for module in pkgutil.iter_modules(lema_hub.__path__):\n"
        "    assert module.name not in lema_hub.__all__, module.name\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_module_of_ours_looks_through_the_face() -> None:
    """A module that imports an offered name from `lema_hub` would hide from `lint-imports` which layer it needs."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "lema_hub" and node.level == 0:
                through = {alias.name for alias in node.names} & set(NAMES)
                assert not through, f"{path} imports {through} from lema_hub"

"""The recipes that ship with the package: `scripts/recipes` of a checkout, `lema_hub/_recipes` of a wheel."""

from __future__ import annotations

from pathlib import Path

from lema_hub.errors import RecipeError

_PACKAGE = Path(__file__).resolve().parents[1]


def recipe_path(name: str) -> Path:
    """The file of a shipped recipe such as `nano/nano-lema`.

    Raises:
        RecipeError: No recipe has that name.
    """
    installed = _PACKAGE / "_recipes"
    root = installed if installed.is_dir() else _PACKAGE.parent / "scripts" / "recipes"
    recipes = {
        path.relative_to(root).with_suffix("").as_posix(): path for path in sorted(root.rglob("*.yaml"))
    }
    if name not in recipes:
        raise RecipeError(f"no recipe {name!r} ships with lema_hub; expected one of {', '.join(recipes)}")
    return recipes[name]

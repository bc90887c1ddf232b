"""Recipes by name."""

from __future__ import annotations

import pytest

from lema_hub.errors import RecipeError
from lema_hub.train import load
from lema_hub.train.shipped import recipe_path


def test_a_shipped_recipe_is_found_by_name() -> None:
    assert load(recipe_path("nano/nano-lema")).backbone == "nano"


@pytest.mark.parametrize("name", ["nano/none", "../../pyproject", "/etc/passwd", ""])
def test_another_name_is_refused_with_those_that_there_are(name: str) -> None:
    with pytest.raises(RecipeError, match=r"ships with lema_hub; expected one of .*nano/nano-lema"):
        recipe_path(name)

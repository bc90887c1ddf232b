"""Recipes from anybody: a recipe is read, or one line says what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lema_hub.builders.assemble import check
from lema_hub.builders.evolve import EvolveRecipe
from lema_hub.builders.mix import MixRecipe
from lema_hub.builders.recipe import Recipe, load
from lema_hub.config import peek
from lema_hub.errors import LemaError
from lema_hub.train import load as load_training
from tests.fuzz.conftest import said

DATA = Path(__file__).parents[2] / "scripts" / "recipes"
BASES = {
    Recipe: DATA / "data" / "nano-corrections.yaml",
    EvolveRecipe: DATA / "data" / "nano-evolve.yaml",
    MixRecipe: DATA / "data" / "nano-ablation-mix.yaml",
}

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=2**62, max_value=2**70),
    st.floats(),
    st.text(max_size=30),
    st.sampled_from(["", "nano", "exact", "0", "-1", ".nan", "1e999", "\0", "../../x", "x" * 300]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PIECES = st.sampled_from(
    [
        "kind: ", "task: nano\n", "students:", "\n- ", "  ", "{", "}", "[", "]", ": ", ", ",
        "!!python/name:os.system ", "!!set ",
        "&a ", "*a", "<<: ", "? ", "| ", "> ", "'", '"', "\\ud800", "#", "---\n", "...\n", "%YAML 9.9\n",
        "%TAG ! x\n", "~",
        "1:59:59", "0x", "1_0", "9" * 400, "2e-4", ".inf", "\t", "\r", "\u2028", "\ufeff", "é", "\n",
    ]
)  # fmt: skip


@given(text=st.lists(PIECES | st.text(max_size=5), max_size=40).map("".join))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    for cls in BASES:
        said(lambda cls=cls: load(path, (), cls))
    said(lambda: load_training(path))
    said(lambda: peek(path, "kind"))


@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    said(lambda: load(path))


def _places(document: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    children = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    return [path] * bool(path) + [
        place for key, child in children for place in _places(child, (*path, str(key)))
    ]


@pytest.mark.parametrize("cls", BASES, ids=lambda cls: cls.__name__)
@given(data=st.data())
def test_any_value_in_any_place_is_read_or_refused(cls: type, data: st.DataObject) -> None:
    base = BASES[cls]
    places = _places(yaml.safe_load(base.read_text(encoding="utf-8")))
    place = data.draw(st.sampled_from(places))
    value = json.dumps(data.draw(VALUES))
    deeper = data.draw(st.sampled_from(["", ".x", ".0", ".train", ".paths", ".model", ".k"]))

    def read() -> None:
        recipe = load(base, [f"{'.'.join(place)}{deeper}={value}"], cls)
        if isinstance(recipe, Recipe):
            check(recipe)

    said(read)


@pytest.mark.parametrize(
    "piece",
    ["[", "{a: ", "- ", "? ", "a:\n", "1:", "'", "!", "&a ", "%TAG ! x\n", "| ", "#", "9", "1_", "\n", "\\\n",
    '"\\\n', "a: b: "],
)  # fmt: skip
def test_long_texts_are_refused(tmp_path: Path, piece: str) -> None:
    for text in (piece * (20_000 // len(piece)), "kind: " + piece * (20_000 // len(piece))):
        (tmp_path / "long.yaml").write_text(text)
        with pytest.raises(LemaError) as caught:
            load(tmp_path / "long.yaml")
        assert len(str(caught.value)) < 2_000

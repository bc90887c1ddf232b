"""Backbones: what is one, what is none, and what a run records of it."""

from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path

import pytest

from lema_hub.cards.licenses import HUB_LICENSES
from lema_hub.errors import EngineError, HubError, InputError
from lema_hub.train import Recipe, prepare
from lema_hub.train.backbones import KNOWN, resolve


def _with(recipe: Recipe, backbone: str | Path) -> Recipe:
    return dataclasses.replace(recipe, backbone=str(backbone))


def test_a_folder_is_known_by_where_it_is_published(recipe: Recipe, backbone: Path) -> None:
    found = resolve(recipe)
    assert (found.folder, found.repo, found.revision) == (backbone, "lema/tiny-llama", "v0.1.0")
    unpublished = resolve(dataclasses.replace(recipe, backbone_repo=None, backbone_revision=None))
    assert (unpublished.repo, unpublished.revision) == ("tiny-llama", None)


def test_other_weights_are_another_backbone(recipe: Recipe, backbone: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(backbone, tmp_path / "copy")
    assert resolve(_with(recipe, copy)).digest == resolve(recipe).digest
    (copy / "README.md").write_text("A card does not make another model.")
    assert resolve(_with(recipe, copy)).digest == resolve(recipe).digest
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    assert resolve(_with(recipe, copy)).digest != resolve(recipe).digest


def test_a_folder_that_is_no_model_is_one_line(recipe: Recipe, backbone: Path, tmp_path: Path) -> None:
    for wrong, message in (
        (tmp_path, "is not a model folder: it has no config.json; give a folder saved by save_pretrained"),
        (tmp_path / "missing", "is neither a folder nor a Hub id"),
        ("llama", "is neither a folder nor a Hub id"),
    ):
        with pytest.raises(InputError) as caught:
            prepare(_with(recipe, wrong))
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.copy(backbone / "config.json", bare)
    with pytest.raises(InputError, match=r"has no \*\.safetensors"):
        prepare(_with(recipe, bare))
    shutil.copy(backbone / "model.safetensors", bare)
    with pytest.raises(EngineError, match="check that it has a tokenizer"):
        prepare(_with(recipe, bare))


def test_a_hub_that_is_not_there_is_one_line(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubError, match=r"is not in the cache and .* cannot be reached") as caught:
        resolve(_with(recipe, "qwen2.5-7b"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        ("---\nlicense: mit\n---\n", "mit"),
        ("---\nlicense: other\nlicense_name: mine\n---\n", "unknown"),
        ("---\nlicense: [mit, x]\n---\n", "unknown"),
        ("---\na: [\n---\n", "unknown"),
        ("no front matter", "unknown"),
        (None, "unknown"),
    ],
)
def test_the_licence_comes_from_the_backbone_s_card(
    recipe: Recipe, backbone: Path, tmp_path: Path, card: str | None, expected: str
) -> None:
    copy = shutil.copytree(backbone, tmp_path / "copy")
    if card is not None:
        (copy / "README.md").write_text(card)
    assert resolve(_with(recipe, copy)).license == expected


def test_the_known_backbones_have_licences_and_whole_commits() -> None:
    for known in KNOWN.values():
        assert known.license in HUB_LICENSES
        assert known.revision is None or re.fullmatch(r"[0-9a-f]{40}|v\d+\.\d+\.\d+", known.revision)

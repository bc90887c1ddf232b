"""The manifest and the training record: exact inverses, and strict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lema_hub.artifacts.dataset import read_dataset
from lema_hub.artifacts.manifest import Manifest, Tokens
from lema_hub.artifacts.paths import PathsManifest, write_paths
from lema_hub.errors import InputError
from tests.built import manifest


def test_written_manifest_reads_back_equal_and_rewrites_to_the_same_bytes(tmp_path: Path) -> None:
    made = manifest("corrections", {"nano": {"train": 3}}, cost_usd=1.25, measures={"leaked": 0.0})
    path = made.write(tmp_path)
    text = path.read_text()
    assert Manifest.read(tmp_path) == made
    assert Manifest.read(tmp_path).to_json() == text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("seed"), "key 'seed' is missing"),
        (lambda d: d.update(sead=1), "unknown key 'sead'"),
        (lambda d: d.update(seed="0"), "seed is '0'; expected a whole number"),
        (lambda d: d.update(seed=True), "seed is True; expected a whole number"),
        (lambda d: d.update(kind="cots"), "kind is 'cots'; expected one of corrections, cot, problems"),
        (lambda d: d.update(schema=2), "schema is 2; expected one of 1"),
        (lambda d: d["inputs"][0].pop("license"), "key 'inputs.0.license' is missing"),
        (lambda d: d["stages"][0].update(rows_in=1.5), "stages.0.rows_in is 1.5; expected a whole number"),
        (lambda d: d["configs"].update(nano=[1]), "configs.nano is [1]; expected keys with values"),
        (lambda d: d.update(models=None), "models is empty; expected a list"),
    ],
)
def test_a_manifest_with_a_wrong_key_is_refused(tmp_path: Path, change, message: str) -> None:
    document = json.loads(manifest("cot", {"nano": {"train": 3}}).to_json())
    change(document)
    (tmp_path / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(InputError) as caught:
        Manifest.read(tmp_path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "\x00"])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(InputError):
        Manifest.read(tmp_path)


def test_a_folder_without_manifest_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no manifest.json in .*lema build"):
        Manifest.read(tmp_path)


def test_a_folder_of_sampled_paths_is_called_that_and_not_a_broken_dataset(tmp_path: Path) -> None:
    folder = tmp_path / "my paths"
    made = PathsManifest(
        task="nano", command="lema sample", seed=0, inputs=(), prompts=(), models=(), stages=(), verdicts={},
        tokens=Tokens(prompt=0, completion=0), cost_usd=None, packages={},
    )  # fmt: skip
    write_paths(folder, made, [])
    with pytest.raises(InputError) as caught:
        read_dataset(folder)
    assert str(caught.value).startswith(
        f"{str(folder)!r} holds reasoning paths that `lema sample` wrote, not a dataset; run: lema build "
        f"corrections RECIPE.yaml --ledger {str(folder)!r}/ledger.sqlite --out DIR"
    )

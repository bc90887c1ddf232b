"""Checkpoints are pushed to a real server, one commit and one tag each, and load from their tags."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lema_hub.errors import HubError, InputError, TagExistsError
from lema_hub.train import Recipe, train

if TYPE_CHECKING:
    from lema_hub.localhub import LocalHub

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the Hub client's own


def test_every_checkpoint_is_a_commit_and_a_tag(recipe: Recipe, at_hub: LocalHub, tmp_path: Path) -> None:
    from huggingface_hub import HfApi, ModelCard, snapshot_download
    from safetensors.torch import load_file

    repo = "lema/train-checkpoints"
    recipe = dataclasses.replace(recipe, save_every=2, push_to=repo)
    result = train(recipe, out=tmp_path / "run")
    api = HfApi(endpoint=at_hub.url, token=at_hub.token)
    tags = {ref.name: ref.target_commit for ref in api.list_repo_refs(repo).tags}
    assert set(tags) == {"step-2", "step-4"}
    assert tags["step-2"] != tags["step-4"]
    pushed = Path(snapshot_download(repo, revision="step-2"))
    assert {path.name for path in pushed.iterdir()} == {
        ".gitattributes",
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    assert api.list_repo_files(repo) == [".gitattributes"], "main holds finished adapters only"
    card = ModelCard((pushed / "README.md").read_text())
    assert (card.data.library_name, card.data.base_model) == ("peft", "lema/tiny-llama")
    assert "step 2 of 4" in card.text
    config = json.loads((pushed / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == ("lema/tiny-llama", "v0.1.0")
    last = Path(snapshot_download(repo, revision="step-4")) / "adapter_model.safetensors"
    assert load_file(last).keys() == load_file(result.adapter / "adapter_model.safetensors").keys()
    assert last.read_bytes() == (result.adapter / "adapter_model.safetensors").read_bytes()

    with pytest.raises(TagExistsError, match="has the checkpoint step-2 already"):
        train(dataclasses.replace(recipe, seed=1), out=tmp_path / "other")


def test_a_wrong_token_shows_before_the_first_step(
    recipe: Recipe, at_hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    recipe = dataclasses.replace(recipe, save_every=2, push_to="lema/train-wrong-token")
    steps: list[int] = []
    with pytest.raises(HubError, match="could not be pushed to lema/train-wrong-token") as caught:
        train(recipe, out=tmp_path / "run", progress=lambda step, *_: steps.append(step))
    assert steps == []
    assert "\n" not in str(caught.value)


def test_a_loss_that_is_no_number_stops_the_run(recipe: Recipe, tmp_path: Path) -> None:
    recipe = dataclasses.replace(recipe, method="full", learning_rate=1e30, max_grad_norm=1e30)
    with pytest.raises(InputError, match=r"the loss is (nan|inf) at step \d; lower learning_rate"):
        train(recipe, out=tmp_path / "run")
    assert not (tmp_path / "run" / "training.json").exists()


def test_progress_is_told_after_every_step(recipe: Recipe, tmp_path: Path) -> None:
    told: list[tuple[int, int, float | None]] = []
    train(recipe, out=tmp_path / "run", progress=lambda *told_now: told.append(told_now))
    assert [(step, steps) for step, steps, _ in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert told[-1][2] is not None

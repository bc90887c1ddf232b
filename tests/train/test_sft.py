"""Training for real on a two-layer Llama: what changes, what does not, and what a run leaves behind."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lema_hub.artifacts.training import Training
from lema_hub.errors import InputError
from lema_hub.train import Recipe, TrainResult, prepare, train
from lema_hub.train.sft import build_trainer

if TYPE_CHECKING:
    from lema_hub.localhub import LocalHub

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the Hub client's own


@pytest.fixture(scope="module")
def run(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    return train(recipe, out=tmp_path_factory.mktemp("runs") / "lema")


@pytest.mark.parametrize("method", ["qlora", "lora", "full"])
def test_what_trains_changes_and_what_is_frozen_stays(recipe: Recipe, tmp_path: Path, method: str) -> None:
    import torch

    recipe = dataclasses.replace(recipe, method=method)
    trainer, _ = build_trainer(recipe, prepare(recipe), out=tmp_path)
    before = {name: value.detach().clone() for name, value in trainer.model.named_parameters()}
    trainable = {name for name, value in trainer.model.named_parameters() if value.requires_grad}
    trainer.train()
    after = dict(trainer.model.named_parameters())
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert changed == trainable
    if method == "full":
        assert trainable == set(before)
    else:
        layers = [name for name in trainable if "lora_A" in name]
        assert len(layers) == 2 * 7  # two blocks: q, k, v, o, gate, up, down
        assert all("lora_" in name for name in trainable)
        assert all(after[name].dtype == torch.float32 for name in trainable)


def test_cot_only_and_lema_runs_have_equal_budgets(recipe: Recipe) -> None:
    lema = prepare(recipe)
    cot = prepare(dataclasses.replace(recipe, data=recipe.data[:1]))
    longest = max(lema.rows.lengths)
    assert len(cot.schedule.steps) == len(lema.schedule.steps) == recipe.max_steps
    assert abs(cot.schedule.tokens - lema.schedule.tokens) <= longest
    assert abs(lema.schedule.tokens - recipe.max_steps * 1500) <= longest / 2
    assert cot.digest != lema.digest


def test_the_record_says_what_was_done(run: TrainResult, recipe: Recipe) -> None:
    record = Training.read(run.adapter)
    assert (record.method, record.base_model, record.base_revision) == ("qlora", "lema/tiny-llama", "v0.1.0")
    assert (record.steps, record.tokens) == (4, run.tokens)
    assert [(use.repo, use.rows) for use in record.data] == [("lema-cot", 60), ("lema-corrections", 60)]
    assert record.losses[-1].loss == run.final_loss
    assert record.packages["trl"]
    assert str(Path(recipe.backbone).parent) not in (run.adapter / "training.json").read_text()
    assert {path.name for path in run.adapter.iterdir() if path.is_file()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "run.json",
        "training.json",
    }
    config = json.loads((run.adapter / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == ("lema/tiny-llama", "v0.1.0")


def test_a_finished_run_is_found_and_not_trained_again(run: TrainResult, recipe: Recipe) -> None:
    weights = run.adapter / "adapter_model.safetensors"
    before = weights.stat().st_mtime_ns
    again = train(recipe, out=run.adapter)
    assert again == dataclasses.replace(run, reused=True)
    assert weights.stat().st_mtime_ns == before


def test_a_run_without_its_weights_is_trained_again(recipe: Recipe, tmp_path: Path) -> None:
    recipe = dataclasses.replace(recipe, max_steps=1)
    first = train(recipe, out=tmp_path / "run")
    (first.adapter / "adapter_model.safetensors").unlink()
    assert not train(recipe, out=tmp_path / "run").reused
    assert (first.adapter / "adapter_model.safetensors").exists()
    (first.adapter / "run.json").write_text("{")
    with pytest.raises(InputError, match="is damaged; remove the folder"):
        train(recipe, out=tmp_path / "run")


def test_another_recipe_does_not_overwrite_a_run_unasked(run: TrainResult, recipe: Recipe) -> None:
    with pytest.raises(InputError, match="holds another run"):
        train(dataclasses.replace(recipe, rank=8), out=run.adapter)


def test_the_same_recipe_gives_the_same_bytes(run: TrainResult, recipe: Recipe, tmp_path: Path) -> None:
    again = train(recipe, out=tmp_path / "again")
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (again.adapter / name).read_bytes() == (run.adapter / name).read_bytes()


class InterruptedRunError(Exception):
    pass


def test_an_interrupted_run_goes_on_to_the_same_weights(recipe: Recipe, tmp_path: Path) -> None:
    recipe = dataclasses.replace(recipe, save_every=2, dropout=0.1, schedule="cosine")
    whole = train(recipe, out=tmp_path / "whole")

    def stop(step: int, steps: int, loss: float | None) -> None:
        if step == 3:
            raise InterruptedRunError

    with pytest.raises(InterruptedRunError):
        train(recipe, out=tmp_path / "cut", progress=stop)
    seen: list[int] = []
    cut = train(recipe, out=tmp_path / "cut", progress=lambda step, *_: seen.append(step))
    assert seen == [3, 4]
    name = "adapter_model.safetensors"
    assert (cut.adapter / name).read_bytes() == (whole.adapter / name).read_bytes()
    assert Training.read(cut.adapter).losses == Training.read(whole.adapter).losses


def test_a_run_that_died_before_its_last_words_is_finished(recipe: Recipe, tmp_path: Path) -> None:
    recipe = dataclasses.replace(recipe, save_every=2)
    whole = train(recipe, out=tmp_path / "run")
    weights = (whole.adapter / "adapter_model.safetensors").read_bytes()
    state = json.loads((whole.adapter / "run.json").read_text())
    (whole.adapter / "run.json").write_text(json.dumps({"digest": state["digest"], "finished": False}))
    (whole.adapter / "training.json").unlink()
    (whole.adapter / "adapter_model.safetensors").unlink()
    again = train(recipe, out=tmp_path / "run")
    assert (again.steps, again.final_loss, again.reused) == (4, whole.final_loss, False)
    assert (whole.adapter / "adapter_model.safetensors").read_bytes() == weights


def test_overwriting_replaces_a_run_and_nothing_but_a_run(recipe: Recipe, tmp_path: Path) -> None:
    recipe = dataclasses.replace(recipe, max_steps=1)
    first = train(recipe, out=tmp_path / "run")
    (first.adapter / "left-over").write_text("")
    train(dataclasses.replace(recipe, rank=2), out=tmp_path / "run", overwrite=True)
    assert not (first.adapter / "left-over").exists()
    assert json.loads((first.adapter / "adapter_config.json").read_text())["r"] == 2
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    with pytest.raises(InputError, match="exists and does not hold a run"):
        train(recipe, out=tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine" / "thesis.tex").exists()


@pytest.mark.parametrize(
    "changes", [{"micro_batches": 1}, {"micro_batches": 5}, {"gradient_checkpointing": True}]
)
def test_how_memory_is_saved_does_not_change_what_is_learnt(
    recipe: Recipe, tmp_path: Path, changes: dict[str, Any]
) -> None:
    """The loss is a mean over the tokens of a step, however they are cut into forward passes."""
    from safetensors.torch import load_file

    # Plain sums of gradients: AdamW would blow up differences in the last bit.
    recipe = dataclasses.replace(recipe, method="lora", dropout=0.0, max_steps=3)
    one = train(recipe, out=tmp_path / "one")
    other = train(dataclasses.replace(recipe, **changes), out=tmp_path / "other")
    a, b = (load_file(result.adapter / "adapter_model.safetensors") for result in (one, other))
    for name in a:
        assert (a[name] - b[name]).abs().max() < 1e-4, name
    first, second = (Training.read(result.adapter).losses for result in (one, other))
    assert [point.loss for point in second] == pytest.approx([point.loss for point in first], abs=1e-4)


def test_too_little_memory_is_one_line(recipe: Recipe, tmp_path: Path) -> None:
    import torch

    def burst(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nSee the documentation")

    with pytest.raises(InputError, match="raise micro_batches, lower max_length") as caught:
        train(recipe, out=tmp_path / "run", progress=burst)
    assert "\n" not in str(caught.value)


def test_a_full_model_is_saved_whole(recipe: Recipe, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    result = train(dataclasses.replace(recipe, method="full", max_steps=2), out=tmp_path / "run")
    model = AutoModelForCausalLM.from_pretrained(result.adapter)
    assert AutoTokenizer.from_pretrained(result.adapter).eos_token == "<eos>"
    assert (
        model.num_parameters()
        == json.loads((result.adapter / "run.json").read_text())["trainable_parameters"]
    )


def test_a_published_adapter_names_its_base_and_loads_by_its_tag(
    recipe: Recipe, at_hub: LocalHub, backbone: Path, tmp_path: Path
) -> None:
    """Both repositories by the stock clients, in a process that knows nothing but where the Hub is."""
    from huggingface_hub import HfApi

    from lema_hub.hub.publish import publish_adapter

    api = HfApi(endpoint=at_hub.url, token=at_hub.token)
    api.create_repo("lema/tiny-llama")
    api.upload_folder(repo_id="lema/tiny-llama", folder_path=backbone)
    api.create_tag("lema/tiny-llama", tag="v0.1.0")
    run = train(dataclasses.replace(recipe, learning_rate=0.05), out=tmp_path / "run")
    publish_adapter(run.adapter, "lema/tiny-lema", version="0.1.0", api=api)
    script = """
from peft import AutoPeftModelForCausalLM
model = AutoPeftModelForCausalLM.from_pretrained("lema/tiny-lema", revision="v0.1.0")
print(model.peft_config["default"].base_model_name_or_path, model.peft_config["default"].revision)
print(sum(float(p.abs().sum()) > 0 for n, p in model.named_parameters() if "lora_B" in n))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "HF_ENDPOINT": at_hub.url, "HF_HUB_DISABLE_XET": "1",
             "HF_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split("\n")[:2] == ["lema/tiny-llama v0.1.0", "14"]


def test_the_adapter_loads_with_stock_peft_in_another_process(run: TrainResult, backbone: Path) -> None:
    script = """
import sys, torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM
base = AutoModelForCausalLM.from_pretrained(sys.argv[1])
model = PeftModel.from_pretrained(base, sys.argv[2])
saved = load_file(sys.argv[2] + "/adapter_model.safetensors")
loaded = {k.replace(".default", ""): v for k, v in model.state_dict().items() if "lora_" in k}
assert saved.keys() == loaded.keys(), saved.keys() ^ loaded.keys()
assert all(torch.equal(saved[k], loaded[k]) for k in saved)
ids = torch.tensor([[5, 6, 7]])
with model.disable_adapter():
    plain = model(ids).logits
print(float((model(ids).logits - plain).abs().max()))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(backbone), str(run.adapter)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert float(done.stdout) > 0

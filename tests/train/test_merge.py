"""Merging is exact on the unquantised backbone and refused on a quantised one."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import pytest

from lema_hub.artifacts.model import read_backbone
from lema_hub.artifacts.training import Training
from lema_hub.engines.noise import quiet
from lema_hub.errors import InputError
from lema_hub.train import Recipe, TrainResult, train
from lema_hub.train.merge import Prompts, merge


@pytest.fixture(scope="module")
def adapter(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    return train(
        dataclasses.replace(recipe, learning_rate=0.05, max_steps=6),
        out=tmp_path_factory.mktemp("runs") / "adapter",
    )


def test_the_merged_model_computes_what_backbone_and_adapter_compute(
    adapter: TrainResult, backbone: Path, tmp_path: Path
) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out = tmp_path / "merged"
    assert merge(adapter.adapter, out=out, base=backbone) == ()
    merged = AutoModelForCausalLM.from_pretrained(out)
    base = AutoModelForCausalLM.from_pretrained(backbone)
    with quiet():
        tuned = PeftModel.from_pretrained(base, adapter.adapter)
    ids = torch.arange(5, 69).reshape(2, 32)
    with torch.no_grad():
        expected = tuned(ids).logits
        assert torch.allclose(merged(ids).logits, expected, atol=1e-4)
        with tuned.disable_adapter():
            assert (tuned(ids).logits - expected).abs().max() > 0.1  # the adapter does something
    assert AutoTokenizer.from_pretrained(out).eos_token == "<eos>"
    assert not (out / "adapter_config.json").exists()


def test_what_merging_changes_is_measured_and_recorded(
    adapter: TrainResult, backbone: Path, tmp_path: Path
) -> None:
    (tmp_path / "base").mkdir()
    base = shutil.copytree(backbone, tmp_path / "base", dirs_exist_ok=True)
    (base / "LICENSE").write_text("The licence's text.\n")
    out = tmp_path / "merged"
    texts = tuple(f"Tom has {n} pens and buys {n + 3} more." for n in range(5))
    prompts = Prompts("nano", "dev", texts)
    found = merge(adapter.adapter, out=out, base=base, prompts=prompts, name="lema/x", revision="v0.1.0")
    exact = found[-1]
    assert exact.base == "unquantised"
    assert (exact.prompts, exact.same_texts, exact.same_tokens) == (5, 5, exact.tokens)
    assert exact.tokens > 5
    assert exact.high == 1.0
    assert 0.5 < exact.low < 0.6  # Wilson's interval of 5 of 5
    model = read_backbone(out)
    assert "LICENSE" in model.files
    record = model.training.merged
    assert record is not None
    assert (record.adapter, record.revision, record.dtype) == ("lema/x", "v0.1.0", "float32")
    assert record.agreement == found
    assert (
        record.sha256
        == hashlib.sha256((adapter.adapter / "adapter_model.safetensors").read_bytes()).hexdigest()
    )


def test_an_adapter_of_qlora_is_compared_on_the_4_bit_base_too(
    adapter: TrainResult, backbone: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(adapter.adapter, tmp_path / "adapter")
    dataclasses.replace(Training.read(folder), method="qlora").write(folder)
    prompts = Prompts("nano", "dev", ("Tom has 3 pens.", "Mia has 9 pens and gives 4 away."))
    quantised, exact = merge(folder, out=tmp_path / "merged", base=backbone, prompts=prompts)
    assert (quantised.base, exact.base) == ("nf4", "unquantised")
    assert exact.same_tokens == exact.tokens
    assert 0 < quantised.same_tokens <= quantised.tokens


def test_a_quantised_backbone_is_refused(adapter: TrainResult, backbone: Path, tmp_path: Path) -> None:
    base = shutil.copytree(backbone, tmp_path / "base")
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | {"quantization_config": {"load_in_4bit": True}}))
    with pytest.raises(InputError, match="is quantised: merging would round the adapter away"):
        merge(adapter.adapter, out=tmp_path / "merged", base=base)
    assert not (tmp_path / "merged").exists()


def test_what_cannot_be_merged_is_one_line(adapter: TrainResult, backbone: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no adapter_config\.json; train one first"):
        merge(tmp_path, out=tmp_path / "merged", base=backbone)
    with pytest.raises(InputError, match=r"has no \*\.safetensors"):
        merge(adapter.adapter, out=tmp_path / "merged", base=tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    with pytest.raises(InputError, match="is not empty"):
        merge(adapter.adapter, out=tmp_path / "full", base=backbone)

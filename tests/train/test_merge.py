"""Merging is exact on the unquantised backbone and refused on a quantised one."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from lema_hub.engines.noise import quiet
from lema_hub.errors import InputError
from lema_hub.train import Recipe, TrainResult, train
from lema_hub.train.merge import merge


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

    out = merge(adapter.adapter, out=tmp_path / "merged", base=backbone)
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


def test_a_quantised_backbone_is_refused(adapter: TrainResult, backbone: Path, tmp_path: Path) -> None:
    base = shutil.copytree(backbone, tmp_path / "base")
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | {"quantization_config": {"load_in_4bit": True}}))
    with pytest.raises(InputError, match="is quantised: merging would round the adapter away"):
        merge(adapter.adapter, out=tmp_path / "merged", base=base)
    assert not (tmp_path / "merged").exists()


def test_what_cannot_be_merged_is_one_line(adapter: TrainResult, backbone: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no readable adapter_config\.json; train one first"):
        merge(tmp_path, out=tmp_path / "merged", base=backbone)
    with pytest.raises(InputError, match="is no model folder"):
        merge(adapter.adapter, out=tmp_path / "merged", base=tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    with pytest.raises(InputError, match="is not empty"):
        merge(adapter.adapter, out=tmp_path / "full", base=backbone)

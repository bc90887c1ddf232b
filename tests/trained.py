"""Trained models to publish: their weights are zeros."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

from lema_hub.artifacts.training import DataUse, Loss, Result, Training


def save_tensors(path: Path, tensors: dict[str, tuple[int, ...]]) -> None:
    """A safetensors file of float32 zeros."""
    header, offset = {}, 0
    for name, shape in tensors.items():
        size = 4
        for length in shape:
            size *= length
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(offset))


def training(**changes: object) -> Training:
    made = Training(
        method="qlora",
        base_model="lema/nano-backbone",
        base_revision="v0.1.0",
        license="apache-2.0",
        command="lema train scripts/recipes/nano/nano-lema.yaml",
        recipe={"backbone": "nano", "rank": 8, "learning_rate": 2e-4},
        data=(
            DataUse(
                repo="lema/lema-cot", revision="v0.1.0", config="nano", split="train", rows=800, tokens=40_000
            ),
            DataUse(
                repo="lema/lema-corrections",
                revision="v0.1.0",
                config="nano",
                split="train",
                rows=300,
                tokens=30_000,
            ),
        ),
        steps=120,
        tokens=180_000,
        seconds=61.5,
        seed=0,
        losses=(Loss(step=1, loss=2.5), Loss(step=120, loss=0.75)),
        packages={"peft": "0.21.2", "torch": "2.13.0"},
        results=(
            Result(
                task="lema:nano",
                repo="lema/nano-problems",
                revision="v0.1.0",
                config="default",
                split="test",
                metric="pass@1",
                value=0.472,
                stderr=0.0158,
                n=1000,
            ),
        ),
    )
    return replace(made, **changes)


def build_adapter(folder: Path, **changes: object) -> Path:
    """A folder as `lema train` writes it; the weights are zeros."""
    folder.mkdir(parents=True, exist_ok=True)
    save_tensors(
        folder / "adapter_model.safetensors",
        {"base.q_proj.lora_A.weight": (8, 16), "base.q_proj.lora_B.weight": (16, 8)},
    )
    config = {
        "peft_type": "LORA",
        "base_model_name_or_path": "lema/nano-backbone",
        "revision": "v0.1.0",
        "r": 8,
        "lora_alpha": 16,
        "task_type": "CAUSAL_LM",
        "target_modules": ["q_proj"],
    }
    (folder / "adapter_config.json").write_text(json.dumps(config))
    training(**changes).write(folder)
    return folder

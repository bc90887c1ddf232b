"""Training speed of a small Llama on the CPU: tokens per CPU-second by method and micro-batches.

    OMP_NUM_THREADS=1 python bench/train.py [--width 128] [--layers 8] [--steps 20]

Real rows of the nano world, the project's own trainer, a random backbone of the given size (the time does not
depend on the weights). Startup is not counted; padding is, as time that brings no tokens.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
import time
from pathlib import Path

from lema_hub.records import Correction, CotExample
from lema_hub.train import DataSource, Recipe, prepare
from lema_hub.train.sft import build_trainer

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from train.rows import correction_rows, cot_rows, save_backbone, write


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        backbone = save_backbone(root / "llama", width=options.width, layers=options.layers, vocabulary=1000)
        write(root / "cot", CotExample, cot_rows(500))
        write(root / "corrections", Correction, correction_rows(500))
        recipe = Recipe(
            backbone=str(backbone),
            data=tuple(DataSource(path=str(root / name), config="nano") for name in ("cot", "corrections")),
            rank=16,
            dropout=0.0,
            max_steps=options.steps,
            tokens_per_step=2400,
            max_length=400,
            gradient_checkpointing=False,
            optimizer="adamw_torch",
        )
        print("method  rank  dropout  micro-batches  real tokens  tokens per CPU-second")
        for changes in (
            {"micro_batches": 3},
            {"micro_batches": 4},
            {"micro_batches": 6},
            {"micro_batches": 8},
            {"dropout": 0.05},
            {"rank": 64},
            {"method": "lora"},
            {"method": "full"},
            {"gradient_checkpointing": True},
        ):
            changed = dataclasses.replace(recipe, **changes)
            prepared = prepare(changed)
            trainer, _ = build_trainer(changed, prepared, out=root / "run")
            started = time.process_time()
            trainer.train()
            seconds = time.process_time() - started
            schedule = prepared.schedule
            print(
                f"{changed.method:6}  {changed.rank:4}  {changed.dropout:7}  {changed.micro_batches:13}  "
                f"{schedule.tokens / schedule.padded_tokens:11.3f}  {schedule.tokens / seconds:8,.0f}"
                f"{'  checkpointing' if changed.gradient_checkpointing else ''}",
                flush=True,
            )


if __name__ == "__main__":
    main()

"""The trainer draws the batches that were planned, and its checkpoints have their names once they are whole."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from lema_hub.errors import InputError
from lema_hub.train import Recipe, prepare, train
from lema_hub.train.sft import build_trainer


def test_the_loss_is_on_the_completion_and_its_end_only(recipe: Recipe, tmp_path: Path) -> None:
    prepared = prepare(recipe)
    trainer, _ = build_trainer(recipe, prepared, out=tmp_path)
    row, batch = 0, next(iter(trainer.get_train_dataloader()))
    first = prepared.schedule.batches()[0]
    assert batch["input_ids"].shape[0] == len(first)
    for row, number in enumerate(first):
        labels = batch["labels"][row]
        learnt = prepared.tokenizer.decode(labels[labels != -100])
        ids, prompt_length = prepared.rows.ids[number], prepared.rows.prompt_lengths[number]
        assert learnt == prepared.tokenizer.decode(ids[prompt_length:])
        assert learnt.endswith("<eos>")
        assert learnt.startswith(("Step 1:", " Step "))
        prompt = prepared.tokenizer.decode(ids[:prompt_length])
        assert prompt.endswith(("step by step.\n", "Incorrect Step:"))


def test_the_trainer_counts_the_tokens_that_were_planned(recipe: Recipe, tmp_path: Path) -> None:
    prepared = prepare(recipe)
    trainer, curve = build_trainer(recipe, prepared, out=tmp_path)
    trainer.train()
    counted = [row["num_tokens"] for row in trainer.state.log_history if "num_tokens" in row]
    assert counted[-1] == prepared.schedule.tokens
    assert [point.step for point in curve.losses] == [1, 2, 3, 4]


def test_a_checkpoint_that_cannot_be_written_leaves_nothing_and_one_line(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lema_hub.train.trainer import ScheduledTrainer

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    saving = dataclasses.replace(recipe, method="lora", max_steps=2, save_every=1)
    monkeypatch.setattr(ScheduledTrainer, "_save_rng_state", full)
    with pytest.raises(
        InputError, match=r"checkpoint-1' cannot be written \(No space left on device\)"
    ) as caught:
        train(saving, out=tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "run" / "checkpoints").iterdir()) == []
    monkeypatch.undo()
    train(saving, out=tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir()) == [
        "checkpoint-1",
        "checkpoint-2",
    ]

"""The record of a training run."""

from __future__ import annotations

from pathlib import Path

from lema_hub.artifacts.training import Training
from tests.trained import training


def test_training_record_reads_back_equal(tmp_path: Path) -> None:
    made = training()
    made.write(tmp_path)
    assert Training.read(tmp_path) == made

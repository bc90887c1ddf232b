"""A random two-layer Llama with a tokenizer of its own, and real rows of the nano world."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lema_hub.records import Correction, CotExample
from lema_hub.train import Recipe
from tests.train.rows import correction_rows, cot_rows, save_backbone, tiny_recipe, write

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@pytest.fixture(scope="session")
def cot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("built") / "lema-cot", CotExample, cot_rows(60))


@pytest.fixture(scope="session")
def corrections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("built") / "lema-corrections", Correction, correction_rows(60))


@pytest.fixture(scope="session")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_backbone(tmp_path_factory.mktemp("models") / "tiny-llama", width=64, layers=2, vocabulary=500)


@pytest.fixture(scope="session")
def tokenizer(backbone: Path) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(backbone)


@pytest.fixture(scope="session")
def recipe(backbone: Path, cot: Path, corrections: Path) -> Recipe:
    return tiny_recipe(backbone, cot, corrections)

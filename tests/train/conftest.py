"""A random two-layer Llama with a tokenizer of its own, and real rows of the nano world."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lema_hub.records import Correction, CotExample
from lema_hub.train import DataSource, Recipe

from .rows import correction_rows, cot_rows, save_backbone, write

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from lema_hub.localhub import LocalHub


@pytest.fixture
def at_hub(hub: LocalHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LocalHub:
    """The embedded Hub as what HF_ENDPOINT and HF_TOKEN name; the client reads the former once, at import."""
    from huggingface_hub import constants

    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setenv("HF_TOKEN", hub.token)
    return hub


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
    return Recipe(
        backbone=str(backbone),
        backbone_repo="lema/tiny-llama",
        backbone_revision="v0.1.0",
        data=(DataSource(path=str(cot), config="nano"), DataSource(path=str(corrections), config="nano")),
        rank=4,
        max_steps=4,
        tokens_per_step=1500,
        micro_batches=2,
        max_length=400,
        gradient_checkpointing=False,
        optimizer="adamw_torch",
        learning_rate=2e-3,
    )

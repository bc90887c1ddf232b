"""Cards of adapters and whole models: compared whole with golden files, read by the stock clients."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from huggingface_hub import DatasetCard, ModelCard

from lema_hub.artifacts.training import Agreement, Merged
from lema_hub.cards.metadata import split_card
from lema_hub.hub.publish import publish_adapter, publish_model
from tests.built import OFFLINE, build_dataset, preview
from tests.trained import build_adapter, save_tensors, training


def test_adapter_card_is_the_golden_one(tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    published = publish_adapter(
        build_adapter(tmp_path), "lema/nano-lema", version="0.1.0", dry_run=True, api=OFFLINE
    )
    golden("adapter.md", published.card)


def test_merged_card_is_the_golden_one(tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    save_tensors(tmp_path / "model.safetensors", {"w": (2, 3)})
    (tmp_path / "config.json").write_text("{}")
    made = Merged(
        adapter="lema/nano-lema",
        revision="v0.1.0",
        sha256="c" * 64,
        dtype="float32",
        command="lema merge lema/nano-lema@v0.1.0 --task nano -n 200",
        task="nano",
        split="dev",
        agreement=(
            Agreement(
                base="nf4", prompts=200, same_texts=74, low=0.306, high=0.439, tokens=8752, same_tokens=8530
            ),
            Agreement(
                base="unquantised",
                prompts=200,
                same_texts=200,
                low=0.981,
                high=1.0,
                tokens=80,
                same_tokens=80,
            ),
        ),
    )
    training(merged=made, results=()).write(tmp_path)
    published = publish_model(tmp_path, "lema/nano-merged", version="0.1.0", dry_run=True, api=OFFLINE)
    assert split_card(published.card)[0]["base_model_relation"] == "finetune"
    golden("merged.md", published.card)


def test_adapter_card_says_when_there_are_no_results(tmp_path: Path) -> None:
    folder = build_adapter(tmp_path, results=(), notes=("3 of 800 rows were dropped (no | completion: 3).",))
    card = publish_adapter(folder, "lema/nano-lema", version="0.1.0", dry_run=True, api=OFFLINE).card
    assert "published before it was scored" in card
    assert "model-index" not in card
    assert r"- 3 of 800 rows were dropped (no \| completion: 3)." in card


def test_the_clients_read_the_cards(tmp_path: Path) -> None:
    card = DatasetCard(preview(build_dataset(tmp_path / "data")))
    assert card.data.license == "apache-2.0"
    assert card.data.configs[0]["default"] is True
    published = publish_adapter(
        build_adapter(tmp_path / "adapter"), "lema/nano-lema", version="0.1.0", dry_run=True, api=OFFLINE
    )
    model = ModelCard(published.card)
    assert model.data.base_model == "lema/nano-backbone"
    assert [(r.metric_type, r.metric_value, r.dataset_revision) for r in model.data.eval_results] == [
        ("pass@1", 0.472, "v0.1.0")
    ]

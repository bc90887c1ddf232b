"""An engine as LightEval's model: samples, and outputs that find no room."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lema_hub import nano, prompts
from lema_hub.engines.transformers import TransformersEngine
from lema_hub.evals import EvalResult, score


def test_samples_of_one_item_differ(result: EvalResult) -> None:
    sampled = [row for row in result.items() if row.task == "lema:nano-maj8"]
    first = [row for row in sampled if row.item_id == sampled[0].item_id]
    assert [row.seed for row in first] == list(range(8))
    assert len({row.output for row in first}) > 1


@pytest.mark.parametrize("room", [0, 3])
def test_without_room_for_an_answer_it_is_truncated_not_wrong(
    result: EvalResult, llama: Path, tmp_path: Path, room: int
) -> None:
    row = next(row for row in result.items() if len(row.output) > 10)  # one token is one character
    prompt = prompts.load("lema-cot").render(question=nano.load(row.item_id).problem.question)
    shutil.copytree(llama, place := tmp_path / "short-llama")
    config = json.loads((place / "config.json").read_text())
    (place / "config.json").write_text(json.dumps(config | {"max_position_embeddings": len(prompt) + room}))
    found = score(TransformersEngine(place), tasks=["nano"], out=tmp_path / "run", limit=12)
    (cut,) = [item for item in found.items() if item.item_id == row.item_id]
    assert (cut.verdict, cut.extracted, len(cut.output)) == ("truncated", None, room)

from __future__ import annotations

from pathlib import Path

import pytest

from lema_hub.builders.annotated import build_annotated
from lema_hub.builders.importers.recorded import import_paths
from lema_hub.errors import InputError
from lema_hub.records import Problem
from tests.builders.importers.test_jsonl import GOOD, jsonl


def test_a_disagreement_with_a_recorded_verdict_is_listed(tmp_path: Path) -> None:
    found = import_paths(
        jsonl(tmp_path / "f.jsonl", GOOD, {**GOOD, "model": "x", "is_correct": True}), "jsonl"
    )
    assert found.agreement == 0.5
    (item,) = found.disagreements
    assert (item.model, item.recorded, item.verdict, item.extracted, item.gold) == (
        "x",
        True,
        "wrong",
        "8",
        "2",
    )


def test_a_known_test_question_stays_one_whatever_the_file_says(tmp_path: Path) -> None:
    known = Problem(
        problem_id="gsm8k/test/7", task="gsm8k", split="test", question=f"  {GOOD['question']} ", answer="2",
        gold_solution="", level=None, subject=None, source_repo="r", source_revision="1", license="mit",
    )  # fmt: skip
    path = jsonl(tmp_path / "f.jsonl", GOOD)
    found = import_paths(path, "jsonl", known=[known])
    built = build_annotated(found.problems, found.paths.rows, found.annotations)
    assert (built.rows, [r.reason for r in built.rejected]) == ((), ["test_question"])
    training = import_paths(path, "jsonl", known=[known], training=True)
    assert training.paths.rows == ()
    assert training.paths.stages[0].dropped == {"test_question": 1}


def test_vtg_needs_to_know_the_test_questions(tmp_path: Path) -> None:
    path = tmp_path / "dataset.json"
    path.write_text("[]")
    with pytest.raises(InputError, match="load GSM8K first"):
        import_paths(path, "vtg")
    with pytest.raises(
        InputError, match="no import format 'csv'; choose one of openai-gsm8k, vtg, prmbench, mr-ben, "
    ):
        import_paths(path, "csv")  # type: ignore[arg-type]

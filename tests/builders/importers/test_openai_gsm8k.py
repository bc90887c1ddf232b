from __future__ import annotations

from pathlib import Path

from lema_hub import tasks
from lema_hub.builders.importers.recorded import import_paths


def test_the_judge_agrees_with_every_recorded_verdict_of_openai(shared_data: Path) -> None:
    found = import_paths(shared_data / "gsm8k" / "example_model_solutions.jsonl", "openai-gsm8k")
    assert found.compared == 5276
    assert found.disagreements == ()
    assert found.paths.verdicts == {"correct": 2001, "unparsed": 1, "wrong": 3274}
    tests = tasks.load_problems("gsm8k", "test", path=shared_data / "gsm8k")
    assert [(p.problem_id, p.question) for p in found.problems] == [(p.problem_id, p.question) for p in tests]
    assert [p.answer for p in found.problems] == [p.answer for p in tests]
    refused = import_paths(
        shared_data / "gsm8k" / "example_model_solutions.jsonl", "openai-gsm8k", training=True
    )
    assert refused.paths.rows == ()
    assert refused.paths.stages[0].dropped == {"test_question": 5276}

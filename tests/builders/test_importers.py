from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lema_hub import tasks
from lema_hub.builders.annotated import build_annotated
from lema_hub.builders.importers.recorded import import_paths
from lema_hub.errors import FormatError, InputError
from lema_hub.records import Problem

GOOD = {
    "question": "Tom has 5 pens and gives 3 away. How many?", "answer": "2", "license": "mit",
    "model": "people",
    "solution": "Step 1: Tom has 5 pens.\nStep 2: 5 + 3 = 8\nStep 3: The answer is 8.", "is_correct": False,
    "incorrect_step": 2, "explanation": "He gives.", "correct_steps": ["5 - 3 = 2", "The answer is 2."],
}  # fmt: skip


def jsonl(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def test_annotated_rows_of_our_own_format_become_corrections(tmp_path: Path) -> None:
    right = {**GOOD, "solution": "5 - 3 = 2. The answer is 2.", "is_correct": True, "incorrect_step": None}
    found = import_paths(jsonl(tmp_path / "f.jsonl", GOOD, right), "jsonl")
    assert found.agreement == 1.0
    assert found.paths.verdicts == {"correct": 1, "wrong": 1}
    (row,) = build_annotated(found.problems, found.paths.rows, found.annotations).rows
    assert row.correct_solution == "Step 1: Tom has 5 pens.\nStep 2: 5 - 3 = 2\nStep 3: The answer is 2."
    assert row.corrector == "annotation"


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"license": None}, "row 0 of f.jsonl has no 'license'"),
        ({"incorrect_step": True}, "row 0 .* incorrect_step is (True|0); expected a whole number from 1"),
        ({"incorrect_step": 0}, "row 0 .* incorrect_step is (True|0); expected a whole number from 1"),
        ({"correct_steps": []}, r"row 0 .* correct_steps is \[\]; expected a list of texts"),
        ({"is_correct": "false"}, "row 0 .* is_correct is 'false'; expected true or false"),
        ({"split": "training"}, "split 'training'; expected one of train, dev, test"),
        ({"origin": "mine"}, "origin 'mine'; expected one of on_policy, other_model"),
        ({"correct_steps": "5 - 3"}, "correct_steps is '5 - 3'; expected a list of texts"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        import_paths(jsonl(tmp_path / "f.jsonl", {**GOOD, **change}), "jsonl")


@pytest.mark.parametrize("change", [{"question": "Another one?"}, {"answer": "7777"}, {"split": "test"}])
def test_one_id_is_one_problem(tmp_path: Path, change: dict[str, Any]) -> None:
    row = {**GOOD, "problem_id": "p"}
    with pytest.raises(FormatError, match=r"row 1 .* the problem_id 'p' of row 0 but another question"):
        import_paths(jsonl(tmp_path / "f.jsonl", row, {**row, **change}), "jsonl")


def test_levels_may_be_numbers(tmp_path: Path) -> None:
    found = import_paths(jsonl(tmp_path / "f.jsonl", {**GOOD, "level": 3}), "jsonl")
    assert found.problems[0].level == "3"


def test_vtg_needs_to_know_the_test_questions(tmp_path: Path) -> None:
    path = tmp_path / "dataset.json"
    path.write_text("[]")
    with pytest.raises(InputError, match="load GSM8K first"):
        import_paths(path, "vtg")
    with pytest.raises(
        InputError, match="no import format 'csv'; there are: openai-gsm8k, vtg, prmbench, mr-ben, "
    ):
        import_paths(path, "csv")  # type: ignore[arg-type]


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


def test_teachers_annotations_become_corrections(shared_data: Path) -> None:
    known = [
        problem
        for split in ("train", "dev", "test")
        for problem in tasks.load_problems("gsm8k", split, path=shared_data / "gsm8k")  # type: ignore[arg-type]
    ]
    found = import_paths(shared_data / "vtg" / "dataset.json", "vtg", known=known, training=True)
    (stage,) = found.paths.stages
    assert stage.rows_in == 1002
    assert stage.dropped == {"duplicate": 230, "test_question": 205}
    built = build_annotated(found.problems, found.paths.rows, found.annotations)
    (stage,) = built.stages
    assert stage.rows_in == stage.rows_out + sum(stage.dropped.values()) == 567
    assert stage.dropped["annotators_disagree"] > 50
    assert stage.rows_out > 450
    assert {row.problem.license for row in built.rows} == {"cc-by-sa-4.0"}
    assert {row.corrector for row in built.rows} == {"vtg-teacher", "vtg-category"}
    assert not {row.problem.split for row in built.rows} & {"test"}
    for row in built.rows:
        assert row.answer_verdict == "correct"
        assert row.correct_steps[-1].startswith("The answer is")
        assert row.completion.startswith(f" Step {row.incorrect_step}.\nExplanation: {row.explanation}\n")

"""PRMBench: which of its rows are mistakes with a correction, and that the others are refused with a reason."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lema_hub import tasks
from lema_hub.builders.annotated import Refused, build_annotated
from lema_hub.builders.importers import prmbench
from lema_hub.builders.importers.recorded import import_paths
from lema_hub.errors import FormatError, InputError
from lema_hub.records import Problem

QUESTION = "What is $2 \\cdot 3 + 4$?"
ROW: dict[str, Any] = {
    "question": QUESTION,
    "original_question": "What is 2 * 3 + 4?",
    "modified_question": "What is 2 * 3 + 4?",
    "original_process": [
        "Step 1. First $2 \\cdot 3 = 6$.",
        "Then $6 + 4 = 10$.",
        "So the sum is $10$.",
        "Right.",
    ],
    "modified_process": [
        "Step 1. First $2 \\cdot 3 = 6$.",
        "Then $6 + 4 = 12$.",
        "So the sum is $12$.",
        "Right.",
    ],
    "error_steps": [3, 2],
    "reason": "Step 2 adds 6 and 4 to 12,\nbut they make 10",
}


def problem(split: str = "train", answer: str = "10") -> Problem:
    return Problem(
        problem_id=f"math/{split}/0", task="math", split=split, question=QUESTION, answer=answer, gold_solution="",
        level=None, subject=None, source_repo="r", source_revision="1", license="mit",
    )  # fmt: skip


def jsonl(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def read(tmp_path: Path, **changes: Any) -> prmbench.Mistake | Refused:
    (row,) = prmbench.read(jsonl(tmp_path / "p.jsonl", {**ROW, **changes}))
    return prmbench.mistake(row, problem())


def test_a_row_becomes_a_path_and_the_original_goes_on_from_its_error(tmp_path: Path) -> None:
    found = import_paths(jsonl(tmp_path / "p.jsonl", ROW), "prmbench", known=[problem()], training=True)
    (row,) = build_annotated(found.problems, found.paths.rows, found.annotations).rows
    assert row.path.steps == (
        "First $2 \\cdot 3 = 6$.", "Then $6 + 4 = 12$.", "So the sum is $12$.", "The answer is 12.",
    )  # fmt: skip
    assert row.correct_steps == ("Then $6 + 4 = 10$.", "So the sum is $10$.", "The answer is 10.")
    assert (row.incorrect_step, row.explanation) == (2, "Step 2 adds 6 and 4 to 12, but they make 10.")
    assert (row.path.origin, row.path.model, row.corrector) == (
        "injected",
        prmbench.STUDENT,
        prmbench.CORRECTOR,
    )
    assert row.problem.license == found.source.license == "apache-2.0"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"modified_question": "What is 2 * 3 + 6?"}, "question_changed"),
        ({"original_process": ["$2 \\cdot 3 = 6$.", "So it is $11$."]}, "original_unproven"),
        ({"original_process": ["We think.", "Done."]}, "original_unproven"),
        ({"modified_process": ["First $3 \\cdot 2 = 6$.", *ROW["modified_process"][1:]]}, "prefix_changed"),
        ({"error_steps": [9]}, "prefix_changed"),
        (
            {"modified_process": ["Step 1. First $2 \\cdot 3 = 6$.", "$6 + 4 = 11$.", "So the sum is $10$."]},
            "right_answer",
        ),
        (
            {"modified_process": ["Step 1. First $2 \\cdot 3 = 6$.", "We incorrectly add.", "So the sum is $12$."]},
            "gives_itself_away",
        ),
        (
            {"modified_process": ["Step 1. First $2 \\cdot 3 = 6$.", "Then $6 + 4 = 12$.", "No value $x$ fits here."]},
            "no_final_answer",
        ),
    ],
)  # fmt: skip
def test_what_is_no_clean_mistake_is_refused(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    found = read(tmp_path, **changes)
    assert isinstance(found, Refused)
    assert found.reason == reason, found


def test_an_equation_counts_by_its_right_side_on_both_sides(tmp_path: Path) -> None:
    original = ["Step 1. First $2 \\cdot 3 = 6$.", "So $m = 6 + 4 = 10$."]
    found = read(tmp_path, original_process=original, modified_process=[original[0], "So $m = 6 + 4 = 12$."])
    assert isinstance(found, prmbench.Mistake)
    assert found.answer == "12"


def test_a_wrong_solution_with_the_right_answer_is_never_a_right_path(tmp_path: Path) -> None:
    """As CoT data it would teach wrong steps."""
    row = {
        **ROW,
        "modified_process": ["Step 1. First $2 \\cdot 3 = 6$.", "$6 + 4 = 11$.", "So the sum is $10$."],
    }
    found = import_paths(jsonl(tmp_path / "p.jsonl", row, ROW), "prmbench", known=[problem()])
    assert [path.verdict for path in found.paths.rows] == ["wrong"]
    assert found.paths.stages[0].dropped == {"right_answer": 1}


def test_questions_of_the_test_set_and_unknown_ones_are_refused(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "p.jsonl", ROW, {**ROW, "modified_question": "Another?"})
    found = import_paths(path, "prmbench", known=[problem("test")], training=True)
    assert found.paths.rows == ()
    assert [row.reason for row in found.paths.rejected] == ["test_question", "test_question"]
    other = {**ROW, "question": "Who?", "original_question": "Who?", "modified_question": "Who?"}
    found = import_paths(jsonl(path, other), "prmbench", known=[problem()], training=True)
    assert [row.reason for row in found.paths.rejected] == ["unknown_question"]
    with pytest.raises(InputError, match="load MATH first"):
        import_paths(path, "prmbench")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reason": None}, "row 0 of p.jsonl has no 'reason'"),
        ({"original_process": []}, r"original_process is \[\]; expected a list of texts"),
        ({"modified_process": [1]}, r"modified_process is \[1\]; expected a list of texts"),
        ({"error_steps": [0]}, r"error_steps is \[0\]; expected numbers from 1"),
        ({"error_steps": []}, r"error_steps is \[\]"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        prmbench.read(jsonl(tmp_path / "p.jsonl", {**ROW, **changes}))


def test_every_row_of_the_released_files_has_an_outcome(shared_data: Path) -> None:
    known = [
        row
        for split in ("train", "dev", "test")
        for row in tasks.load_problems("math", split, path=shared_data / "math")
    ]
    outcomes: Counter[str] = Counter()
    for file in sorted((shared_data / "prmbench").glob("*.jsonl")):
        found = import_paths(file, "prmbench", known=known, training=True)
        outcomes.update(found.paths.stages[0].dropped)
        outcomes["rows"] += found.paths.stages[0].rows_in
        assert {path.verdict for path in found.paths.rows} == {"wrong"}
        assert all(found.annotations[path.path_id].correction for path in found.paths.rows)
        outcomes["mistakes"] += len(found.paths.rows)
    assert outcomes == {
        "rows": 3203, "mistakes": 447, "right_answer": 1061, "prefix_changed": 462, "original_unproven": 410,
        "gives_itself_away": 373, "no_final_answer": 248, "question_changed": 202,
    }  # fmt: skip

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lema_hub.builders.annotated import build_annotated
from lema_hub.builders.importers.recorded import import_paths
from lema_hub.errors import FormatError

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


@pytest.mark.parametrize("change", [{"question": "Another one?"}, {"answer": "7777"}, {"split": "test"}])
def test_one_id_is_one_problem(tmp_path: Path, change: dict[str, Any]) -> None:
    row = {**GOOD, "problem_id": "p"}
    with pytest.raises(FormatError, match=r"row 1 .* the problem_id 'p' of row 0 but another question"):
        import_paths(jsonl(tmp_path / "f.jsonl", row, {**row, **change}), "jsonl")


def test_levels_may_be_numbers(tmp_path: Path) -> None:
    found = import_paths(jsonl(tmp_path / "f.jsonl", {**GOOD, "level": 3}), "jsonl")
    assert found.problems[0].level == "3"


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

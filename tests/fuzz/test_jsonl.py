"""JSONL and JSON from anybody: problems, recorded solutions and documents are read, or one line says what is wrong."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lema_hub.artifacts.manifest import Manifest
from lema_hub.builders.importers.recorded import import_paths
from lema_hub.errors import LemaError
from lema_hub.json_text import MAX_DEPTH, MAX_INTEGER, loads, read_jsonl
from lema_hub.tasks import load_problems
from lema_hub.tasks.held_out import from_file
from tests.fuzz.conftest import said

PIECES = st.sampled_from(
    [
        "{", "}", "[", "]", ":", ",", '"', "\\", "\\u", "\\ud800", "null", "true", "NaN", "Infinity", "-", "1e999",
        "9" * 30,
        '{"question": "', '"answer": ', '"solution"', "[" * 50, "\n", "\r", "\0", "\ufeff", "é", "\ud800", "\u2028",
        " ",
    ]
)  # fmt: skip
KEYS = st.sampled_from(
    [
        "question", "answer", "solution", "model", "license", "problem", "level", "type", "choices", "answerKey",
        "split",
        "problem_id", "origin", "is_correct", "incorrect_step", "explanation", "correct_steps", "ground_truth",
        "reason",
        "student_incorrect_solution", "reference_solution", "incorrect_index", "error_category", "6b_finetuning",
        "original_question", "modified_question", "original_process", "modified_process", "error_steps", "id",
        "corrector",
        "Question_UUID", "Subject", "Question", "Options", "Ground_Truth_Answer_Modified", "Sampled_Model",
        "Model_Solution_Steps", "Model_Solution_Correctness", "Model_Solution_First_Error_Step",
    ]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | st.floats() | st.text(max_size=12)
    | st.sampled_from(["2", "Step 1: 1 + 1 = 2\nThe answer is 2.", "#### 2", "\\boxed{2}", "test", "incorrect", "A"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=5),
    max_leaves=12,
)  # fmt: skip
ROWS = st.dictionaries(KEYS, VALUES, max_size=12)


def _plain(value: Any, depth: int = 0) -> bool:
    """What `loads` promises of a value."""
    if isinstance(value, dict):
        return depth < MAX_DEPTH and all(_plain(key) and _plain(v, depth + 1) for key, v in value.items())
    if isinstance(value, list):
        return depth < MAX_DEPTH and all(_plain(inner, depth + 1) for inner in value)
    if isinstance(value, str):
        return bool(value.encode() or True)
    return not isinstance(value, int | float) or abs(value) <= max(MAX_INTEGER, 1e308 * 1.8)


@given(text=st.lists(PIECES | st.text(max_size=5), max_size=30).map("".join))
def test_what_is_read_is_plain(text: str) -> None:
    with contextlib.suppress(LemaError):
        assert _plain(loads(text, source="x"))
    said(lambda: loads(text.encode("utf-8", "surrogatepass"), source="x"))
    said(lambda: Manifest.from_json(text))


@given(value=VALUES)
def test_plain_values_are_read_as_json_reads_them(value: Any) -> None:
    text = json.dumps(value)
    if "NaN" not in text and "Infinity" not in text and "\\ud" not in text:
        assert loads(text, source="x") == json.loads(text)


@given(
    content=st.binary(max_size=300)
    | st.lists(PIECES, max_size=30).map(lambda p: "".join(p).encode("utf-8", "replace"))
)
def test_any_bytes_are_rows_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_bytes(content)
    said(lambda: list(read_jsonl(path)))
    for form in ("vtg", "prmbench", "mr-ben", "openai-gsm8k", "jsonl"):
        said(lambda form=form: import_paths(path, form))


@given(rows=st.lists(ROWS, min_size=1, max_size=3))
def test_any_rows_are_problems_or_refused(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    path = tmp_path_factory.getbasetemp() / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    said(lambda: from_file(path))
    for task in ("gsm8k", "math", "csqa", "nano"):
        said(lambda task=task: load_problems(task, "train", path=path))


@given(rows=st.lists(ROWS, min_size=1, max_size=3))
def test_any_rows_are_solutions_or_refused(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    path = tmp_path_factory.getbasetemp() / "rows.json"
    known = load_problems("nano", "train", limit=1)
    for text, forms in (
        ("\n".join(map(json.dumps, rows)), ("prmbench", "openai-gsm8k", "jsonl")),
        (json.dumps(rows), ("vtg",)),
        (json.dumps({"id": rows}), ("mr-ben",)),
    ):
        path.write_text(text)
        for form in forms:
            said(lambda form=form: import_paths(path, form, known=known))


COMPLETE: dict[str, dict[str, Any]] = {
    "jsonl": {
        "question": "How many?", "answer": "2", "solution": "1 + 1 = 3\nThe answer is 3.", "model": "m",
        "license": "mit",
        "incorrect_step": 1, "explanation": "It is 2.", "correct_steps": ["1 + 1 = 2", "The answer is 2."],
    },
    "openai-gsm8k": {
        "question": "How many?", "ground_truth": "1 + 1 = 2\nA: 2",
        **{
            model: {"solution": "2\nA: 2", "is_correct": True}
            for model in ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
        },
    },
    "mr-ben": {
        "Question_UUID": "u", "Subject": "math", "Question": "1 + 1?", "Options": "A: 2 B: 3",
        "Ground_Truth_Answer_Modified": "A", "Sampled_Model": "Claude2", "Model_Solution_Correctness": "incorrect",
        "Model_Solution_Steps": ["Step 1: It is 3. Choice_B"], "Model_Solution_First_Error_Step": "1",
        "Model_Solution_Error_Reason": ["It is 2."], "Model_Solution_Rectified_First_Error_Step": ["The answer is A."],
    },
    "prmbench": {
        "question": "q", "original_question": "q", "modified_question": "q", "original_process": ["1 + 1 = 2"],
        "modified_process": ["1 + 1 = 3"], "error_steps": [1], "reason": "r",
    },
    "vtg": {
        "problem": "q", "reference_solution": "1 + 1 = 2", "student_incorrect_solution": ["1 + 1 = 3"],
        "incorrect_index": 0, "error_category": "c", "error_description": "d",
    },
}  # fmt: skip


@pytest.mark.parametrize("form", COMPLETE)
@given(data=st.data())
def test_any_value_in_a_whole_row_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, form: str, data: st.DataObject
) -> None:
    row = dict(COMPLETE[form])
    row[data.draw(st.sampled_from(sorted(row)))] = data.draw(VALUES)
    path: Path = tmp_path_factory.getbasetemp() / "whole.json"
    wrapped: Any = {"mr-ben": {"id": [row]}, "vtg": [row]}.get(form, row)
    path.write_text(json.dumps(wrapped))
    problem = load_problems("nano", "train", limit=1)[0]
    known = [_renamed(problem, row)]
    said(lambda: import_paths(path, form, known=known))  # type: ignore[arg-type]


def _renamed(problem: Any, row: dict[str, Any]) -> Any:
    """A problem whose question is the row's, so that formats without answers know it."""
    question = row.get("question", row.get("problem"))
    return replace(
        problem,
        task="math",
        question=question if isinstance(question, str) else "q",
        answer="2",
        split="train",
    )

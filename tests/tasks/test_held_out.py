"""Which test sets rows are compared with, where they come from, and what happens when one is not at hand."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from lema_hub import tasks
from lema_hub.errors import InputError
from lema_hub.evals.nano import SIZES
from lema_hub.tasks.held_out import find_hits, from_file, load_held_out, load_scored, scored_with


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_a_real_task_goes_with_all_real_test_sets_and_nano_with_its_own() -> None:
    real = {name for name, task in tasks.TASKS.items() if name != "nano" and "test" in task.splits}
    assert {"gsm8k", "math", "csqa"} <= real
    for name in real:
        assert set(scored_with(name)) == real
    assert scored_with("nano") == ("nano",)


def test_the_nano_questions_that_are_scored_are_held_out() -> None:
    sets, missing = load_held_out("nano")
    assert not missing
    assert [(one.name, len(one.questions)) for one in sets] == [("nano", SIZES["test"])]
    assert sets[0].ids == tuple(problem.problem_id for problem in load_scored("nano"))


def test_loaded_problems_are_used_and_what_cannot_be_loaded_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    (tmp_path / "train.jsonl").write_text("")
    write(tmp_path / "test.jsonl", [{"question": "What is 1 + 1?", "answer": "#### 2"}])
    test = tasks.load_problems("gsm8k", "test", path=tmp_path)
    own = write(tmp_path / "own.jsonl", [{"problem": "What is 2 + 2?", "id": "mine"}, {"question": "And 3?"}])
    with caplog.at_level(logging.WARNING):
        sets, missing = load_held_out("gsm8k", loaded=test, against=[own])
    assert [(one.name, one.ids) for one in sets] == [
        ("gsm8k", ("gsm8k/test/0",)),
        ("own.jsonl", ("mine", "own.jsonl/1")),
    ]
    assert sets[1].revision.startswith("sha256:")
    assert set(missing) == {"math", "csqa"}
    assert all("could not be loaded from" in why and ";" not in why for why in missing.values())
    assert "the rows are not compared with the test set math" in caplog.text


@pytest.mark.parametrize(
    ("rows", "message"),
    [([], "holds no question"), ([{"answer": "3"}], "row 0 of .* has no question .it has: answer.")],
)
def test_a_file_without_questions_is_an_error(
    tmp_path: Path, rows: list[dict[str, object]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        from_file(write(tmp_path / "own.jsonl", rows))


def test_a_hit_names_the_question_the_column_and_the_text(tmp_path: Path) -> None:
    question = "How many of the 12 red and 5 blue balls in the box are not red at all?"
    own = from_file(write(tmp_path / "own.jsonl", [{"question": question, "id": "balls"}]))
    row = {"question": "What?", "completion": f"I know this one: {question.upper()}"}
    hits, none = find_hits([row, {"question": "Of the 12 red and 5 blue balls?"}], [own])
    assert [str(hit) for hit in hits] == [f"balls (whole, 18 words, in completion): {question.lower()[:-1]}"]
    assert none == []

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lema_hub import evals, tasks
from lema_hub.answers.choice import options
from lema_hub.cli.main import app
from lema_hub.errors import FormatError, HubError, InputError
from lema_hub.tasks import SCORED_TASKS, held_out

GSM8K = {"question": "Tom has 2 + 3 pens. How many?", "answer": "He has 2 + 3 = <<2+3=5>>5 pens.\n#### 5"}
MATH = {
    "problem": "What is $1 + 1$?", "level": "Level 1", "type": "Algebra",
    "solution": "It is $\\boxed{2}$, as everybody knows.",
}  # fmt: skip


def jsonl(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    return path


def test_gsm8k_rows_become_problems(tmp_path: Path) -> None:
    (problem,) = tasks.load_problems("gsm8k", "test", path=jsonl(tmp_path / "t.jsonl", [GSM8K]))
    assert problem.problem_id == "gsm8k/test/0"
    assert (problem.answer, problem.gold_solution) == ("5", "He has 2 + 3 = 5 pens.")
    assert problem.source_revision.startswith("sha256:")
    assert problem.license == "mit"


def test_math_rows_become_problems(tmp_path: Path) -> None:
    (problem,) = tasks.load_problems("math", "test", path=jsonl(tmp_path / "t.jsonl", [MATH]))
    assert (problem.answer, problem.level, problem.subject) == ("2", "1", "Algebra")


def test_dev_is_carved_by_question(tmp_path: Path) -> None:
    rows = [{**GSM8K, "question": f"Tom has {i} pens. How many?"} for i in range(400)]
    path = jsonl(tmp_path / "train.jsonl", [*rows, {**GSM8K, "question": " tom has 7 PENS.  How many? "}])
    train = tasks.load_problems("gsm8k", "train", path=path)
    dev = tasks.load_problems("gsm8k", "dev", path=path)
    assert len(train) + len(dev) == 401
    assert 8 <= len(dev) <= 32
    keys = [{tasks.question_key(p.question) for p in side} for side in (train, dev)]
    assert not keys[0] & keys[1]
    assert {p.split for p in train} == {"train"}
    assert {p.split for p in dev} == {"dev"}
    assert all(p.problem_id.startswith("gsm8k/train/") for p in dev)
    assert tasks.load_problems("gsm8k", "train", path=path, start=2, limit=3) == train[2:5]
    assert (
        tasks.load_problems("gsm8k", "train", path=tmp_path) == train
    )  # a folder of train.jsonl and test.jsonl


def test_the_official_files_have_the_official_sizes(shared_data: Path) -> None:
    for name, task in tasks.TASKS.items():
        folder = shared_data / name
        if not folder.is_dir():
            continue
        sides = {split: tasks.load_problems(name, split, path=folder) for split in ("train", "dev", "test")}
        assert len(sides["train"]) + len(sides["dev"]) == task.splits["train"]
        assert len(sides["test"]) == task.splits["test"]
        assert len({p.problem_id for side in sides.values() for p in side}) == sum(map(len, sides.values()))
        assert all(p.answer for side in sides.values() for p in side)


def test_nano_problems_come_from_the_generator() -> None:
    train, dev = tasks.load_problems("nano", "train", limit=9), tasks.load_problems("nano", "dev", limit=3)
    assert [p.split for p in dev] == ["dev"] * 3
    assert tasks.load_problems("nano", "train", start=4, limit=5) == train[4:]
    with pytest.raises(InputError, match="endless: give a limit"):
        tasks.load_problems("nano", "train")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"question": "q"}\n', "row 0 of .* has no 'answer' .*expected the format of openai/gsm8k"),
        ('{"question": "q", "answer": "no idea"}\n', "row 0 of .*no answer in the gold solution"),
        ("[1]\n", ":1 is list; expected a JSON object"),
        ('{"question": \n', ":1 is not valid JSON"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(text)
    with pytest.raises(FormatError, match=message):
        tasks.load_problems("gsm8k", "test", path=path)


def test_unknown_names_are_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no task 'gsm'; choose one of gsm8k, math, csqa, nano"):
        tasks.get("gsm")
    with pytest.raises(InputError, match="cannot be read"):
        tasks.load_problems("gsm8k", "train", path=tmp_path / "none.jsonl")


def test_a_dead_hub_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubError, match=r"could not be loaded from http://127\.0\.0\.1:9 .*--problems FILE"):
        tasks.load_problems("math", "train")


CSQA = {
    "id": "made-1",
    "question": "Where do you leave a wet umbrella? ",
    "question_concept": "umbrella",
    "choices": {"label": ["A", "B", "C"], "text": ["oven", "umbrella stand", "bed"]},
    "answerKey": "B",
}
RELEASED = {
    "answerKey": "B",
    "id": "made-1",
    "question": {
        "question_concept": "umbrella",
        "choices": [
            {"label": "A", "text": "oven"},
            {"label": "B", "text": "umbrella stand"},
            {"label": "C", "text": "bed"},
        ],
        "stem": "Where do you leave a wet umbrella?",
    },
}


@pytest.mark.parametrize("row", [CSQA, RELEASED], ids=["hub", "release"])
def test_csqa_rows_become_questions_with_lettered_choices(tmp_path: Path, row: dict[str, Any]) -> None:
    jsonl(tmp_path / "test.jsonl", [row])
    (problem,) = tasks.load_problems("csqa", "test", path=tmp_path)
    assert problem.question == (
        "Where do you leave a wet umbrella?\nCandidate Answers: (A) oven, (B) umbrella stand, (C) bed."
    )
    assert (problem.problem_id, problem.split) == (
        "csqa/validation/0",
        "test",
    )  # the id names the source's split
    assert (problem.answer, problem.gold_solution, problem.subject) == ("B", "", "umbrella")
    assert options(problem.question) == {"A": "oven", "B": "umbrella stand", "C": "bed"}
    jsonl(tmp_path / "train.jsonl", [row])
    sides = [tasks.load_problems("csqa", split, path=tmp_path) for split in ("train", "dev")]
    assert [found.problem_id for side in sides for found in side] == ["csqa/train/0"]


def test_csqa_refuses_the_split_whose_answers_are_hidden(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "test.jsonl", [{**CSQA, "answerKey": ""}])
    with pytest.raises(
        FormatError, match=r"row 0 of .*answerKey is '', expected one of A, B, C.*give validation"
    ):
        tasks.load_problems("csqa", "test", path=path)


def test_there_is_one_list_of_problem_sets() -> None:
    assert SCORED_TASKS == ("gsm8k", "math", "csqa", "nano")
    assert set(held_out.scored_with("gsm8k")) | {"nano"} == set(SCORED_TASKS)
    assert tuple(f"lema:{name}{votes}" for votes in ("", "-maj8") for name in SCORED_TASKS) == evals.TASKS
    for command, names in (("sample", SCORED_TASKS), ("eval", [f"lema:{name}" for name in SCORED_TASKS])):
        shown = CliRunner().invoke(app, [command, "--help"], terminal_width=500).output
        assert not [name for name in names if name not in shown]


@pytest.mark.parametrize(
    "choices",
    [
        None,
        1,
        "A",
        [],
        {},
        [1],
        [{"label": "A"}],
        {"label": ["A"], "text": None},
        {"label": ["A"], "text": [1]},
    ],
)
def test_choices_are_checked(tmp_path: Path, choices: Any) -> None:
    row = {"question": "Where?", "choices": choices, "answerKey": "A"}
    with pytest.raises(FormatError, match=r"row 0 of .*(choices is|has no '(label|text)')"):
        tasks.load_problems("csqa", "train", path=jsonl(tmp_path / "f.jsonl", [row]))


@pytest.mark.parametrize("answer", ["B", "umbrella stand"])
@pytest.mark.parametrize(
    "choices",
    [
        ["oven", "umbrella stand", "bed"],
        ["A) oven", "B) umbrella stand", "C) bed"],
        ["(A) oven", "(B) umbrella stand", "(C) bed"],
        ["A: oven", "B: umbrella stand", "C: bed"],
        {"A": "oven", "B": "umbrella stand", "C": "bed"},
    ],
)
def test_choices_are_read_as_people_write_them(tmp_path: Path, choices: Any, answer: str) -> None:
    path = jsonl(tmp_path / "f.jsonl", [{"question": "Where?", "choices": choices, "answerKey": answer}])
    (problem,) = tasks.load_problems("csqa", "test", path=path)
    assert problem.question == "Where?\nCandidate Answers: (A) oven, (B) umbrella stand, (C) bed."
    assert problem.answer == "B"


@pytest.mark.parametrize(
    ("choices", "answer", "message"),
    [
        (["oven", "bed"], "1", "answerKey is '1', expected one of A, B, or the text of one choice"),
        (["oven", "oven"], "oven", "answerKey is 'oven', expected one of A, B"),
        (["B", "A"], "A", "answerKey is 'A', both a letter and the text of another choice"),
        (["oven", " "], "A", "choices is"),
        (["oven"], "A", "choices is"),
        ([f"thing {n}" for n in range(11)], "A", "choices is"),
        ({"label": ["A", "B"], "text": ["oven"]}, "A", "choices is"),
        ({"label": ["A", "A"], "text": ["oven", "bed"]}, "A", "expected every label once"),
    ],
)
def test_choices_that_can_be_read_in_two_ways_are_refused(
    tmp_path: Path, choices: Any, answer: str, message: str
) -> None:
    path = jsonl(tmp_path / "f.jsonl", [{"question": "Where?", "choices": choices, "answerKey": answer}])
    with pytest.raises(FormatError, match=rf"row 0 of .*{message}"):
        tasks.load_problems("csqa", "test", path=path)


@pytest.mark.parametrize("limit", [-1, 10**7 + 1, 10**14, 10**30])
def test_a_limit_that_no_run_ends_is_refused(limit: int) -> None:
    with pytest.raises(InputError, match="limit and start must be from 0 to 10,000,000"):
        tasks.load_problems("nano", "train", limit=limit)

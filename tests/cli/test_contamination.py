"""`lema contamination` finds test questions in anybody's data, whatever its columns are called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lema_hub.cli.contamination import app
from lema_hub.errors import HubError, InputError
from tests.command import lema

QUESTION = (
    "A mill grinds 40 sacks of wheat in 8 hours. How many sacks does it grind in 12 hours at that pace?"
)


@pytest.fixture
def tests(tmp_path: Path) -> Path:
    (tmp_path / "tests.jsonl").write_text(json.dumps({"question": QUESTION, "id": "mill"}), encoding="utf-8")
    return tmp_path / "tests.jsonl"


def rows() -> list[dict[str, object]]:
    chat = [
        {"role": "user", "content": f"Please: {QUESTION.upper()}"},
        {"role": "assistant", "content": "60"},
    ]
    return [
        {"text": "nothing of the kind", "n": 3},
        {"messages": chat, "meta": None},
        {"text": QUESTION.replace("40", "48")},
    ]


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_question_in_a_chat_is_found_named_and_exits_1(tmp_path: Path, tests: Path) -> None:
    (tmp_path / "mine.jsonl").write_text("\n".join(map(json.dumps, rows())), encoding="utf-8")
    done = lema(
        None, "contamination", tmp_path / "mine.jsonl", "--against", tests, "--out", tmp_path / "hits.jsonl"
    )
    assert done.returncode == 1
    first, last = done.stdout.splitlines()
    assert first.startswith(
        "mine.jsonl:1: mill (whole, 22 words, in messages.content): a mill grinds 40 sacks"
    )
    assert last == "3 rows against tests.jsonl (1 questions): 1 hold a test question, 1 share a phrase"
    assert done.stderr.startswith("lema: 1 of 3 rows of ")
    (hit,) = map(json.loads, (tmp_path / "hits.jsonl").read_text(encoding="utf-8").splitlines())
    assert (hit["row"], hit["tests"], hit["test"], hit["kind"]) == (
        "mine.jsonl:1",
        "tests.jsonl",
        "mill",
        "whole",
    )


@pytest.mark.parametrize("name", ["mine.jsonl", "tests.jsonl"])
def test_no_file_that_is_read_is_written(tmp_path: Path, tests: Path, name: str) -> None:
    (tmp_path / "mine.jsonl").write_text("\n".join(map(json.dumps, rows())), encoding="utf-8")
    before = (tmp_path / name).read_bytes()
    done = call(tmp_path / "mine.jsonl", "--against", tests, "--out", tmp_path / name)
    assert isinstance(done.exception, InputError)
    assert "is among the files that are searched" in str(done.exception)
    assert (tmp_path / name).read_bytes() == before


def test_no_hits_are_written_among_the_rows(tmp_path: Path, tests: Path) -> None:
    """A second run would search the hits of the first."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/rows.jsonl").write_text(json.dumps(rows()[0]), encoding="utf-8")
    done = call(tmp_path / "mine", "--against", tests, "--out", tmp_path / "mine/hits.jsonl")
    assert "is among the files that are searched" in str(done.exception)
    assert not (tmp_path / "mine/hits.jsonl").exists()


def test_folders_and_parquet_are_read_and_dropped_rows_are_not(tmp_path: Path, tests: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for config, text in {"gsm8k": "clean", "rejected": QUESTION}.items():
        path = tmp_path / "built" / "data" / config / "train.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(pa.table({"text": [text], "steps": [[text, "x"]]}), path)
    done = call(tmp_path / "built", "--against", tests, "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {
        "rows": 1,
        "tests": {"tests.jsonl": 1},
        "rows_with_test_questions": 0,
        "rows_with_phrases": 0,
        "hits": [],
    }


def test_strict_counts_phrases(tmp_path: Path, tests: Path) -> None:
    (tmp_path / "mine.jsonl").write_text(json.dumps(rows()[2]), encoding="utf-8")
    assert call(tmp_path / "mine.jsonl", "--against", tests).exit_code == 0
    done = call(tmp_path / "mine.jsonl", "--against", tests, "--strict", "--json")
    assert isinstance(done.exception, InputError)
    assert json.loads(done.stdout)["hits"][0]["kind"] == "ngram"


def test_what_cannot_be_compared_is_an_error_and_no_pass(
    tmp_path: Path, tests: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    (tmp_path / "mine.jsonl").write_text(json.dumps(rows()[0]), encoding="utf-8")
    done = call(tmp_path / "mine.jsonl", "--tests", "gsm8k")
    assert isinstance(done.exception, HubError)
    assert str(done.exception).endswith("or give a copy with --against FILE.jsonl")
    (tmp_path / "empty").mkdir()
    done = call(tmp_path / "empty", "--against", tests)
    assert isinstance(done.exception, InputError)
    assert "holds neither JSONL nor Parquet" in str(done.exception)


def test_a_row_of_ours_is_read_by_the_columns_that_the_builder_compares(tmp_path: Path) -> None:
    place = "hours on the river that runs past the old village and its wooden church. How many sacks in"
    scored = {"question": f"A mill grinds 40 sacks in 8 {place} 12 hours?", "id": "river"}
    (tmp_path / "tests.jsonl").write_text(json.dumps(scored), encoding="utf-8")
    question = f"A mill grinds 7 sacks in 40 {place} 8 hours?"
    foreign = {"prompt": f"{question} Step 1: 12"}
    ours = {"problem_id": "nano/train/s2-1", "question": question, **foreign}
    for row, code in ((foreign, 1), (ours, 0)):
        (tmp_path / "rows.jsonl").write_text(json.dumps(row), encoding="utf-8")
        result = call(tmp_path / "rows.jsonl", "--against", tmp_path / "tests.jsonl")
        assert result.exit_code == code, result.output


def test_a_file_that_is_not_there_is_no_dataset_of_a_hub() -> None:
    result = call("rows.jsonl", "--tests", "nano")
    assert isinstance(result.exception, InputError)
    assert "there is no file 'rows.jsonl'" in str(result.exception)

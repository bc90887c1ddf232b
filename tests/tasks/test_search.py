"""Test questions in anybody's rows: which texts are compared, what counts, and what is an error."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lema_hub.errors import InputError
from lema_hub.tasks.held_out import HeldOut
from lema_hub.tasks.search import held_out_sets, rows_of, search

QUESTION = (
    "A mill grinds 40 sacks of wheat in 8 hours. How many sacks does it grind in 12 hours at that pace?"
)
SET = HeldOut(name="mill", repo=None, revision="1", ids=("mill",), questions=(QUESTION,))


def written(file: Path, *rows: object) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(rows)), file)
    else:
        file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


def test_all_texts_of_a_row_are_read_by_column(tmp_path: Path) -> None:
    row = {"text": "a", "n": 3, "messages": [{"role": "user", "content": "b"}, {"role": "x", "content": "c"}]}
    file = written(tmp_path / "rows.jsonl", row)
    assert list(rows_of(file)) == [
        ("rows.jsonl:0", {"text": "a", "messages.role": "user\nx", "messages.content": "b\nc"})
    ]


def test_of_rows_of_ours_the_columns_that_the_builder_compares(tmp_path: Path) -> None:
    row = {"problem_id": "nano/train/s2-1", "question": "a", "completion": "b", "prompt": "c"}
    file = written(tmp_path / "rows.jsonl", row)
    assert list(rows_of(file)) == [("rows.jsonl:0", {"question": "a", "completion": "b"})]


def test_a_folder_is_read_without_what_a_build_rejected(tmp_path: Path) -> None:
    written(tmp_path / "data/gsm8k/train.parquet", {"text": "kept"})
    written(tmp_path / "data/rejected/train.parquet", {"text": "dropped"})
    written(tmp_path / "more.jsonl", {"text": "too"})
    names = [name for name, _ in rows_of(tmp_path)]
    assert names == ["data/gsm8k/train.parquet:0", "more.jsonl:0"]


def test_hits_and_phrases_are_told_apart() -> None:
    rows = [
        ("a", {"text": "nothing of the kind"}),
        ("b", {"text": QUESTION}),
        ("c", {"text": QUESTION.replace("40", "48")}),
    ]
    found = search(rows, [SET])
    assert (found.rows, found.contaminated, found.phrases) == (3, 1, 1)
    assert [(name, hit.test_id) for name, hit in found.hits] == [("b", "mill")]
    strict = search(rows, [SET], strict=True)
    assert (strict.contaminated, strict.phrases) == (2, 0)


def test_test_sets_by_name_and_by_file(tmp_path: Path) -> None:
    file = written(tmp_path / "mine.jsonl", {"question": QUESTION})
    assert [one.name for one in held_out_sets(["nano"], [file])] == ["nano", "mine.jsonl"]
    assert [one.name for one in held_out_sets(against=[file])] == ["mine.jsonl"]


@pytest.mark.parametrize(
    ("content", "message"), [(None, "neither JSONL nor Parquet"), (b"PAR1 no", "not readable Parquet")]
)
def test_what_cannot_be_read_is_an_error(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "rows.parquet").write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(rows_of(tmp_path))

"""What a folder must be to be published: every fault is one line that names file, value and remedy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from lema_hub.artifacts.dataset import RECORDS, read_dataset
from lema_hub.artifacts.manifest import Manifest
from lema_hub.artifacts.parquet import read_table
from lema_hub.errors import InputError
from tests.built import MAKERS, build_dataset

TRAIN = "data/nano/train.parquet"


def edit(folder: Path, change: Callable[[pa.Table], pa.Table], path: str = TRAIN) -> None:
    pq.write_table(change(pq.read_table(folder / path)), folder / path)


def with_column(name: str, values: Callable[[pa.Table], object]) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        return table.set_column(table.column_names.index(name), name, values(table))

    return change


def first(name: str, value: object) -> Callable[[pa.Table], pa.Table]:
    """The column with another first value."""
    return with_column(name, lambda table: pa.array([value, *table[name].to_pylist()[1:]], table[name].type))


@pytest.mark.parametrize("kind", list(MAKERS))
def test_a_built_folder_gives_back_its_rows(tmp_path: Path, kind: str) -> None:
    built = read_dataset(build_dataset(tmp_path, kind))
    train = next(split for split in built.splits if split.path == TRAIN)
    record = RECORDS[kind]
    assert [record.from_row(row) for row in train.table.to_pylist()] == MAKERS[kind]("train", 12)
    assert built.count("license") == {"apache-2.0": 16}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop_columns(["explanation"]), "column 'explanation' of a Correction is missing"),
        (lambda t: t.append_column("note", t["question"]), "column 'note' is not a column of a Correction"),
        (
            with_column("incorrect_step", lambda t: t["question"]),
            "column 'incorrect_step' is string; expected int64",
        ),
        (first("license", None), "column 'license' of a Correction is null in row 0"),
        (first("error_type", "XX"), "column 'error_type' of a Correction is 'XX'; expected one of CA"),
        (first("path_verdict", "maybe"), "'maybe'; expected one of correct, wrong"),
        (lambda t: pa.concat_tables([t.slice(0, 11), t.slice(0, 1)]), "has 1 duplicate rows, first path_id"),
        (lambda t: t.slice(0, 5), "has 5 rows, the manifest says 12"),
        (first("split", "test"), "test question \"split = 'test'\" is in data/nano/train.parquet"),
        (first("problem_id", "gsm8k/test/17"), "test question 'gsm8k/test/17' is in data/nano/train.parquet"),
        (first("question", "x" * 2_100_000), "the Hub's viewer shows at most 2000000"),
    ],
)
def test_a_bad_table_is_refused(built: Path, change: Callable[[pa.Table], pa.Table], message: str) -> None:
    edit(built, change)
    with pytest.raises(InputError) as caught:
        read_dataset(built)
    assert message in str(caught.value)
    assert TRAIN in str(caught.value) or "config 'nano'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_problem_in_two_splits_is_refused(built: Path) -> None:
    shared = read_table(built / TRAIN)["problem_id"][0].as_py()
    edit(built, first("problem_id", shared), "data/nano/dev.parquet")
    with pytest.raises(InputError, match=r"is in the splits 'train' and 'dev'"):
        read_dataset(built)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda f: (f / "data/nano/extra.parquet").write_bytes(b"x"),
            "'data/nano/extra.parquet' .* not in the manifest",
        ),
        (lambda f: (f / TRAIN).unlink(), "is in the manifest but not in"),
        (lambda f: (f / TRAIN).write_bytes(b"PAR1"), "not a readable Parquet file"),
        (lambda f: (f / "manifest.json").unlink(), "no manifest.json"),
        (
            lambda f: replace(Manifest.read(f), configs={"rejected": {"train": 3}}).write(f),
            "no config with rows",
        ),
        (
            lambda f: replace(Manifest.read(f), configs={"../x": {"train": 3}}).write(f),
            "config '../x' is not a plain name",
        ),
    ],
)
def test_a_bad_folder_is_refused(built: Path, spoil: Callable[[Path], object], message: str) -> None:
    spoil(built)
    with pytest.raises(InputError, match=message):
        read_dataset(built)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not a folder; .*--out"):
        read_dataset(tmp_path / "nothing")


def test_harmless_differences_of_type_are_cast(built: Path) -> None:
    def loosen(table: pa.Table) -> pa.Table:
        columns = [
            pc.cast(column, pa.large_string()) if pa.types.is_string(column.type) else column
            for column in table.columns
        ]
        return pa.table(dict(zip(table.column_names, columns, strict=True))).select(
            sorted(table.column_names)
        )

    before = read_dataset(built)
    edit(built, loosen)
    after = read_dataset(built)
    assert all(a.table.equals(b.table) for a, b in zip(before.splits, after.splits, strict=True))

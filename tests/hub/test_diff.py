"""Diffs: against a plain comparison of rows in Python, on random edits; the level and the words that
follow.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lema_hub.artifacts.parquet import write_table
from lema_hub.errors import InputError
from lema_hub.hub.diff import SPLIT, Side, diff, rejections_only_in, rows_of
from lema_hub.records import Correction, Gate, Rejection
from tests.built import build_dataset, corrections, cot, manifest, write_rows

Rows = dict[str, list[Correction]]


def write(folder: Path, rows: Rows, rejected: list[Rejection] | None = None) -> Side:
    configs = {"nano": {split: len(members) for split, members in rows.items()}}
    for split, members in rows.items():
        write_rows(folder, "nano", split, members)
    if rejected:
        write_rows(folder, "rejected", "train", rejected)
        configs["rejected"] = {"train": len(rejected)}
    manifest("corrections", configs).write(folder)
    return Side.of(folder)


def key(row: Correction) -> tuple[str, ...]:
    return row.path.path_id, row.corrector, row.corrector_prompt_id


def edited(row: Correction, rng: Random) -> Correction:
    """The row with one or several fields changed, among them null, nested and empty ones."""
    edits: list[Callable[[Correction], Correction]] = [
        lambda r: replace(r, explanation=r.explanation + "!"),
        lambda r: replace(r, error_type=None),
        lambda r: replace(r, cost_usd=0.5),
        lambda r: replace(r, gates=()),
        lambda r: replace(r, gates=(*r.gates, Gate("review", "fail", None))),
        lambda r: replace(r, gates=(r.gates[0], replace(r.gates[1], score=0.5))),
        lambda r: replace(r, correct_steps=("".join(r.correct_steps),)),
        lambda r: replace(r, incorrect_step=r.incorrect_step + 1),
        lambda r: replace(r, path=replace(r.path, steps=(*r.path.steps[:-1], ""))),
    ]
    for edit in rng.sample(edits, rng.randrange(1, 4)):
        row = edit(row)
    return row


@pytest.mark.parametrize("seed", range(6))
def test_a_diff_is_what_a_plain_comparison_finds(tmp_path: Path, seed: int) -> None:
    rng = Random(seed)
    pool = corrections("train", 30)
    before: Rows = {"train": pool[:20], "dev": pool[20:24]}
    kept = rng.sample(pool[:24], 17)
    after_rows = [edited(row, rng) if rng.random() < 0.4 else row for row in kept] + pool[
        24 : 24 + rng.randrange(6)
    ]
    rng.shuffle(after_rows)
    after: Rows = {"train": after_rows[5:], "dev": after_rows[:5]}

    found = diff(write(tmp_path / "one", before), write(tmp_path / "two", after)).configs[0]

    old = {key(row): (split, row) for split, rows in before.items() for row in rows}
    new = {key(row): (split, row) for split, rows in after.items() for row in rows}
    assert set(found.added) == new.keys() - old.keys()
    assert set(found.dropped) == old.keys() - new.keys()
    expected = {}
    for identity in old.keys() & new.keys():
        was, now = old[identity][1].to_row(), new[identity][1].to_row()
        fields = {name for name in was if was[name] != now[name]}
        fields |= {SPLIT} if old[identity][0] != new[identity][0] else set()
        if fields:
            expected[identity] = fields
    assert {identity: set(fields) for identity, fields in found.changed.items()} == expected
    assert (found.rows_before, found.rows_after) == (24, len(after_rows))
    assert found.fields == Counter(name for fields in expected.values() for name in fields)


def test_the_same_version_differs_in_nothing(built: Path) -> None:
    difference = diff(Side.of(built), Side.of(built))
    assert difference.changes() == []
    assert (difference.level, difference.why) == ("patch", "no row changed")


def test_rejected_rows_are_told_apart_without_a_key(tmp_path: Path) -> None:
    rows = {"train": corrections("train", 4)}
    first, second = (
        Rejection(problem_id="p", path_id=path, stage="deduplicate", reason="duplicate", detail="", text=path)
        for path in ("one", "two")
    )
    old = write(tmp_path / "old", rows, [first, first])
    new = write(tmp_path / "new", rows, [first, second])
    assert [row["path_id"] for row in rejections_only_in(new, old)] == ["two"]
    assert [row["path_id"] for row in rejections_only_in(old, new)] == ["one"]
    assert rejections_only_in(new, write(tmp_path / "none", rows)) != []


def test_reasons_come_from_the_rejected_rows_of_the_newer_version(tmp_path: Path) -> None:
    pool = corrections("train", 10)
    gone = [Rejection(row.problem.problem_id, row.path.path_id, "gate", "leak", "", "") for row in pool[:3]]
    one = write(tmp_path / "one", {"train": pool})
    two = write(tmp_path / "two", {"train": [replace(pool[4], explanation="x"), *pool[5:]]}, gone)
    difference = diff(one, two)
    assert difference.changes() == [
        "config rejected added",
        "nano: 4 rows dropped (gate/leak 3), 1 row changed (explanation 1)",
    ]


@pytest.mark.parametrize(
    ("change", "level", "why"),
    [
        (lambda rows: rows[:9], "patch", "1 row repaired or dropped"),
        (lambda rows: [replace(rows[0], explanation="x"), *rows[1:]], "patch", "1 row repaired or dropped"),
        (lambda rows: rows + corrections("train", 1, start=500), "minor", "1 row added"),
        (lambda rows: [*rows[:9], *corrections("train", 1, start=500)], "minor", "1 row added"),
    ],
)
def test_level(tmp_path: Path, change, level: str, why: str) -> None:
    pool = corrections("train", 10)
    difference = diff(
        write(tmp_path / "one", {"train": pool}), write(tmp_path / "two", {"train": change(pool)})
    )
    assert (difference.level, difference.why) == (level, why)


def column(folder: Path, change: Callable[[pa.Table], pa.Table]) -> Side:
    for path in (folder / "data" / "nano").iterdir():
        write_table(change(pq.read_table(path)), path)
    return Side.of(folder)


def test_columns_that_come_go_or_change_their_type(tmp_path: Path) -> None:
    one = Side.of(build_dataset(tmp_path / "one"))
    grown = column(build_dataset(tmp_path / "two"), lambda t: t.append_column("note", t["question"]))
    assert diff(one, grown).changes() == ["nano: column note added"]
    assert (diff(one, grown).level, diff(one, grown).why) == ("minor", "column note of nano is new")
    assert diff(grown, one).level == "major"
    retyped = column(
        build_dataset(tmp_path / "three"),
        lambda t: t.set_column(t.column_names.index("seed"), "seed", t["seed"].cast(pa.float64())),
    )
    assert diff(one, retyped).level == "major"
    assert "column seed has another type" in diff(one, retyped).changes()[0]


def test_rows_on_request_are_whole_and_in_order(built: Path) -> None:
    side = Side.of(built)
    pool = [*corrections("train", 12), *corrections("dev", 4)]
    wanted = [pool[7], pool[14], pool[0]]
    assert [Correction.from_row(row) for row in rows_of(side, "nano", [key(row) for row in wanted])] == wanted
    assert rows_of(side, "nano", [("x", "y", "z")]) == []


def test_different_kinds_are_not_compared(built: Path, tmp_path: Path) -> None:
    other = Side.of(build_dataset(tmp_path / "cot", "cot"))
    with pytest.raises(InputError, match="compare versions of one dataset"):
        diff(Side.of(built), other)


def test_cot_rows_are_compared_too(tmp_path: Path) -> None:
    rows = cot("train", 6)
    for name, members in (("one", rows), ("two", [dataclasses.replace(rows[0], completion="x"), *rows[1:]])):
        write_rows(tmp_path / name, "nano", "train", members)
        manifest("cot", {"nano": {"train": 6}}).write(tmp_path / name)
    found = diff(Side.of(tmp_path / "one"), Side.of(tmp_path / "two"))
    assert found.changes() == ["nano: 1 row changed (completion 1)"]

"""Files of large splits: cut by content, so that a local change leaves the other files as they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from huggingface_hub import HfApi

from lema_hub.artifacts import shards
from lema_hub.errors import InputError
from lema_hub.hub.diff import Side, diff
from lema_hub.hub.publish import publish_dataset
from lema_hub.hub.pull import pull
from lema_hub.hub.verify import verify
from lema_hub.localhub import LocalHub
from tests.built import build_dataset, cot, manifest, write_rows
from tests.command import user


def table(ids: list[str]) -> pa.Table:
    return pa.table({"path_id": ids})


def pieces(ids: list[str]) -> set[tuple[str, ...]]:
    return {tuple(part["path_id"].to_pylist()) for part in shards.cut("nano", "train", table(ids)).values()}


@pytest.mark.parametrize("rows", [1, shards.WHOLE - 1, shards.WHOLE, 45_000, 200_000])
def test_files_hold_all_rows_in_order_and_are_not_many(rows: int) -> None:
    ids = [f"{number:x}" for number in range(rows)]
    cut = shards.cut("nano", "train", table(ids))
    assert [identity for part in cut.values() for identity in part["path_id"].to_pylist()] == ids
    assert len(cut) == 1 if rows < shards.WHOLE else 2 < len(cut) <= shards.FILES
    assert list(cut) == sorted(cut)


def test_a_local_change_leaves_nearly_all_files_alone() -> None:
    ids = [f"{number:x}" for number in range(45_000)]
    before = pieces(ids)
    for changed in (
        ids[:20_000] + ids[20_100:],
        ["new", *ids],
        [*ids, "new"],
        [*ids[:30_000], "a", "b", *ids[30_000:]],
    ):
        assert len(pieces(changed) - before) <= 3


def test_a_large_split_is_published_in_files_and_a_repair_sends_few(
    hub: LocalHub, api: HfApi, repo_id: str, tmp_path: Path
) -> None:
    rows = cot("train", 6_000)
    for name, members in (
        ("one", rows),
        (
            "two",
            [*rows[:3_000], *(replace(row, completion="mended") for row in rows[3_000:3_020]), *rows[3_020:]],
        ),
    ):
        write_rows(tmp_path / name, "nano", "train", members)
        manifest("cot", {"nano": {"train": 6_000}}).write(tmp_path / name)
    one = publish_dataset(tmp_path / "one", repo_id, version="0.1.0", api=api)
    files = [path for path in one.files if path.endswith(".parquet")]
    assert len(files) > 3
    two = publish_dataset(tmp_path / "two", repo_id, version="0.1.1", api=api)
    assert two.bytes < one.bytes / 2
    assert "| v0.1.1 | 6,000 | nano: 20 rows changed (completion 20) |" in two.card
    assert verify(repo_id, "v0.1.1", api=api).failed == ()
    pulled = pull(repo_id, "v0.1.0", out=tmp_path / "pulled", api=api).folder
    assert diff(Side.of(pulled), Side.of(tmp_path / "one")).changes() == []
    assert publish_dataset(pulled, repo_id, version="0.1.2", api=api, started=0).commit

    code = f"""
from datasets import load_dataset
rows = load_dataset({repo_id!r}, "nano", split="train", revision="v0.1.0")
streamed = load_dataset({repo_id!r}, split="train", revision="v0.1.1", streaming=True)
print(len(rows), rows[5999]["path_id"], sum(row["completion"] == "mended" for row in streamed))
"""
    done = user(hub, code, tmp_path / "home")
    assert done.stdout == f"6000 {rows[5999].path.path_id} 20\n", done.stderr


def test_a_missing_file_of_a_split_is_found(tmp_path: Path) -> None:
    folder = build_dataset(tmp_path)
    (folder / "data/nano/train.parquet").rename(folder / "data/nano/train-00000-of-00002.parquet")
    with pytest.raises(InputError, match="is one of 2 files, there are 1"):
        shards.find(folder)

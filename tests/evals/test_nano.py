"""The nano problems as a folder that LightEval loads."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lema_hub import nano
from lema_hub.evals.nano import SIZES, nano_folder
from lema_hub.records import Problem


def test_the_folder_holds_the_first_problems_of_each_stream() -> None:
    folder = nano_folder()
    for split, size in SIZES.items():
        rows = [Problem.from_row(row) for row in pq.read_table(folder / f"{split}.parquet").to_pylist()]
        assert rows == [made.problem for made in nano.generate(split, size)]


def test_it_is_made_once_and_named_after_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HOME", str(tmp_path))
    folder = nano_folder()
    before = (folder / "test.parquet").stat().st_mtime_ns
    assert nano_folder() == folder
    assert (folder / "test.parquet").stat().st_mtime_ns == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    monkeypatch.setitem(SIZES, "train", 99)
    assert nano_folder() != folder

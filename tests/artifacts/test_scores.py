"""The folder of a scored run, read as it was written, and what is said of one that is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from lema_hub.artifacts.scores import read_items, read_result
from lema_hub.errors import InputError
from tests.scored import BASE, run


def test_a_folder_reads_as_it_was_written(tmp_path: Path) -> None:
    folder = run(tmp_path / "base", "base", BASE, other="unparsed")
    items = read_items(folder)
    assert [item.verdict == "correct" for item in items] == BASE
    assert read_result(folder).scores[0].pass_at_1 == sum(BASE) / 200


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    path = run(tmp_path / "a", "a", BASE)
    pq.write_table(pq.read_table(path / "items.parquet").drop_columns(["verdict"]), path / "items.parquet")
    with pytest.raises(InputError, match="column 'verdict' is missing for a Score"):
        read_items(path)


def test_a_folder_that_is_no_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not a scored run.*lema eval"):
        read_result(tmp_path)
    with pytest.raises(InputError, match="lema eval"):
        read_items(tmp_path)
    (tmp_path / "scores.json").write_text('{"schema": 2}')
    with pytest.raises(InputError, match="cannot be read"):
        read_result(tmp_path)

"""Rows to Parquet: the records' own table, equal bytes for equal rows."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lema_hub import records
from lema_hub.artifacts.dataset import RECORDS
from lema_hub.artifacts.parquet import read_table, to_table, write_table
from tests.built import MAKERS


@pytest.mark.parametrize("kind", list(MAKERS))
def test_records_become_the_table_that_their_rows_make(kind: str) -> None:
    rows = MAKERS[kind]("train", 9)
    schema = records.schema(RECORDS[kind])
    assert to_table(rows, RECORDS[kind]).equals(
        pa.Table.from_pylist([row.to_row() for row in rows], schema=schema)
    )
    assert to_table([], RECORDS[kind]).equals(schema.empty_table())


def test_equal_tables_are_equal_bytes(built: Path, tmp_path: Path) -> None:
    table = read_table(built / "data/nano/train.parquet")
    write_table(table, tmp_path / "one.parquet")
    write_table(
        pa.concat_tables([table.slice(0, 5), table.slice(5)]).combine_chunks(), tmp_path / "two.parquet"
    )
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    meta = pq.ParquetFile(tmp_path / "one.parquet").metadata
    assert meta.row_group(0).column(0).compression == "ZSTD"
    assert meta.row_group(0).column(0).has_offset_index

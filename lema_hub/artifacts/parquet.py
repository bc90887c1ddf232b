"""Parquet as it is published: one writer, so that equal rows are equal bytes.

Pages end where the content says so (content-defined chunking), so that a Hub with chunk-level storage
receives only what changed; the page index lets the viewer and range readers fetch single pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lema_hub import records
from lema_hub.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

_FORM: dict[str, Any] = {
    "compression": "zstd",
    # The `datasets` library's own choice, in bytes of values before encoding.
    "use_content_defined_chunking": {
        "min_chunk_size": 256 * 1024,
        "max_chunk_size": 1024 * 1024,
        "norm_level": 0,
    },
    "write_page_index": True,
}
_BATCH = 8192  # rows


def to_table(rows: Sequence[Any], record: type) -> pa.Table:
    """Records as a table, column by column: a dict for every row would take three times as long."""
    import pyarrow as pa

    schema, layout = records.schema(record), records.columns(record)
    # Each embedded record is fetched once, not once for every one of its columns.
    owners = {owner: list(map(attrgetter(owner), rows)) if owner else rows for owner, _, _ in layout.values()}
    columns = [
        _array(list(map(attrgetter(name), owners[owner])), kind)
        for (owner, name, _), kind in zip(layout.values(), schema.types, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_list(kind):
        offsets = [0, *accumulate(map(len, values))]
        inner = _array([item for value in values for item in value], kind.value_type)
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), inner, type=kind)
    if pa.types.is_struct(kind):
        parts = [_array([getattr(value, part.name) for value in values], part.type) for part in kind]
        return pa.StructArray.from_arrays(parts, fields=list(kind))
    return pa.array(values, kind)


def write_rows(rows: Sequence[Any], record: type, path: Path) -> None:
    """Write records to `path`, some thousands at a time; equal rows give equal bytes."""
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, records.schema(record), **_FORM) as writer:
        for start in range(0, len(rows), _BATCH):
            writer.write_table(to_table(rows[start : start + _BATCH], record))


def write_table(table: pa.Table, path: Path) -> None:
    """Write the table to `path`; equal tables give equal bytes."""
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        table.replace_schema_metadata(None).combine_chunks(),
        path,
        **_FORM,
    )


def read_table(path: Path) -> pa.Table:
    """The whole table of a Parquet file.

    Raises:
        InputError: The file cannot be read as Parquet.
    """
    import pyarrow.parquet as pq

    with _readable(path):
        return pq.ParquetFile(path).read()


def read_schema(path: Path) -> pa.Schema:
    """The columns of a Parquet file and their types.

    Raises:
        InputError: The file cannot be read as Parquet.
    """
    import pyarrow.parquet as pq

    with _readable(path):
        return pq.read_schema(path)


def read_columns(paths: Iterable[Path], name: str) -> pa.ChunkedArray:
    """One column of several Parquet files, in their order.

    Raises:
        InputError: A file cannot be read as Parquet, or lacks the column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    chunks: list[pa.Array] = []
    kind = pa.string()
    for path in paths:
        with _readable(path):
            column = pq.ParquetFile(path).read(columns=[name])
        if name not in column.column_names:
            raise InputError(f"{str(path)!r} has no column {name!r}; it is not of this kind of dataset")
        kind = column[name].type
        chunks += column[name].chunks
    return pa.chunked_array(chunks, kind)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        said = " ".join(str(error).split())[:160]
        raise InputError(
            f"{str(path)!r} is not a readable Parquet file ({said}); build or pull it again"
        ) from error

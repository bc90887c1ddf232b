"""Parquet as it is published: one writer, so that equal rows are equal bytes.

Pages end where the content says so (content-defined chunking), so that a Hub with chunk-level storage
receives only what changed; the page index lets the viewer and range readers fetch single pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lema_hub.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

# The `datasets` library's own choice, in bytes of values before encoding.
_CHUNKS = {"min_chunk_size": 256 * 1024, "max_chunk_size": 1024 * 1024, "norm_level": 0}


def write_table(table: pa.Table, path: Path) -> None:
    """Write the table to `path`; equal tables give equal bytes."""
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        table.replace_schema_metadata(None),
        path,
        compression="zstd",
        use_content_defined_chunking=_CHUNKS,
        write_page_index=True,
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
            f"{str(path)!r} is no readable Parquet file ({said}); build or pull it again"
        ) from error

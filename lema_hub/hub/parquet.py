"""Parquet as it is published: one writer, so that equal rows are equal bytes.

Pages end where the content says so (content-defined chunking), so that a Hub with chunk-level storage
receives only what changed; the page index lets the viewer and range readers fetch single pages.
"""

from __future__ import annotations

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
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{str(path)!r} is no readable Parquet file ({error}); build the dataset again"
        ) from error

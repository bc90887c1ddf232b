"""How the rows of a split lie in files: one Parquet file, or several where there are many rows.

A large split is cut where the rows themselves say so (by a hash of their ids), not at fixed numbers: rows
that are added, dropped or repaired in one place change the file they are in, and every other file stays the
same bytes, which no Hub stores or receives twice.

    data/nano/train.parquet
    data/gsm8k/train-00000-of-00042.parquet
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from lema_hub.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

WHOLE = 4096
"""Splits of fewer rows stay in one file."""

FILES = 64
"""About the greatest number of files in a split; the Hub wants fewer than a hundred in a commit."""

_PATH = re.compile(
    r"data/(?P<config>[a-z0-9][a-z0-9_-]{0,63})/(?P<split>[a-z0-9_]{1,32}?)(?:-(?P<number>\d{5})-of-(?P<of>\d{5}))?\.parquet"
)


def pattern(config: str, split: str, paths: Iterable[str]) -> str:
    """What a card names as the data file of a split: its path, or a pattern that matches its files."""
    whole = f"data/{config}/{split}.parquet"
    return whole if whole in paths else f"data/{config}/{split}-*.parquet"


def cut(config: str, split: str, table: pa.Table) -> dict[str, pa.Table]:
    """The rows of each file of a split, by its path; equal neighbourhoods of rows are cut alike."""
    if table.num_rows < WHOLE:
        return {f"data/{config}/{split}.parquet": table}
    least = 512
    while table.num_rows / (2 * least) > FILES * 3 / 4:
        least *= 2
    starts = [0]
    column = "path_id" if "path_id" in table.column_names else "problem_id"
    for row, identity in enumerate(table[column].to_pylist()):
        size = row - starts[-1]
        if size >= 4 * least or (size >= least and zlib.crc32(identity.encode()) % least == 0):
            starts.append(row)
    ends = [*starts[1:], table.num_rows]
    return {
        f"data/{config}/{split}-{number:05}-of-{len(starts):05}.parquet": table.slice(start, end - start)
        for number, (start, end) in enumerate(zip(starts, ends, strict=True))
    }


def find(folder: Path) -> dict[tuple[str, str], list[str]]:
    """The data files of a folder, by config and split, in the order of their rows.

    Raises:
        InputError: A file under `data/` does not belong to a split, or a split lacks some of its files.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for path in sorted(
        path.relative_to(folder).as_posix() for path in (folder / "data").rglob("*") if path.is_file()
    ):
        match = _PATH.fullmatch(path)
        if match is None:
            raise InputError(
                f"{path!r} in {str(folder)!r} is not a data file; a stray file breaks loading: move it"
            )
        found.setdefault((match["config"], match["split"]), []).append(path)
    for paths in found.values():
        last = _PATH.fullmatch(paths[-1])
        expected = int(last["of"]) if last and last["of"] else 1
        if len(paths) != expected:
            raise InputError(
                f"{paths[-1]!r} in {str(folder)!r} is one of {expected} files, there are {len(paths)}; "
                "pull or build it again"
            )
    return found

"""Secrets in what is published: keys and tokens, found by file, column and row, and never repeated in a message.

    check_secrets([File("README.md", b"..."), File("data/nano/train.parquet", path)])

A published version never changes, so a key in it stays readable for ever. What counts as a secret is decided by
`lema_hub.redaction`. Weights are numbers; of a safetensors file only the header is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

from lema_hub.artifacts.files import File
from lema_hub.errors import InputError
from lema_hub.redaction import find_secrets

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH = 1_024  # rows that are searched as one text
_MAX_HEADER = 16 * 2**20
_CHUNK = 2**20
_OVERLAP = 16 * 2**10  # longer than any secret


@dataclass(frozen=True, slots=True)
class Leak:
    """Where a secret stands, and of what kind it is (`redaction.Kind`)."""

    path: str
    place: str
    kind: str

    def __str__(self) -> str:
        """File, place and kind."""
        return f"{self.path}{f', {self.place}' if self.place else ''} ({self.kind.replace('_', ' ')})"


def check_secrets(files: Iterable[File]) -> None:
    """Refuse to publish a secret.

    Raises:
        InputError: A file holds one; the message says where, and not what.
    """
    leaks = list(find_leaks(files))
    if leaks:
        more = f", and {len(leaks) - 1} more places" if len(leaks) > 1 else ""
        raise InputError(
            f"what looks like a secret stands in {leaks[0]}{more}; revoke it, drop or redact it, and build again"
        )


def find_leaks(files: Iterable[File]) -> Iterator[Leak]:
    """The places that hold what looks like a secret: at most one for each row of a column or line of a text."""
    for file in files:
        for finding in find_secrets(file.path):
            yield Leak("a file's name", "", finding.kind)
        if file.path.endswith(".parquet"):
            yield from _in_table(file)
        else:
            yield from _in_text(file)


def _in_table(file: File) -> Iterator[Leak]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = BytesIO(file.source) if isinstance(file.source, bytes) else file.source
    try:
        with pq.ParquetFile(source) as table:
            names = [field.name for field in table.schema_arrow if _has_text(field.type)]
            start = 0
            for batch in table.iter_batches(batch_size=_BATCH, columns=names):
                for name in names:
                    for row, kind in _in_column(batch.column(name)):
                        yield Leak(file.path, f"column {name!r}, row {start + row}", kind)
                start += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        said = " ".join(str(error).split())[:160]
        raise InputError(
            f"{file.path} is not a readable Parquet file ({said}); build or pull it again"
        ) from error


def _has_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return any(_has_text(field.type) for field in kind)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _has_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _in_column(column: pa.Array) -> Iterator[tuple[int, str]]:
    """The rows of a column that hold a secret, and of which kind."""
    texts = ["\n".join(_texts(value)) for value in column.to_pylist()]
    if not find_secrets("\n".join(texts)):
        return
    for row, text in enumerate(texts):
        if findings := find_secrets(text):
            yield row, findings[0].kind


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def _in_text(file: File) -> Iterator[Leak]:
    """A text is read in pieces that overlap, so that a secret on the edge of one is whole in the next."""
    with BytesIO(file.source) if isinstance(file.source, bytes) else file.source.open("rb") as stream:
        rest = _header(stream) if file.path.endswith(".safetensors") else None
        line, tail, last = 1, b"", 0
        while chunk := stream.read(_CHUNK if rest is None else min(_CHUNK, rest)):
            rest = rest if rest is None else rest - len(chunk)
            text = (tail + chunk).decode("utf-8", "replace")
            for finding in find_secrets(text):
                found = line + text.count("\n", 0, finding.start)
                if found > last:  # what is in the overlap was seen before
                    yield Leak(file.path, f"line {found}", finding.kind)
                last = max(last, found)
            tail = (tail + chunk)[-_OVERLAP:]
            line += text.count("\n") - tail.count(b"\n")


def _header(stream: BinaryIO) -> int:
    return min(int.from_bytes(stream.read(8), "little"), _MAX_HEADER)

"""Content-addressed bytes on the disk: `blobs/ab/cd...`, named by their sha256 and nothing that a client
says.

A blob is written to `tmp/` while it is hashed, synced, and only then renamed into place; the directories are
synced too. So a name under `blobs/` always holds the whole content, whenever the power goes.
"""

import hashlib
import logging
import math
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from lema_hub.localhub.errors import ApiError, StorageDamagedError

logger = logging.getLogger(__name__)

CHUNK_BYTES: Final = 1 << 20
_SYNC_THREADS: Final = 16
_RESERVE_BYTES: Final = 100_000_000


class Blobs:
    """The blob folder of one server directory.

    Args:
        directory: The server's directory; `blobs/` and `tmp/` are made below it.
    """

    def __init__(self, directory: Path) -> None:
        self._blobs = directory / "blobs"
        self._tmp = directory / "tmp"
        for folder in (self._blobs, self._tmp):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)  # contents of private repos, whatever the mode of the directory around them

    def path(self, sha256: str) -> Path:
        """Where the blob lies, whether or not it is there."""
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise ValueError(f"sha256 must be 64 lower-case hex digits, got {sha256!r:.80}")
        return self._blobs / sha256[:2] / sha256[2:]

    def read(self, sha256: str) -> bytes:
        """The whole content of a (small) blob."""
        try:
            return self.path(sha256).read_bytes()
        except FileNotFoundError:
            raise StorageDamagedError(f"blob {sha256} is missing on the disk: run `lema hub fsck`") from None

    def put(self, content: bytes) -> str:
        """Store bytes and return their sha256; durable when this returns."""
        with self.batch() as batch:
            sha256 = batch.add(content)
            batch.commit()
        return sha256

    def batch(self) -> "BlobBatch":
        """A batch of small blobs, which are synced together."""
        return BlobBatch(self)

    def writer(self, *, limit: int) -> "BlobWriter":
        """A writer for one blob of at most `limit` bytes."""
        return BlobWriter(self, self.unfinished(), limit)

    def part_writer(self, name: str, *, offset: int, limit: int) -> "PartWriter":
        """A writer for one part of a blob that arrives in parts; `name` tells one such blob from another."""
        return PartWriter(self._assembly(name), offset, limit)

    def assemble(self, name: str, *, expected: str, size: int) -> None:
        """Make a blob of the parts that were written under a name, which are removed.

        The content is copied: a part that is still being written could otherwise change a blob after its hash
        was checked.

        Raises:
            ApiError: 400 if parts are missing, or the content is not the `expected` one.
        """
        parts = self._assembly(name)
        try:
            with parts.open("rb") as file, self.writer(limit=size) as writer:
                while chunk := file.read(CHUNK_BYTES):
                    writer.write(chunk)
                writer.commit(expected=expected)
        except FileNotFoundError:
            raise ApiError(400, "No part of this upload has arrived") from None
        finally:
            parts.unlink(missing_ok=True)

    def _assembly(self, name: str) -> Path:
        return self._tmp / f"parts-{hashlib.sha256(name.encode()).hexdigest()}"

    def unfinished(self) -> Path:
        """A new name in `tmp/`."""
        return self._tmp / secrets.token_hex(16)

    def settle(self, written: Mapping[Path, str]) -> None:
        """Sync written files and give them their names, sha256 by path; durable when this returns.

        One sync after another waits for the disk each time. Many files are therefore synced by a few
        threads, after all of them are written: a thousand small files take a fifth of a second instead of
        ten.
        """
        if not written:
            return
        shards = {self.path(sha256).parent for sha256 in written.values()}
        fresh = [shard for shard in shards if not shard.exists()]
        for shard in fresh:
            shard.mkdir(mode=0o700, exist_ok=True)
        with ThreadPoolExecutor(min(_SYNC_THREADS, len(written))) as threads:
            # Replaces an equal blob on purpose: its new modification time keeps `gc` away from it.
            for _ in threads.map(lambda item: self._name(*item), written.items()):
                pass
            for _ in threads.map(_sync, [*shards, *([self._blobs] if fresh else [])]):
                pass

    def _name(self, path: Path, sha256: str) -> None:
        _sync(path)
        path.replace(self.path(sha256))

    def free_bytes(self) -> int:
        """Room on the disk for further blobs, less a reserve for the database."""
        return max(shutil.disk_usage(self._blobs).free - _RESERVE_BYTES, 0)

    def sweep(self, *, before: float = math.inf) -> int:
        """Remove what interrupted uploads left in `tmp/`, and return the number.

        Args:
            before: Spare what was written to since then (seconds since 1970); while a server runs, that must
                be longer ago than any upload takes.
        """
        leftovers = [
            path for path in self._tmp.iterdir() if path.is_file() and path.stat().st_mtime <= before
        ]
        for path in leftovers:
            path.unlink(missing_ok=True)
        if leftovers:
            logger.info("removed %d unfinished uploads", len(leftovers))
        return len(leftovers)

    def names(self) -> Iterator[str]:
        """The sha256 of every blob on the disk, sorted."""
        for shard in sorted(self._blobs.iterdir()):
            for path in sorted(shard.iterdir()):
                yield shard.name + path.name

    def verify(self, sha256: str) -> str | None:
        """Re-hash a blob; returns what is wrong with it, or None."""
        try:
            found = _hash(self.path(sha256))
        except FileNotFoundError:
            return "missing"
        except OSError as error:
            return f"unreadable ({error.strerror})"
        return None if found == sha256 else f"content hashes to {found}"


class BlobWriter:
    """One blob on its way to the disk; a context manager that removes what was not committed."""

    def __init__(self, blobs: Blobs, path: Path, limit: int) -> None:
        self._blobs = blobs
        self._path = path
        self._limit = limit
        self._digest = hashlib.sha256()
        self._file = _create(path)
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()  # writes what is buffered, which fails on a full disk
        finally:
            self._path.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Append a chunk; 413 as soon as the limit is passed."""
        self.size += len(chunk)
        if self.size > self._limit:
            raise ApiError(413, f"Upload is larger than the {self._limit} bytes that were announced")
        self._digest.update(chunk)
        self._file.write(chunk)

    def commit(self, *, expected: str | None = None) -> str:
        """Sync the bytes and give them their name; returns the sha256.

        Raises:
            ApiError: 400 if the content is not the `expected` one.
        """
        sha256 = self._digest.hexdigest()
        if expected is not None and sha256 != expected:
            raise ApiError(400, f"Upload has sha256 {sha256}, expected {expected}")
        self._file.close()
        self._blobs.settle({self._path: sha256})
        return sha256


class PartWriter:
    """One part of a blob on its way to the disk; a context manager."""

    def __init__(self, path: Path, offset: int, limit: int) -> None:
        self._limit = limit
        self._digest = hashlib.sha256()
        self._file = _create(path, exclusive=False)
        self._file.seek(offset)
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def sha256(self) -> str:
        """The hash of what was written."""
        return self._digest.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Append a chunk to the part; 413 as soon as the part's size is passed."""
        self.size += len(chunk)
        if self.size > self._limit:
            raise ApiError(413, f"Part is larger than its {self._limit} bytes")
        self._digest.update(chunk)
        self._file.write(chunk)


class BlobBatch:
    """Small blobs on their way to the disk; a context manager that removes what was not committed."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._written: dict[Path, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for path in self._written:
            path.unlink(missing_ok=True)

    def add(self, content: bytes) -> str:
        """Write a content to `tmp/`, and return its sha256."""
        path = self._blobs.unfinished()
        sha256 = hashlib.sha256(content).hexdigest()
        self._written[path] = sha256
        with _create(path) as file:
            file.write(content)
        return sha256

    def commit(self) -> None:
        """Sync all of them and give them their names."""
        self._blobs.settle(self._written)
        self._written.clear()


def _create(path: Path, *, exclusive: bool = True) -> BinaryIO:
    """Open a new file (or one that may be there, without cutting it off) that only its owner may read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | (os.O_EXCL if exclusive else 0), 0o600), "wb")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Wait until a file or a directory is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

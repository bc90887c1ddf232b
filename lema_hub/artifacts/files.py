"""A file of a release, by the hashes under which git, LFS and our manifests know it.

>>> File("a.txt", b"hello").git_sha1
'b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0'
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class File:
    """A file to publish: its path in the repo and its bytes, or where they lie."""

    path: str
    source: Path | bytes

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.source) if isinstance(self.source, bytes) else self.source.stat().st_size

    @cached_property
    def sha256(self) -> str:
        """The hash by which LFS knows the file."""
        if isinstance(self.source, bytes):
            return hashlib.sha256(self.source).hexdigest()
        with self.source.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    @cached_property
    def git_sha1(self) -> str:
        """The hash by which git knows the file."""
        content = self.source if isinstance(self.source, bytes) else self.source.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()

    def same_as(self, oid: str) -> bool:
        """Whether a remote file of that oid has the same bytes."""
        return oid == (self.sha256 if len(oid) == 64 else self.git_sha1)


def digest_of(content: Sequence[File]) -> str:
    """The hash of a release's content: its paths and their bytes, in any order."""
    lines = sorted(f"{file.path} {file.sha256}" for file in content)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()

"""The input files of batches, in a folder beside the ledger.

    runs/ledger.sqlite.batches/3f0c...e1.jsonl
    {"custom_id": "<the ledger's key>", "method": "POST", "url": "/v1/chat/completions", "body": {...}}

A file is there before anything is sent and until every answer to it is in the ledger: what a killed run leaves
here is what may be at the provider. Its name is the batch's tag there.
"""

from __future__ import annotations

import fcntl
import json
import os
import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lema_hub.errors import EngineError

MOST_REQUESTS = 50_000  # in one batch
MOST_BYTES = 200_000_000  # of one input file


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file, and those of its keys that this run wants."""

    path: Path
    keys: frozenset[str]

    @property
    def tag(self) -> str:
        """The name under which its batch is known."""
        return self.path.stem

    def remove(self) -> None:
        """Forget it: all its answers are known, or no batch was made of it."""
        self.path.unlink(missing_ok=True)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other processes from the folder: two would both make the batch that is missing.

    Raises:
        EngineError: Another process is there, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise EngineError(f"{str(folder)!r} cannot be written ({error}); free it and run again") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise EngineError(
                f"another process works with {str(folder)!r}; wait for it or take another ledger"
            ) from error
        yield


def left(folder: Path, wanted: Collection[str]) -> list[InputFile]:
    """The files of earlier runs that hold some of the keys that are wanted."""
    found = []
    for path in sorted(folder.glob("*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            keys = frozenset(
                key for key in (json.loads(text)["custom_id"] for text in lines) if key in wanted
            )
        if keys:
            found.append(InputFile(path, keys))
    return found


def write(folder: Path, rows: Iterable[tuple[str, object]], *, url: str, most: int) -> list[InputFile]:
    """Files for requests, cut by the limits of a batch, each safely on disk.

    Args:
        folder: Where they go.
        rows: Key and body of each request.
        url: The API's path.
        most: Requests in one file.

    Raises:
        EngineError: They cannot be written.
    """
    files: list[InputFile] = []
    texts: dict[str, bytes] = {}
    size = 0
    for key, body in rows:
        row = {"custom_id": key, "method": "POST", "url": url, "body": body}
        text = json.dumps(row).encode() + b"\n"
        if texts and (len(texts) == most or size + len(text) > MOST_BYTES):
            files.append(_keep(folder, texts))
            texts, size = {}, 0
        texts[key] = text
        size += len(text)
    return [*files, _keep(folder, texts)] if texts else files


def _keep(folder: Path, texts: dict[str, bytes]) -> InputFile:
    """Write a file so that it is there as a whole or not at all, even after a power cut."""
    path = folder / f"{uuid.uuid4().hex}.jsonl"
    part = path.with_suffix(".part")
    try:
        with part.open("wb") as out:
            out.writelines(texts.values())
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise EngineError(
            f"{str(path)!r} cannot be written ({error}); free some disk and run again"
        ) from error
    return InputFile(path, frozenset(texts))

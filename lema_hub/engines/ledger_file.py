"""The file of a ledger: its tables, how old files are brought up to date, and what is said when SQLite refuses.

    prompts    what was asked; many responses may have one
    samplings  how it was asked: `Sampling` as JSON, and the JSON Schema of structured answers
    responses  the answers, by the key of their requests, and when they came
    failures   the requests without an answer, by the same key; an answer deletes its failure

`PRAGMA user_version` counts the changes of these tables. An older file is changed in one transaction when it is
opened, with NULL for what it does not know; a file of a later version is refused and left as it is, and so is any
other SQLite database.

The trap: `journal_mode=WAL` is written into the file, so nothing is set before it is known to be a ledger.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from tenacity import retry, retry_if_exception, stop_after_delay, wait_random

from lema_hub.errors import EngineError, InputError

VERSION = 2
_APPLICATION = int.from_bytes(b"LeMa")
_TIMEOUT = 60  # seconds to wait for another process's transaction
_WAL_PAGES = 16384  # a checkpoint waits for the disk: every 64 MB, and when the last process closes the file
_FIRST = (  # version 0, as ledgers were before they were numbered
    "CREATE TABLE prompts (sha TEXT PRIMARY KEY, system TEXT, prompt TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE responses (
        key TEXT PRIMARY KEY, prompt_sha TEXT NOT NULL, stage TEXT NOT NULL, engine TEXT NOT NULL,
        model TEXT NOT NULL, revision TEXT, text TEXT NOT NULL, finish_reason TEXT,
        prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cost_usd REAL
    ) WITHOUT ROWID""",
    """CREATE TABLE failures (
        key TEXT PRIMARY KEY, stage TEXT NOT NULL, engine TEXT NOT NULL, model TEXT NOT NULL,
        reason TEXT NOT NULL, detail TEXT NOT NULL, attempts INTEGER NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TRIGGER answered AFTER INSERT ON responses
        BEGIN DELETE FROM failures WHERE key = NEW.key; END""",
)
_TO_1 = (
    "CREATE TABLE samplings (sha TEXT PRIMARY KEY, sampling TEXT NOT NULL, schema TEXT) WITHOUT ROWID",
    "ALTER TABLE responses ADD COLUMN sampling_sha TEXT",
    "ALTER TABLE responses ADD COLUMN sample_index INTEGER",
    "ALTER TABLE responses ADD COLUMN created INTEGER",  # seconds since 1970
    "ALTER TABLE failures ADD COLUMN revision TEXT",
    "ALTER TABLE failures ADD COLUMN created INTEGER",  # of the last attempt
)
_TO_2 = ("ALTER TABLE failures ADD COLUMN cost_usd REAL",)  # of all attempts
_CHANGES = (_TO_1, _TO_2)  # the n-th brings a file of version n to n + 1


def open_file(path: Path, *, create: bool = True, read_only: bool = False) -> sqlite3.Connection:
    """A connection to the ledger `path`, its tables up to date.

    Args:
        path: The file.
        create: Make it if there is none.
        read_only: Write nothing, not even beside the file.

    Raises:
        InputError: It is not a ledger, is of a later version or damaged, or cannot be opened.
    """
    try:
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
        elif not path.is_file():
            raise InputError(f"there is no ledger {str(path)!r}; give the ledger.sqlite of a run")
        return _open(path, read_only)
    except (OSError, sqlite3.Error) as error:
        raise InputError(f"{str(path)!r} cannot be opened as a ledger ({error}); {_remedy(error)}") from error


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into one line.

    Raises:
        EngineError: The ledger could not be read or written.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise EngineError(
            f"ledger {str(path)!r} cannot be used ({error}); {_remedy(error)}; what was answered before is kept"
        ) from error


def _remedy(error: Exception) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return "it is not a ledger, or it is damaged: give another file, or save what is left (sqlite3 FILE .recover)"
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "another process has been writing for a minute: wait for it and run again"
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        return "free some disk and run again"
    return "give a writable file or a new name"


def _locked(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


# Switching a new file to WAL ignores SQLite's own timeout: whoever comes second at that moment has to try again.
@retry(
    retry=retry_if_exception(_locked),
    wait=wait_random(0.01, 0.1),
    stop=stop_after_delay(_TIMEOUT),
    reraise=True,
)
def _open(path: Path, read_only: bool) -> sqlite3.Connection:
    mode = "rwc"
    if read_only:  # where no file can be made beside it, SQLite has to be told that nobody writes
        mode = "ro" if path.with_name(f"{path.name}-wal").exists() else "ro&immutable=1"
    uri = f"file:{quote(str(path))}?mode={mode}"
    db = sqlite3.connect(uri, uri=True, timeout=_TIMEOUT, isolation_level=None)
    try:
        version = _version(db, path)
        if read_only:
            if version != VERSION:
                raise InputError(
                    f"ledger {str(path)!r} is of version {version} and cannot be changed to {VERSION} because it is "
                    "read-only; make it writable, or copy it"
                )
            return db
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute(f"PRAGMA wal_autocheckpoint={_WAL_PAGES}")
        if version != VERSION:
            _change(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _version(db: sqlite3.Connection, path: Path) -> int | None:
    """The version of the tables in a file, None if it has none yet."""
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if not tables:
        return None
    if not {"prompts", "responses", "failures"} <= tables:
        raise InputError(f"{str(path)!r} is a database but no ledger; give the ledger.sqlite of a run")
    if version > VERSION:
        raise InputError(
            f"ledger {str(path)!r} is of version {version}, this lema_hub knows {VERSION}; upgrade lema_hub, "
            "the file is left as it was"
        )
    return version


def _change(db: sqlite3.Connection, path: Path) -> None:
    db.execute("BEGIN IMMEDIATE")
    try:
        version = _version(db, path)  # another process may have been first
        statements = [] if version is not None else list(_FIRST)
        for change in _CHANGES[version or 0 :]:
            statements += change
        for statement in statements:
            db.execute(statement)
        db.execute(f"PRAGMA application_id={_APPLICATION}")
        db.execute(f"PRAGMA user_version={VERSION}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise

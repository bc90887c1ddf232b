"""The SQLite database of the embedded Hub: one file, WAL, every commit on the disk before it is answered.

    store = Store(directory / "hub.sqlite3")
    with store.write() as db:            # BEGIN IMMEDIATE ... COMMIT, or ROLLBACK on an exception
        db.execute("INSERT INTO setting VALUES (?, ?)", ("colour", b"green"))

Several processes may open the same file (a running server and `lema hub token create` beside it).
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from lema_hub.localhub import lineage, schema, suffixes
from lema_hub.localhub.errors import HubError

_BUSY_SECONDS = 30.0


def now() -> str:
    """The present moment as the Hub writes dates: ``2026-11-21T09:05:16.123Z``."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Store:
    """Connections to the database, handed out for one transaction each.

    Args:
        path: The database file; made with its tables if it is missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        # SQLite waits for its write lock by polling; threads of one process queue here instead, in order.
        self._writer = threading.Lock()
        self._closed = False
        path.touch(mode=0o600)
        path.chmod(0o600)  # it holds the signing key; SQLite gives the same mode to its other files
        self._create()

    def _create(self) -> None:
        with self.read() as db:
            known: int = db.execute("PRAGMA user_version").fetchone()[0]
        if known == schema.VERSION:
            return  # without a write, which a full disk would refuse
        with self.write() as db:
            found: int = db.execute("PRAGMA user_version").fetchone()[0]
            if found <= schema.VERSION:
                scripts = [schema.SCHEMA] if found == 0 else []
                scripts += [script for version, script in schema.UPGRADES.items() if version > found]
                for statement in (part for script in scripts for part in script.split(";\n")):
                    db.execute(statement)
                if found < 3:
                    for (repo,) in db.execute("SELECT id FROM repo").fetchall():
                        lineage.rebuild(db, repo)
                        suffixes.rebuild(db, repo)
                db.execute(f"PRAGMA user_version = {schema.VERSION}")
            else:
                raise HubError(
                    f"{self._path} has schema version {found}, this server writes {schema.VERSION}: "
                    "serve it with the release that made it or a newer one, or start in an empty directory"
                )

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(
            self._path,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
        return db

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with self._guard:
            if self._closed:
                raise HubError(f"{self._path} is closed")
            db = self._idle.pop() if self._idle else None
        if db is None:
            db = self._open()
        try:
            yield db
        finally:
            self._release(db)

    def _release(self, db: sqlite3.Connection) -> None:
        with self._guard:
            if self._closed:
                db.close()
            else:
                self._idle.append(db)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one unchanging state of the database."""
        with self._connection() as db:
            db.execute("BEGIN")
            try:
                yield db
            finally:
                if db.in_transaction:  # an error of the disk has ended it already
                    db.execute("ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A connection that alone may write until the block ends."""
        with self._writer, self._connection() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                # A failed COMMIT may have ended the transaction already; the first error is the one to
                # report.
                with suppress(sqlite3.OperationalError):
                    db.execute("ROLLBACK")
                raise

    def setting(self, key: str, default: bytes) -> bytes:
        """The value stored under a key; the default is stored first if there is none."""
        with self.write() as db:
            db.execute("INSERT OR IGNORE INTO setting VALUES (?, ?)", (key, default))
            value: bytes = db.execute("SELECT value FROM setting WHERE key = ?", (key,)).fetchone()[0]
        return value

    def close(self) -> None:
        """Close every idle connection; those in use close when their block ends."""
        with self._guard:
            self._closed = True
            while self._idle:
                self._idle.pop().close()

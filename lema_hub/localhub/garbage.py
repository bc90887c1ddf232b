"""Removal of what no branch, tag or pull request reaches any more: commits, trees, files, and the bytes on the disk.

Uploads come before the commit that uses them, so everything younger than a period of grace is kept. A blob
that is wanted again by an upload counts as new. The disk is cleared under the write lock, after the database has
forgotten the contents: a collection that is killed leaves bytes too many, never too few.
"""

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lema_hub.localhub.blobs import Blobs
from lema_hub.localhub.store import Store

DEFAULT_GRACE_SECONDS: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection removed (or, dry, would remove)."""

    commits: int
    blobs: int
    bytes: int


class _DryRun(Exception):  # noqa: N818  # not an error: it rolls the transaction back
    pass


def collect(
    store: Store, blobs: Blobs, *, grace_seconds: float = DEFAULT_GRACE_SECONDS, dry_run: bool = False
) -> Collected:
    """Collect garbage; a server may run meanwhile, if the grace is longer than its uploads take.

    Args:
        store: The database.
        blobs: The blobs.
        grace_seconds: Age below which nothing is removed.
        dry_run: Count, and remove nothing.
    """
    if grace_seconds < 0:
        raise ValueError(f"grace_seconds must be >= 0, got {grace_seconds:g}")
    oldest = time.time() - grace_seconds
    if not dry_run:
        blobs.sweep(before=oldest)
        # What the database has forgotten already goes first: on a full disk this makes room for the rest.
        unused = _remove_unused(store, blobs, oldest)
        with store.write() as db:
            commits = _collect_rows(db, oldest)
        unused |= _remove_unused(store, blobs, oldest)
        return Collected(commits=commits, blobs=len(unused), bytes=sum(unused.values()))
    try:
        with store.write() as db:
            commits = _collect_rows(db, oldest)
            unused = _unused(db, blobs, oldest)
            raise _DryRun
    except _DryRun:
        return Collected(commits=commits, blobs=len(unused), bytes=sum(unused.values()))


def _collect_rows(db: sqlite3.Connection, oldest: float) -> int:
    return sum(_collect_repo(db, row["id"], oldest) for row in db.execute("SELECT id FROM repo").fetchall())


def _remove_unused(store: Store, blobs: Blobs, oldest: float) -> dict[Path, int]:
    """Remove the blobs that no repo holds; returns them with their sizes."""
    with store.write() as db:
        unused = _unused(db, blobs, oldest)
        for path in unused:
            path.unlink()
    return unused


def _unused(db: sqlite3.Connection, blobs: Blobs, oldest: float) -> dict[Path, int]:
    """The blobs on the disk that no repo holds, with their sizes."""
    found = {}
    for sha256 in blobs.names():
        if not db.execute("SELECT 1 FROM blob WHERE sha256 = ? AND NOT removed", (sha256,)).fetchone():
            path = blobs.path(sha256)
            stat = path.stat()
            if stat.st_mtime <= oldest:
                found[path] = stat.st_size
    return found


def _collect_repo(db: sqlite3.Connection, repo: int, oldest: float) -> int:
    db.execute(
        "CREATE TEMP TABLE IF NOT EXISTS live (kind TEXT, oid TEXT, PRIMARY KEY (kind, oid)) WITHOUT ROWID"
    )
    db.execute("DELETE FROM live")
    db.execute(
        "WITH RECURSIVE reach (oid) AS ("
        " SELECT target FROM ref WHERE repo = :repo"
        " UNION SELECT base_commit FROM discussion"
        "  WHERE repo = :repo AND base_commit IS NOT NULL AND status IN ('draft', 'open')"
        " UNION SELECT oid FROM commits WHERE repo = :repo AND created_at > :oldest"
        " UNION SELECT parent FROM commits JOIN reach ON commits.oid = reach.oid"
        "  WHERE commits.repo = :repo AND parent IS NOT NULL"
        ") INSERT INTO live SELECT 'commit', oid FROM reach",
        {"repo": repo, "oldest": oldest},
    )
    db.execute(
        "WITH RECURSIVE reach (kind, oid) AS ("
        " SELECT 'directory', tree FROM commits JOIN live ON live.kind = 'commit' AND live.oid = commits.oid"
        "  WHERE commits.repo = :repo"
        " UNION SELECT entry.kind, entry.oid FROM entry"
        "  JOIN reach ON reach.kind = 'directory' AND entry.tree = reach.oid"
        "  WHERE entry.repo = :repo"
        ") INSERT INTO live SELECT kind, oid FROM reach",
        {"repo": repo},
    )
    dead = db.execute(
        "DELETE FROM commits WHERE repo = ? AND oid NOT IN (SELECT oid FROM live WHERE kind = 'commit')",
        (repo,),
    )
    db.execute(
        "DELETE FROM change WHERE repo = ? AND oid NOT IN (SELECT oid FROM live WHERE kind = 'commit')",
        (repo,),
    )
    for table in ("entry", "tree_suffix"):
        db.execute(
            f"DELETE FROM {table} WHERE repo = ?"  # noqa: S608
            " AND tree NOT IN (SELECT oid FROM live WHERE kind = 'directory')",
            (repo,),
        )
    db.execute(
        "DELETE FROM file WHERE repo = ? AND oid NOT IN (SELECT oid FROM live WHERE kind = 'file')", (repo,)
    )
    db.execute(
        "DELETE FROM blob WHERE repo = ? AND touched_at <= ?"
        " AND NOT EXISTS (SELECT 1 FROM file WHERE file.repo = blob.repo AND file.sha256 = blob.sha256)",
        (repo, oldest),
    )
    return dead.rowcount

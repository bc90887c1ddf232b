"""A check of everything that a server directory holds, from refs down to the bytes on the disk.

Every blob is hashed again, every tree and commit id computed again. Nothing is repaired: what is damaged
is named, with the repo that it belongs to, so that it can be uploaded again.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lema_hub.localhub import commits, lineage, suffixes, trees
from lema_hub.localhub.blobs import Blobs
from lema_hub.localhub.store import Store


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found; `unreferenced` blobs belong to no repo any more and wait for the collection."""

    blobs: int
    bytes: int
    repos: int
    commits: int
    unreferenced: int
    problems: tuple[str, ...]


# Each row: the thing, what it lacks, its repo.
_DANGLING: Final = {
    "ref {0} of {2} points to the missing commit {1}": """
        SELECT ref.name, ref.target, namespace || '/' || repo.name FROM ref JOIN repo ON repo.id = ref.repo
        WHERE NOT EXISTS (SELECT 1 FROM commits AS c WHERE c.repo = ref.repo AND c.oid = target)""",
    "pull request {0} of {2} started from the missing commit {1}": """
        SELECT num, base_commit, namespace || '/' || repo.name FROM discussion AS d JOIN repo ON repo.id = d.repo
        WHERE base IS NOT NULL AND status IN ('draft', 'open')
          AND NOT EXISTS (SELECT 1 FROM commits AS c WHERE c.repo = d.repo AND c.oid = base_commit)""",
    "pull request {0} of {2} has lost its commits: there is no {1}": """
        SELECT num, 'refs/pr/' || num, namespace || '/' || repo.name FROM discussion AS d
        JOIN repo ON repo.id = d.repo
        WHERE base IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM ref WHERE ref.repo = d.repo AND ref.name = 'refs/pr/' || num)""",
    "commit {0} of {2} has the missing parent {1}": """
        SELECT c.oid, c.parent, namespace || '/' || name FROM commits AS c JOIN repo ON repo.id = c.repo
        WHERE c.parent IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM commits AS p WHERE p.repo = c.repo AND p.oid = c.parent)""",
    "file {0} of {2} has the missing git object {1}": """
        SELECT e.name, e.oid, namespace || '/' || repo.name FROM entry AS e JOIN repo ON repo.id = e.repo
        WHERE kind = 'file'
          AND NOT EXISTS (SELECT 1 FROM file WHERE file.repo = e.repo AND file.oid = e.oid)""",
    "git object {0} of {2} has no recorded content {1}": """
        SELECT file.oid, file.sha256, namespace || '/' || name FROM file JOIN repo ON repo.id = file.repo
        WHERE NOT EXISTS (SELECT 1 FROM blob WHERE blob.repo = file.repo AND blob.sha256 = file.sha256)""",
}


def check(store: Store, blobs: Blobs, *, progress: Callable[[int, int], None] | None = None) -> Report:
    """Check a server directory; a server may run meanwhile.

    Args:
        store: Its database.
        blobs: Its blobs.
        progress: Called with (blobs checked, blobs in all).
    """
    problems: list[str] = []
    with store.read() as db:
        for row in db.execute("PRAGMA integrity_check"):
            if row[0] != "ok":
                problems.append(f"database: {row[0]}")
        for sentence, query in _DANGLING.items():
            problems += [sentence.format(*row) for row in db.execute(query)]
        problems += _wrong_ids(db)
        problems += _wrong_index(db)
        expected = {
            row["sha256"]: (row["size"], row["repo"])
            for row in db.execute(
                "SELECT sha256, size, min(repo.namespace || '/' || repo.name) AS repo "
                "FROM blob JOIN repo ON repo.id = blob.repo WHERE NOT removed GROUP BY sha256"
            )
        }
        repos = db.execute("SELECT count(*) FROM repo").fetchone()[0]
        history = db.execute("SELECT count(*) FROM commits").fetchone()[0]
    on_disk = set(blobs.names())
    total = 0
    for number, sha256 in enumerate(sorted(expected), start=1):
        size, repo = expected[sha256]
        fault = blobs.verify(sha256)
        if fault is not None:
            problems.append(f"blob {sha256} of {repo} is damaged: {fault}")
        total += size
        if progress is not None:
            progress(number, len(expected))
    return Report(
        blobs=len(expected),
        bytes=total,
        repos=repos,
        commits=history,
        unreferenced=len(on_disk - expected.keys()),
        problems=tuple(problems),
    )


def _wrong_ids(db: sqlite3.Connection) -> list[str]:
    """Trees and commits whose content does not hash to their id, and commits without their tree."""
    wrong: list[str] = []
    known: set[tuple[int, str]] = set()
    for row in db.execute("SELECT DISTINCT repo, tree FROM entry").fetchall():
        repo, tree = row["repo"], row["tree"]
        lines = db.execute("SELECT name, kind, oid FROM entry WHERE repo = ? AND tree = ?", (repo, tree))
        if trees.tree_id({name: (kind, oid) for name, kind, oid in lines}) != tree:
            wrong.append(f"tree {tree} of repo {repo} does not hash to its id")
        known.add((repo, tree))
    for row in db.execute("SELECT repo, oid FROM commits").fetchall():
        commit = commits.get(db, row["repo"], row["oid"])
        if commits.commit_id(commit) != commit.oid:
            wrong.append(f"commit {commit.oid} of repo {row['repo']} does not hash to its id")
        if commit.tree != trees.EMPTY_TREE and (row["repo"], commit.tree) not in known:
            wrong.append(f"commit {commit.oid} of repo {row['repo']} has no tree {commit.tree}")
    for row in db.execute("SELECT repo, name, oid FROM entry WHERE kind = 'directory'"):
        if (row["repo"], row["oid"]) not in known:
            wrong.append(f"directory {row['name']} of repo {row['repo']} has no tree {row['oid']}")
    return wrong


def _wrong_index(db: sqlite3.Connection) -> list[str]:
    """Commits and trees of which something else is stored than what follows from their content."""
    wrong: list[str] = []
    for repo in [row["id"] for row in db.execute("SELECT id FROM repo")]:
        wrong += [
            f"commit {oid} of repo {repo} is not indexed by what it changed"
            for oid in lineage.faults(db, repo)
        ]
        wrong += [
            f"tree {oid} of repo {repo} is not indexed by its files' names"
            for oid in suffixes.faults(db, repo)
        ]
    return wrong

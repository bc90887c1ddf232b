"""The large files of a repo over all its history, and their deletion for good.

A deletion takes the content away from the repo. With a rewrite of the history, the branches and pull requests get
new commits without the files; without one, their pointers stay in the trees and lead nowhere. What a tag holds
cannot be deleted, because a tag never moves. The bytes go at the next garbage collection.
"""

import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from lema_hub.localhub import commits, lineage, refs, trees
from lema_hub.localhub.commits import Commit
from lema_hub.localhub.errors import ApiError


@dataclass(frozen=True, slots=True)
class LfsFile:
    """A large file: where it was first seen, and under which ref (None if no ref reaches it any more)."""

    oid: str
    sha256: str
    size: int
    path: str
    ref: str | None
    pushed_at: int


def listing(db: sqlite3.Connection, repo: int) -> list[LfsFile]:
    """Every large file that commits of the repo hold and that was not deleted, by its first path."""
    rows = db.execute(
        "SELECT file.oid, sha256, file.size FROM file JOIN blob USING (repo, sha256)"
        " WHERE file.repo = ? AND lfs AND NOT removed",
        (repo,),
    )
    wanted = {row["oid"]: row for row in rows.fetchall()}
    found: dict[str, LfsFile] = {}
    for ref, line in _lines(db, repo) if wanted else ():
        here: dict[str, LfsFile] = {}
        for commit, parent in line:
            for path, kind, oid in lineage.changed(
                db, repo, None if parent is None else parent.tree, commit.tree
            ):
                if kind == "file" and oid in wanted and oid not in found:
                    sha256, size = wanted[oid]["sha256"], wanted[oid]["size"]
                    # Lines go back in time, so what stays is the first commit with the file.
                    here[oid] = LfsFile(oid, sha256, size, path, ref, commit.created_at)
        found |= here
    return sorted(found.values(), key=lambda file: (file.path, file.pushed_at, file.oid))


def _lines(
    db: sqlite3.Connection, repo: int
) -> Iterator[tuple[str | None, Iterator[tuple[Commit, Commit | None]]]]:
    """Each ref with the commits that no ref before it reaches, and at last those that none reaches."""
    seen: set[str] = set()

    def back(oid: str | None) -> Iterator[tuple[Commit, Commit | None]]:
        commit = commits.get(db, repo, oid) if oid is not None else None
        while commit is not None and commit.oid not in seen:
            seen.add(commit.oid)
            parent = commits.get(db, repo, commit.parent) if commit.parent is not None else None
            yield commit, parent
            commit = parent

    for ref in [
        *refs.listing(db, repo, "branch"),
        *refs.listing(db, repo, "pull"),
        *refs.listing(db, repo, "tag"),
    ]:
        yield ref.ref, back(ref.target)
    rows = db.execute("SELECT oid FROM commits WHERE repo = ? ORDER BY depth DESC, oid", (repo,))
    for (oid,) in rows.fetchall():
        yield None, back(oid)


def delete(db: sqlite3.Connection, repo: int, shas: Collection[str], *, rewrite: bool) -> dict[str, str]:
    """Delete contents for good, and tell the new id of each commit that was written again.

    Args:
        db: A writing transaction.
        repo: Row id of the repo.
        shas: The sha256 of the contents.
        rewrite: Write the history again without the files.

    Raises:
        ApiError: 404 if the repo has no such large file, 409 if a tag holds one.
    """
    doomed: set[str] = set()
    for sha256 in shas:
        rows = db.execute(
            "SELECT file.oid FROM file JOIN blob USING (repo, sha256)"
            " WHERE file.repo = ? AND sha256 = ? AND lfs AND NOT removed",
            (repo, sha256),
        ).fetchall()
        if not rows:
            raise ApiError(404, f"The repo has no large file with sha256 {sha256!r:.80}")
        doomed |= {oid for (oid,) in rows}
    strip = _Strip(db, repo, doomed)
    for tag in refs.listing(db, repo, "tag"):
        tree = commits.get(db, repo, tag.target).tree
        if strip.of(tree) != tree:
            raise ApiError(
                409, f"Tag {tag.name} holds a file to delete, and never moves: delete the tag first"
            )
    # A small file with the same content keeps it.
    db.executemany(
        "UPDATE blob SET removed = 1 WHERE repo = ? AND sha256 = ? AND NOT EXISTS"
        " (SELECT 1 FROM file WHERE file.repo = blob.repo AND file.sha256 = blob.sha256 AND NOT lfs)",
        [(repo, sha256) for sha256 in shas],
    )
    return _rewrite(db, repo, strip) if rewrite else {}


class _Strip:
    """Trees without certain files; each tree is done once, however many commits share it."""

    def __init__(self, db: sqlite3.Connection, repo: int, doomed: Collection[str]) -> None:
        self._db = db
        self._repo = repo
        self._doomed = doomed
        self._done: dict[str, str] = {trees.EMPTY_TREE: trees.EMPTY_TREE}

    def of(self, tree: str) -> str:
        """The id of the tree that is left; the empty one if nothing is."""
        if tree not in self._done:
            left = {}
            for name, (kind, oid) in trees.lines_of(self._db, self._repo, tree).items():
                kept = self.of(oid) if kind == "directory" else oid
                if kept != trees.EMPTY_TREE and kept not in self._doomed:
                    left[name] = (kind, kept)
            self._done[tree] = trees.store(self._db, self._repo, left) if left else trees.EMPTY_TREE
        return self._done[tree]


def _rewrite(db: sqlite3.Connection, repo: int, strip: _Strip) -> dict[str, str]:
    new: dict[str, str] = {}
    for ref in [*refs.listing(db, repo, "branch"), *refs.listing(db, repo, "pull")]:
        waiting = []
        oid: str | None = ref.target
        while oid is not None and oid not in new:
            waiting.append(commits.get(db, repo, oid))
            oid = waiting[-1].parent
        for commit in reversed(waiting):
            parent = None if commit.parent is None else new[commit.parent]
            changed = replace(commit, tree=strip.of(commit.tree), parent=parent)
            new[commit.oid] = commits.store(db, repo, changed).oid
        refs.set_head(db, repo, ref.ref, new[ref.target])
    return {old: oid for old, oid in new.items() if old != oid}


def is_removed(db: sqlite3.Connection, repo: int, sha256: str) -> bool:
    """Whether a content was deleted for good, and not uploaded again."""
    row = db.execute("SELECT removed FROM blob WHERE repo = ? AND sha256 = ?", (repo, sha256)).fetchone()
    return row is not None and bool(row["removed"])

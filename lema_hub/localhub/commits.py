"""Commits: snapshots of a repo, with the ids that git would give them, and the history that they form."""

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace

from lema_hub.localhub import lineage, refs, trees
from lema_hub.localhub.errors import revision_not_found
from lema_hub.localhub.store import now


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of a repo; `created_at` is in seconds since 1970."""

    oid: str
    tree: str
    parent: str | None
    author: str
    title: str
    message: str
    created_at: int


def get(db: sqlite3.Connection, repo: int, oid: str) -> Commit:
    """The commit with that full id.

    Raises:
        ApiError: 404 RevisionNotFound.
    """
    row = db.execute("SELECT * FROM commits WHERE repo = ? AND oid = ?", (repo, oid)).fetchone()
    if row is None:
        raise revision_not_found(oid)
    return Commit(
        oid=row["oid"],
        tree=row["tree"],
        parent=row["parent"],
        author=row["author"],
        title=row["title"],
        message=row["message"],
        created_at=row["created_at"],
    )


def history(db: sqlite3.Connection, repo: int, oid: str, limit: int) -> list[Commit]:
    """A commit and those before it, newest first, at most `limit` of them."""
    found: list[Commit] = []
    following: str | None = oid
    while following is not None and len(found) < limit:
        found.append(get(db, repo, following))
        following = found[-1].parent
    return found


def last_changes(
    db: sqlite3.Connection, repo: int, commit: Commit, paths: Sequence[str]
) -> dict[str, Commit]:
    """For each path of a commit, the newest commit up to it that changed the path."""
    last = lineage.last_changes(db, repo, commit.oid, paths)
    known = {oid: get(db, repo, oid) for oid in set(last.values())}
    return {path: known[oid] for path, oid in last.items()}


def write(
    db: sqlite3.Connection, repo: int, *, tree: str, parent: str | None, author: str, title: str, message: str
) -> Commit:
    """Write a commit object, with the id that git would give it; moves no branch."""
    new = Commit(
        oid="",
        tree=tree,
        parent=parent,
        author=author,
        title=title,
        message=message,
        created_at=int(time.time()),
    )
    return store(db, repo, new)


def store(db: sqlite3.Connection, repo: int, commit: Commit) -> Commit:
    """Store a commit under the id that its content gives it, whatever id it had."""
    new = replace(commit, oid=commit_id(commit))
    db.execute(
        "INSERT OR IGNORE INTO commits VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (repo, *astuple(new), *lineage.place(db, repo, new.oid, new.parent)),
    )
    lineage.record(db, repo, new.oid)
    return new


def commit_id(commit: Commit) -> str:
    """The id that git gives to a commit of this content."""
    signature = f"{commit.author} <{commit.author}@localhub> {commit.created_at} +0000"
    lines = [f"tree {commit.tree}", *([f"parent {commit.parent}"] if commit.parent else [])]
    lines += [f"author {signature}", f"committer {signature}", "", commit.title]
    lines += ["", commit.message] if commit.message else []
    return trees.git_id("commit", "\n".join([*lines, ""]).encode())


def squash(db: sqlite3.Connection, repo: int, branch: str, message: str, author: str) -> Commit:
    """Replace the history of a branch by one commit with the same files; tags keep their commits.

    Raises:
        ApiError: 404 RevisionNotFound.
    """
    tip = refs.head(db, repo, branch)
    if tip is None:
        raise revision_not_found(branch)
    tree = get(db, repo, tip).tree
    new = write(db, repo, tree=tree, parent=None, author=author, title=message, message="")
    refs.set_head(db, repo, branch, new.oid)
    db.execute("UPDATE repo SET updated_at = ? WHERE id = ?", (now(), repo))
    return new

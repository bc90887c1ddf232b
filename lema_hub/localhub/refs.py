"""Branches, tags, the heads of pull requests, and what a revision means.

A tag never moves: making it again is a 409, wherever it points. A branch and a tag cannot share a name, so
that nobody can slip a branch in front of a published version. A tag like `v1.0.0` is a release.
"""

import re
import sqlite3
from dataclasses import dataclass
from typing import Final, Literal

from lema_hub.localhub.errors import ApiError, revision_not_found
from lema_hub.localhub.paths import check_ref_name, is_commit_id

MAIN: Final = "main"
_HEADS: Final = "refs/heads/"
_TAGS: Final = "refs/tags/"
PULLS: Final = "refs/pr/"
_RELEASE = re.compile(r"v[0-9]+\.[0-9]+\.[0-9]+.*")
_SHORT_ID = re.compile(r"[0-9a-f]{7,39}")


@dataclass(frozen=True, slots=True)
class Ref:
    """A branch or a tag; `name` is the short one, `ref` the full one, `target` a commit id."""

    name: str
    ref: str
    target: str


def _target(db: sqlite3.Connection, repo: int, ref: str) -> str | None:
    row = db.execute("SELECT target FROM ref WHERE repo = ? AND name = ?", (repo, ref)).fetchone()
    return None if row is None else str(row["target"])


def _full(branch: str) -> str:
    """The full name of what commits may move: a branch by its short name, a pull request by `refs/pr/N`."""
    if branch.startswith((_HEADS, PULLS)):
        return branch
    if branch.startswith("refs/"):
        raise revision_not_found(branch)
    return _HEADS + branch


def head(db: sqlite3.Connection, repo: int, branch: str) -> str | None:
    """The commit that a branch or a pull request points to, or None if there is none of that name."""
    return _target(db, repo, _full(branch))


def set_head(db: sqlite3.Connection, repo: int, branch: str, commit: str) -> None:
    """Let a branch or a pull request point to a commit; makes it if it is missing."""
    db.execute(
        "INSERT INTO ref (repo, name, target) VALUES (?, ?, ?) "
        "ON CONFLICT (repo, name) DO UPDATE SET target = excluded.target",
        (repo, _full(branch), commit),
    )


def resolve(db: sqlite3.Connection, repo: int, revision: str) -> str:
    """The commit id that a revision means: a branch, a tag, a full ref, a commit id or its first 7 digits
    or more.

    Raises:
        ApiError: 404 RevisionNotFound.
    """
    for name in (_HEADS + revision, _TAGS + revision, revision):
        target = _target(db, repo, name)
        if target is not None:
            return target
    if is_commit_id(revision):
        if db.execute("SELECT 1 FROM commits WHERE repo = ? AND oid = ?", (repo, revision)).fetchone():
            return revision
    elif _SHORT_ID.fullmatch(revision):
        rows = db.execute(
            "SELECT oid FROM commits WHERE repo = ? AND oid BETWEEN ? AND ? LIMIT 2",
            (repo, revision, revision + "g"),
        ).fetchall()
        if len(rows) == 1:
            return str(rows[0]["oid"])
    raise revision_not_found(revision)


def listing(db: sqlite3.Connection, repo: int, kind: Literal["branch", "tag", "pull"]) -> list[Ref]:
    """Every branch, tag or pull request, by name; `main` comes first."""
    prefix = {"branch": _HEADS, "tag": _TAGS, "pull": PULLS}[kind]
    rows = db.execute("SELECT name, target FROM ref WHERE repo = ? ORDER BY name", (repo,)).fetchall()
    found = [
        Ref(name=row["name"].removeprefix(prefix), ref=row["name"], target=row["target"])
        for row in rows
        if row["name"].startswith(prefix)
    ]
    return sorted(found, key=lambda ref: (ref.name != MAIN, ref.name))


def release(db: sqlite3.Connection, repo: int) -> str | None:
    """The first release that a repo holds, or None if it holds none."""
    names = (tag.name for tag in listing(db, repo, "tag"))
    return next((name for name in names if _RELEASE.fullmatch(name)), None)


def create_branch(db: sqlite3.Connection, repo: int, branch: str, starting_point: str | None) -> None:
    """Make a branch at a revision (`main` if none is given).

    Raises:
        ApiError: 400 for a bad name or that of a tag, 404 for an unknown starting point, 409 if it exists.
    """
    check_ref_name(branch, "branch")
    target = resolve(db, repo, starting_point or MAIN)
    _refuse_taken(db, repo, branch, _HEADS)
    set_head(db, repo, branch, target)


def delete_branch(db: sqlite3.Connection, repo: int, branch: str) -> None:
    """Delete a branch; its commits stay until the next garbage collection.

    Raises:
        ApiError: 403 for `main`, 404 if there is no such branch.
    """
    if branch == MAIN:
        raise ApiError(403, f"Cannot delete {_HEADS}{MAIN}")
    if db.execute("DELETE FROM ref WHERE repo = ? AND name = ?", (repo, _HEADS + branch)).rowcount == 0:
        raise revision_not_found(branch)


def create_tag(db: sqlite3.Connection, repo: int, tag: str, revision: str, message: str | None) -> None:
    """Tag a revision, for good.

    Raises:
        ApiError: 404 for an unknown revision (looked at first, as the Hub does), 400 for a bad name or that of
            a branch, 409 if it exists.
    """
    target = resolve(db, repo, revision)
    check_ref_name(tag, "tag")
    _refuse_taken(db, repo, tag, _TAGS)
    db.execute("INSERT INTO ref VALUES (?, ?, ?, ?)", (repo, _TAGS + tag, target, message))


def delete_tag(db: sqlite3.Connection, repo: int, tag: str) -> None:
    """Delete a tag.

    Raises:
        ApiError: 404 if there is no such tag.
    """
    if db.execute("DELETE FROM ref WHERE repo = ? AND name = ?", (repo, _TAGS + tag)).rowcount == 0:
        raise revision_not_found(tag)


def _refuse_taken(db: sqlite3.Connection, repo: int, name: str, own: str) -> None:
    if _target(db, repo, own + name) is not None:
        raise ApiError(409, f"Reference {own}{name} already exists")
    other = _TAGS if own == _HEADS else _HEADS
    if _target(db, repo, other + name) is not None:
        # No 409: clients take that for what they asked for being there already, with `exist_ok=True`.
        raise ApiError(
            400, f"{name} is the name of {other}{name}, and a revision means one thing: choose another name"
        )

"""Changes: what a client wants of a branch, and the transaction in which it becomes the branch's new head.

The contents are on the disk before `apply` starts. In the transaction the head is read again, compared with
the parent that the client saw (412 if they differ), the tree and the commit are written and the branch
moved, or nothing.

A client that lost the answer to a commit sends it again. The same change on the same parent is then answered
with the commit that is already there, and a commit that changes nothing with the head as it is.
"""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lema_hub.localhub import refs, trees
from lema_hub.localhub.commits import Commit, get, write
from lema_hub.localhub.errors import ApiError, revision_not_found
from lema_hub.localhub.paths import check_file_path
from lema_hub.localhub.store import now

STALE: Final = "The branch was updated since you opened this page. Please refresh and try again."


@dataclass(frozen=True, slots=True)
class AddFile:
    """A small file whose content has been stored."""

    path: str
    oid: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class AddLfsFile:
    """A large file that was uploaded before; `size` is None when a file of the repo is copied."""

    path: str
    sha256: str
    size: int | None


@dataclass(frozen=True, slots=True)
class DeleteFile:
    """The removal of one file, or of a directory that stands at the path: clients need not know which it is."""

    path: str


@dataclass(frozen=True, slots=True)
class DeleteFolder:
    """The removal of a directory and everything below it."""

    path: str


Operation = AddFile | AddLfsFile | DeleteFile | DeleteFolder


@dataclass(frozen=True, slots=True)
class Request:
    """A commit as a client asks for it."""

    title: str
    message: str
    parent: str | None
    operations: Sequence[Operation]


def apply(db: sqlite3.Connection, repo: int, branch: str, request: Request, author: str) -> Commit:
    """Apply a request to a branch (or a pull request, `refs/pr/N`) and return its new head.

    Args:
        db: A writing transaction; the caller's rollback undoes everything.
        repo: Row id of the repo.
        branch: The branch that moves.
        request: What to do.
        author: User name.

    Raises:
        ApiError: 404 for an unknown branch or a file to delete that is not there, 412 for a stale parent,
            422 for a bad path, 400 for a large file that was not uploaded.
    """
    tip = refs.head(db, repo, branch)
    if tip is None:
        raise revision_not_found(branch)
    current = get(db, repo, tip)
    if request.parent is not None and not tip.startswith(request.parent):
        if _is_repeat(db, repo, current, request, author):
            return current
        raise ApiError(412, STALE)
    new = build(db, repo, current, request, author)
    if new is not current:
        refs.set_head(db, repo, branch, new.oid)
        db.execute("UPDATE repo SET updated_at = ? WHERE id = ?", (now(), repo))
    return new


def build(db: sqlite3.Connection, repo: int, parent: Commit, request: Request, author: str) -> Commit:
    """Write the commit that a request makes of its parent; moves no branch. No change gives the parent."""
    tree = trees.write(db, repo, parent.tree, _changes(db, repo, parent.tree, request.operations))
    if tree == parent.tree:
        return parent
    return write(
        db, repo, tree=tree, parent=parent.oid, author=author, title=request.title, message=request.message
    )


def _is_repeat(db: sqlite3.Connection, repo: int, done: Commit, request: Request, author: str) -> bool:
    """Whether the head is what this request made when it came the first time."""
    if done.parent is None or request.parent is None or not done.parent.startswith(request.parent):
        return False
    if (done.title, done.message, done.author) != (request.title, request.message, author):
        return False
    before = get(db, repo, done.parent)
    try:
        changes = _changes(db, repo, before.tree, request.operations)
        return trees.write(db, repo, before.tree, changes) == done.tree
    except ApiError:
        return False


def _changes(
    db: sqlite3.Connection, repo: int, tree: str, operations: Sequence[Operation]
) -> dict[str, str | None]:
    """What the operations, taken in their order, make of each path."""
    changes: dict[str, str | None] = {}
    for operation in operations:
        path = operation.path.rstrip("/") if isinstance(operation, DeleteFolder) else operation.path
        # What has a bad name from former times can still be deleted.
        if isinstance(operation, AddFile | AddLfsFile):
            check_file_path(path)
        match operation:
            case AddFile():
                record_blob(db, repo, operation.sha256, operation.size)
                trees.add_file(
                    db, repo, oid=operation.oid, sha256=operation.sha256, size=operation.size, lfs=False
                )
                changes[path] = operation.oid
            case AddLfsFile():
                changes[path] = _lfs_oid(db, repo, operation)
            case DeleteFile() | DeleteFolder():
                gone = _there(db, repo, tree, path, changes, file=isinstance(operation, DeleteFile))
                if not gone:
                    raise _nothing_there(path)
                changes.update(dict.fromkeys(gone))
    return changes


def _there(
    db: sqlite3.Connection, repo: int, tree: str, path: str, changes: Mapping[str, str | None], *, file: bool
) -> list[str]:
    """The files at a path (only if `file`) and below it, as a tree has them after some changes."""
    entry = trees.find(db, repo, tree, path)
    found = [other for other, oid in changes.items() if other.startswith(f"{path}/") and oid]
    if entry is not None and entry.kind == "directory":
        found += [below.path for below in trees.walk(db, repo, entry.oid, f"{path}/") if below.kind == "file"]
    before = entry.oid if entry is not None and entry.kind == "file" else None
    if file and changes.get(path, before) is not None:
        found.append(path)
    return found


def _nothing_there(path: str) -> ApiError:
    check_file_path(path)
    return ApiError(404, f"A file with this name doesn't exist: {path}", "EntryNotFound")


def _lfs_oid(db: sqlite3.Connection, repo: int, operation: AddLfsFile) -> str:
    row = db.execute(
        "SELECT size FROM blob WHERE repo = ? AND sha256 = ? AND NOT removed", (repo, operation.sha256)
    ).fetchone()
    if row is None:
        raise ApiError(
            400, f"LFS object {operation.sha256} of {operation.path} was not uploaded to this repo"
        )
    size: int = row["size"]
    if operation.size is not None and operation.size != size:
        raise ApiError(
            400, f"LFS object {operation.sha256} has {size} bytes, the commit says {operation.size}"
        )
    oid = trees.git_id("blob", trees.lfs_pointer(operation.sha256, size))
    trees.add_file(db, repo, oid=oid, sha256=operation.sha256, size=size, lfs=True)
    return oid


def record_blob(db: sqlite3.Connection, repo: int, sha256: str, size: int) -> None:
    """Record that a repo holds a content; done only after the content is on the disk."""
    db.execute(
        "INSERT INTO blob (repo, sha256, size, touched_at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (repo, sha256) DO UPDATE SET touched_at = excluded.touched_at, removed = 0",
        (repo, sha256, size, time.time()),
    )

r"""Directory trees as git has them: ids of blobs, pointers and trees, and their rows.

A large file stands in its tree as a git-lfs pointer; its `oid` is the git id of that pointer and its
`sha256` names the content. A tree that exists already is shared, so a commit writes only the directories
that it changes.

Source of the formats: git's object format (``<type> <size>\0<content>``, sha1) and the git-lfs specification
(https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md#the-pointer).
"""

import hashlib
import re
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from lema_hub.localhub import suffixes
from lema_hub.localhub.errors import ApiError
from lema_hub.localhub.paths import fold

_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize ([0-9]{1,18})\n"
)

EMPTY_TREE: Final = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

_FILE_COLUMNS = (
    "entry.name, entry.kind, entry.oid, file.sha256, file.size, coalesce(file.lfs, 0) AS lfs "
    "FROM entry LEFT JOIN file ON file.repo = entry.repo AND file.oid = entry.oid AND entry.kind = 'file'"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or a directory of one commit; `sha256` and `size` (bytes) are those of the content."""

    path: str
    kind: Literal["file", "directory"]
    oid: str
    sha256: str = ""
    size: int = 0
    lfs: bool = False

    @property
    def pointer_size(self) -> int:
        """Bytes of the git-lfs pointer that stands for the file."""
        return len(lfs_pointer(self.sha256, self.size))


def git_id(kind: str, content: bytes) -> str:
    """The id that git gives to an object."""
    return hashlib.sha1(
        b"%s %d\0" % (kind.encode(), len(content)) + content, usedforsecurity=False
    ).hexdigest()


def lfs_pointer(sha256: str, size: int) -> bytes:
    """The text that stands for a large file in git."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()


def read_pointer(content: bytes) -> tuple[str, int] | None:
    """The sha256 and the size that a git-lfs pointer names; None if the content is not one."""
    match = _POINTER.fullmatch(content)
    return None if match is None else (match[1].decode(), int(match[2]))


def add_file(db: sqlite3.Connection, repo: int, *, oid: str, sha256: str, size: int, lfs: bool) -> None:
    """Record a git blob of a repo; its content must be recorded in the table of blobs.

    Raises:
        ApiError: 400 if another content of the repo has the same sha1, which nobody gets by chance.
    """
    db.execute("INSERT OR IGNORE INTO file VALUES (?, ?, ?, ?, ?)", (repo, oid, sha256, size, lfs))
    row = db.execute("SELECT sha256 FROM file WHERE repo = ? AND oid = ?", (repo, oid)).fetchone()
    if row["sha256"] != sha256:
        raise ApiError(400, f"Content {sha256} collides with {row['sha256']} in its git id {oid}")


def children(db: sqlite3.Connection, repo: int, tree: str, prefix: str = "") -> dict[str, Entry]:
    """The entries of one directory by name; `prefix` (ending in '/') is put before their paths."""
    rows = db.execute(f"SELECT {_FILE_COLUMNS} WHERE entry.repo = ? AND entry.tree = ?", (repo, tree))
    return {row["name"]: _entry(row, prefix) for row in rows}


def _entry(row: sqlite3.Row, prefix: str) -> Entry:
    return Entry(
        path=prefix + row["name"],
        kind=row["kind"],
        oid=row["oid"],
        sha256=row["sha256"] or "",
        size=row["size"] or 0,
        lfs=bool(row["lfs"]),
    )


def find(db: sqlite3.Connection, repo: int, tree: str, path: str) -> Entry | None:
    """The entry at a path below a tree, or None; the empty path is the tree itself."""
    if not path:
        return Entry(path="", kind="directory", oid=tree)
    *parents, name = path.split("/")
    for parent in parents:
        row = db.execute(
            "SELECT oid FROM entry WHERE repo = ? AND tree = ? AND name = ? AND kind = 'directory'",
            (repo, tree, parent),
        ).fetchone()
        if row is None:
            return None
        tree = row["oid"]
    row = db.execute(
        f"SELECT {_FILE_COLUMNS} WHERE entry.repo = ? AND entry.tree = ? AND entry.name = ?",
        (repo, tree, name),
    ).fetchone()
    return None if row is None else _entry(row, "/".join([*parents, ""]))


def walk(db: sqlite3.Connection, repo: int, tree: str, prefix: str = "") -> Iterator[Entry]:
    """Every entry below a tree, directories before what is in them, in order of names."""
    for _, entry in sorted(children(db, repo, tree, prefix).items()):
        yield entry
        if entry.kind == "directory":
            yield from walk(db, repo, entry.oid, f"{entry.path}/")


def files(db: sqlite3.Connection, repo: int, tree: str) -> list[Entry]:
    """Every file below a tree, by path."""
    return [entry for entry in walk(db, repo, tree) if entry.kind == "file"]


def page(
    db: sqlite3.Connection, repo: int, tree: str, prefix: str, *, after: str, limit: int, recursive: bool
) -> list[Entry]:
    """At most `limit` entries below a tree in the order of `walk`, from the first that follows a path.

    Args:
        db: A reading transaction.
        repo: Row id of the repo.
        tree: Id of the tree.
        prefix: Put before the paths; empty, or ending in '/'.
        after: The last path that was seen, without the prefix; empty to start at the beginning.
        limit: Number of entries.
        recursive: Go down into directories.
    """
    found: list[Entry] = []
    name, _, rest = after.partition("/")
    if name and recursive:
        within = find(db, repo, tree, name)
        if within is not None and within.kind == "directory":
            below = f"{prefix}{name}/"
            found = page(db, repo, within.oid, below, after=rest, limit=limit, recursive=True)
    rows = db.execute(
        f"SELECT {_FILE_COLUMNS} WHERE entry.repo = ? AND entry.tree = ? AND entry.name > ?"
        " ORDER BY entry.name LIMIT ?",
        (repo, tree, name, limit - len(found)),
    ).fetchall()
    for row in rows:
        if len(found) >= limit:
            break
        entry = _entry(row, prefix)
        found.append(entry)
        if recursive and entry.kind == "directory":
            left = limit - len(found)
            found += page(db, repo, entry.oid, f"{entry.path}/", after="", limit=left, recursive=True)
    return found


def compare(
    db: sqlite3.Connection, repo: int, old: str | None, new: str | None, prefix: str = ""
) -> dict[str, tuple[Entry | None, Entry | None]]:
    """The files that differ between two trees, by path: as they were and as they are (None: not there)."""
    if old == new:
        return {}
    before = children(db, repo, old, prefix) if old is not None else {}
    after = children(db, repo, new, prefix) if new is not None else {}
    found: dict[str, tuple[Entry | None, Entry | None]] = {}
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        folders = [
            entry.oid if entry is not None and entry.kind == "directory" else None for entry in (was, now)
        ]
        found |= compare(db, repo, folders[0], folders[1], f"{prefix}{name}/")
        was, now = (entry if entry is not None and entry.kind == "file" else None for entry in (was, now))
        if (was and was.oid) != (now and now.oid):
            found[prefix + name] = (was, now)
    return found


def write(db: sqlite3.Connection, repo: int, base: str, changes: Mapping[str, str | None]) -> str:
    """Write the tree that results from changes, and return its id.

    Args:
        db: A writing transaction.
        repo: Row id of the repo.
        base: Id of the tree that is changed.
        changes: New file id by path; None removes the path. Directories that become empty vanish, as in git.

    Raises:
        ApiError: 422 if a path is a file and a directory at once, or differs from another only in case or
            Unicode form.
    """
    return (
        _write(db, repo, base, {tuple(path.split("/")): oid for path, oid in changes.items()}, "")
        or EMPTY_TREE
    )


def _write(
    db: sqlite3.Connection,
    repo: int,
    base: str | None,
    changes: Mapping[tuple[str, ...], str | None],
    prefix: str,
) -> str | None:
    present = lines_of(db, repo, base) if base is not None else {}
    lines = present.copy()
    nested: dict[str, dict[tuple[str, ...], str | None]] = {}
    for (name, *rest), oid in changes.items():
        if rest:
            nested.setdefault(name, {})[tuple(rest)] = oid
        elif oid is None and lines.get(name, ("", ""))[0] == "file":
            del lines[name]
    for name, below in nested.items():
        kind, oid = lines.get(name, (None, None))
        if kind == "file":
            if all(change is None for change in below.values()):
                continue
            raise ApiError(422, f"Invalid path {prefix + name}: it is a file, and cannot hold other files")
        subtree = _write(db, repo, oid, below, f"{prefix}{name}/")
        if subtree is None:
            lines.pop(name, None)
        else:
            lines[name] = ("directory", subtree)
    for (name, *rest), oid in changes.items():
        if not rest and oid is not None:
            if lines.get(name, ("", ""))[0] == "directory":
                raise ApiError(
                    422, f"Invalid path {prefix + name}: it is a directory, and cannot become a file"
                )
            lines[name] = ("file", oid)
    if not lines:
        return None
    _refuse_twins(lines, present, prefix)
    return store(db, repo, lines)


def _refuse_twins(names: Iterable[str], present: Collection[str], prefix: str) -> None:
    seen: dict[str, str] = {}
    for name in sorted(names, key=lambda name: name not in present):
        twin = seen.setdefault(fold(name), name)
        if twin != name:
            raise ApiError(
                422,
                f"Invalid path {prefix + name}: it differs from {prefix + twin} only in case or Unicode form",
            )


def tree_id(lines: Mapping[str, tuple[str, str]]) -> str:
    """The id that git gives to a directory of (kind, id) by name."""
    # git sorts a directory as if its name ended in a slash.
    ordered = sorted(lines.items(), key=lambda line: (line[0] + "/" * (line[1][0] == "directory")).encode())
    content = b"".join(
        (b"40000 " if kind == "directory" else b"100644 ") + name.encode() + b"\0" + bytes.fromhex(oid)
        for name, (kind, oid) in ordered
    )
    return git_id("tree", content)


def lines_of(db: sqlite3.Connection, repo: int, tree: str) -> dict[str, tuple[str, str]]:
    """Kind and id of what one directory holds, by name."""
    rows = db.execute("SELECT name, kind, oid FROM entry WHERE repo = ? AND tree = ?", (repo, tree))
    return {name: (kind, oid) for name, kind, oid in rows}


def store(db: sqlite3.Connection, repo: int, lines: Mapping[str, tuple[str, str]]) -> str:
    """Store a directory of (kind, id) by name whose directories are stored, and return its id."""
    tree = tree_id(lines)
    known = db.execute("SELECT 1 FROM entry WHERE repo = ? AND tree = ? LIMIT 1", (repo, tree)).fetchone()
    if known is None:
        db.executemany(
            "INSERT INTO entry VALUES (?, ?, ?, ?, ?)",
            [(repo, tree, name, kind, oid) for name, (kind, oid) in lines.items()],
        )
        suffixes.record(db, repo, tree)
    return tree

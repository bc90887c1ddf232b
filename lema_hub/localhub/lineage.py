"""Which commit last changed a path, found without a walk through the history.

Every commit knows its `depth` (the number of commits before it) and a `jump`: an ancestor so far back that any
other ancestor is reached in a number of steps that grows with the logarithm of the depth (Myers, *An applicative
random-access stack*, 1983). The table `change` holds the paths that each commit changed, directories too. Seen
from a commit, the last change of a path is then the deepest change of that path by one of its ancestors.

A commit without parent changes everything that it holds. It has no rows in `change`: it is the answer when no
later ancestor changed the path.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator

# Depth and jump of a commit.
Place = tuple[int, str]


def place(db: sqlite3.Connection, repo: int, oid: str, parent: str | None) -> Place:
    """Depth and jump of a new commit, from those of its parent; a commit without parent jumps to itself."""

    def stored(oid: str) -> Place:
        row = db.execute("SELECT depth, jump FROM commits WHERE repo = ? AND oid = ?", (repo, oid)).fetchone()
        return row["depth"], row["jump"]

    return _place(oid, parent, stored)


def _place(oid: str, parent: str | None, of: Callable[[str], Place]) -> Place:
    if parent is None:
        return 0, oid
    depth, jump = of(parent)
    middle, far = of(jump)
    # Two jumps of equal length become one: both, and the step to the parent.
    return depth + 1, far if depth - middle == middle - of(far)[0] else parent


def changed(
    db: sqlite3.Connection, repo: int, old: str | None, new: str, prefix: str = ""
) -> Iterator[tuple[str, str, str]]:
    """Path, kind and id of what a tree holds and another tree does not hold in the same state."""
    rows = db.execute(
        "SELECT new.name, new.kind, new.oid, old.oid AS before FROM entry AS new LEFT JOIN entry AS old"
        " ON old.repo = new.repo AND old.tree = ? AND old.name = new.name AND old.kind = new.kind"
        " WHERE new.repo = ? AND new.tree = ? AND old.oid IS NOT new.oid",
        (old, repo, new),
    ).fetchall()
    for row in rows:
        yield prefix + row["name"], row["kind"], row["oid"]
        if row["kind"] == "directory":
            yield from changed(db, repo, row["before"], row["oid"], f"{prefix}{row['name']}/")


def record(db: sqlite3.Connection, repo: int, oid: str) -> None:
    """Write down what a stored commit changed of its parent."""
    row = db.execute(
        "SELECT own.depth, own.tree, above.tree AS before FROM commits AS own JOIN commits AS above"
        " ON above.repo = own.repo AND above.oid = own.parent WHERE own.repo = ? AND own.oid = ?",
        (repo, oid),
    ).fetchone()
    if row is not None:
        found = changed(db, repo, row["before"], row["tree"])
        db.executemany(
            "INSERT OR IGNORE INTO change VALUES (?, ?, ?, ?)",
            ((repo, path, row["depth"], oid) for path, _, _ in found),
        )


def last_changes(db: sqlite3.Connection, repo: int, oid: str, paths: Iterable[str]) -> dict[str, str]:
    """For each path of a commit, the id of the newest commit up to it that changed the path."""
    depth = db.execute("SELECT depth FROM commits WHERE repo = ? AND oid = ?", (repo, oid)).fetchone()[0]
    ancestors: dict[int, str] = {}

    def ancestor(at: int) -> str:
        if at not in ancestors:
            ancestors[at] = _ancestor(db, repo, oid, at)
        return ancestors[at]

    def last(path: str) -> str:
        rows = db.execute(
            "SELECT depth, oid FROM change WHERE repo = ? AND path = ? AND depth <= ? ORDER BY depth DESC",
            (repo, path, depth),
        )
        return next((row["oid"] for row in rows if ancestor(row["depth"]) == row["oid"]), ancestor(0))

    return {path: last(path) for path in paths}


def _ancestor(db: sqlite3.Connection, repo: int, oid: str, depth: int) -> str:
    """The ancestor of a commit, or the commit itself, that has this depth."""
    while True:
        row = db.execute(
            "SELECT own.parent, own.depth, own.jump, far.depth AS jump_depth FROM commits AS own"
            " JOIN commits AS far ON far.repo = own.repo AND far.oid = own.jump"
            " WHERE own.repo = ? AND own.oid = ?",
            (repo, oid),
        ).fetchone()
        if row["depth"] <= depth:
            return oid
        oid = row["jump"] if row["jump_depth"] >= depth else row["parent"]


def _in_order(db: sqlite3.Connection, repo: int) -> Iterator[tuple[sqlite3.Row, Place]]:
    """Every commit of a repo after its parent, with its place; what hangs on a missing commit is left out."""
    following: dict[str | None, list[sqlite3.Row]] = {}
    for row in db.execute("SELECT * FROM commits WHERE repo = ?", (repo,)):
        following.setdefault(row["parent"], []).append(row)
    places: dict[str, Place] = {}
    waiting: list[str | None] = [None]
    while waiting:
        for row in following.get(waiting.pop(), ()):
            places[row["oid"]] = _place(row["oid"], row["parent"], places.__getitem__)
            waiting.append(row["oid"])
            yield row, places[row["oid"]]


def rebuild(db: sqlite3.Connection, repo: int) -> None:
    """Derive depths, jumps and changes of a repo whose commits have none yet."""
    for row, (depth, jump) in _in_order(db, repo):
        db.execute(
            "UPDATE commits SET depth = ?, jump = ? WHERE repo = ? AND oid = ?",
            (depth, jump, repo, row["oid"]),
        )
        record(db, repo, row["oid"])


def faults(db: sqlite3.Connection, repo: int) -> list[str]:
    """The commits of a repo whose depth, jump or changes are not what their history says."""
    stored: dict[str, set[tuple[str, int]]] = {}
    for row in db.execute("SELECT path, depth, oid FROM change WHERE repo = ?", (repo,)):
        stored.setdefault(row["oid"], set()).add((row["path"], row["depth"]))
    tree_of: dict[str | None, str] = {}
    wrong = []
    for row, (depth, jump) in _in_order(db, repo):
        tree_of[row["oid"]] = row["tree"]
        expected = set()
        if row["parent"] is not None:
            found = changed(db, repo, tree_of[row["parent"]], row["tree"])
            expected = {(path, depth) for path, _, _ in found}
        if (row["depth"], row["jump"]) != (depth, jump) or stored.pop(row["oid"], set()) != expected:
            wrong.append(row["oid"])
    return [*wrong, *stored]

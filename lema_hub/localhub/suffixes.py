"""Which kinds of files a tree holds, by the endings of their names, known without a walk through the tree.

A repo's tags say `safetensors` or `format:parquet` for a file in any of its folders. Each tree therefore keeps
what follows from its own lines and from its directories. A commit writes only the directories that it changes,
and so derives only theirs.
"""

import sqlite3
from typing import Final

# A database has the suffixes of this set: another set needs another version of the schema, to derive them again.
SUFFIXES: Final = frozenset({"arrow", "csv", "json", "jsonl", "parquet", "safetensors"})


def below(db: sqlite3.Connection, repo: int, tree: str) -> frozenset[str]:
    """Which of `SUFFIXES` the names of the files below a stored tree have."""
    rows = db.execute("SELECT suffix FROM tree_suffix WHERE repo = ? AND tree = ?", (repo, tree))
    return frozenset(suffix for (suffix,) in rows)


def record(db: sqlite3.Connection, repo: int, tree: str) -> None:
    """Write down the suffixes of a tree whose directories have theirs."""
    db.executemany(
        "INSERT OR IGNORE INTO tree_suffix VALUES (?, ?, ?)",
        [(repo, tree, suffix) for suffix in _derive(db, repo, tree)],
    )


def _derive(db: sqlite3.Connection, repo: int, tree: str) -> frozenset[str]:
    lines = db.execute(
        "SELECT name, kind, suffix FROM entry LEFT JOIN tree_suffix"
        " ON tree_suffix.repo = entry.repo AND tree_suffix.tree = entry.oid AND kind = 'directory'"
        " WHERE entry.repo = ? AND entry.tree = ?",
        (repo, tree),
    )
    found = {suffix if kind == "directory" else name.rpartition(".")[2] for name, kind, suffix in lines}
    return SUFFIXES & found


def rebuild(db: sqlite3.Connection, repo: int) -> None:
    """Derive the suffixes of every tree of a repo whose trees have none yet."""
    done: set[str] = set()

    def derive(tree: str) -> None:
        if tree not in done:
            done.add(tree)
            directories = db.execute(
                "SELECT oid FROM entry WHERE repo = ? AND tree = ? AND kind = 'directory'", (repo, tree)
            ).fetchall()
            for (oid,) in directories:
                derive(oid)
            record(db, repo, tree)

    for tree in _trees(db, repo):
        derive(tree)


def faults(db: sqlite3.Connection, repo: int) -> list[str]:
    """The trees of a repo whose stored suffixes do not follow from their lines and directories."""
    return [tree for tree in _trees(db, repo) if _derive(db, repo, tree) != below(db, repo, tree)]


def _trees(db: sqlite3.Connection, repo: int) -> list[str]:
    return [tree for (tree,) in db.execute("SELECT DISTINCT tree FROM entry WHERE repo = ?", (repo,))]

"""Likes: which user liked which repo, and when."""

import sqlite3
from dataclasses import dataclass

from lema_hub.localhub import repos
from lema_hub.localhub.accounts import Account, find
from lema_hub.localhub.auth import Identity
from lema_hub.localhub.repos import Repo
from lema_hub.localhub.store import now


@dataclass(frozen=True, slots=True)
class Like:
    """A repo that a user liked."""

    repo: Repo
    created_at: str


def add(db: sqlite3.Connection, repo: Repo, user: str) -> None:
    """Let a user like a repo; a second like of the same repo changes nothing."""
    db.execute("INSERT OR IGNORE INTO repo_like VALUES (?, ?, ?)", (repo.key, user, now()))


def remove(db: sqlite3.Connection, repo: Repo, user: str) -> None:
    """Take a like back; without one, nothing changes."""
    db.execute("DELETE FROM repo_like WHERE repo = ? AND user = ?", (repo.key, user))


def count(db: sqlite3.Connection, repo: int) -> int:
    """How many users like a repo."""
    found: int = db.execute("SELECT count(*) FROM repo_like WHERE repo = ?", (repo,)).fetchone()[0]
    return found


def counts(db: sqlite3.Connection) -> dict[int, int]:
    """How many users like each repo that has likes, by its row id."""
    return dict(tuple(row) for row in db.execute("SELECT repo, count(*) FROM repo_like GROUP BY repo"))


def of_repo(db: sqlite3.Connection, repo: Repo) -> list[Account]:
    """The users who like a repo, the first one first."""
    rows = db.execute("SELECT user FROM repo_like WHERE repo = ? ORDER BY created_at, user", (repo.key,))
    found = [find(db, user) for (user,) in rows.fetchall()]
    return [account for account in found if account is not None]


def of_user(db: sqlite3.Connection, identity: Identity, user: str) -> list[Like]:
    """What a user likes and the asker may see, the newest like first."""
    rows = db.execute(
        "SELECT repo, created_at FROM repo_like WHERE user = ? ORDER BY created_at DESC, repo", (user,)
    ).fetchall()
    found = [(repos.by_key(db, row["repo"]), row["created_at"]) for row in rows]
    return [
        Like(repo, moment) for repo, moment in found if repo is not None and repos.may_see(identity, repo)
    ]

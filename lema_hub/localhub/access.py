"""Requests for access to gated repos: asked by users, answered by those who may write to the repo.

A user asks once for each repo. With `gated="auto"` the asking is enough, with `"manual"` somebody accepts or rejects
it. A request that was answered can be answered differently later; `pending` takes an answer back.
"""

import secrets
import sqlite3
from dataclasses import dataclass
from typing import Literal

from lema_hub.localhub import accounts
from lema_hub.localhub.auth import Identity
from lema_hub.localhub.errors import ApiError
from lema_hub.localhub.repos import Repo
from lema_hub.localhub.store import now

Status = Literal["pending", "accepted", "rejected"]
# By what a request is named.
Name = Literal["user", "id"]


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """One user's request; `granted` if the user was let in without asking."""

    id: str
    user: str
    status: Status
    reason: str | None
    granted: bool
    created_at: str


def _from_row(row: sqlite3.Row) -> AccessRequest:
    values = {name: row[name] for name in AccessRequest.__slots__}
    return AccessRequest(**values | {"granted": bool(row["granted"])})


def listing(db: sqlite3.Connection, repo: Repo, status: Status) -> list[AccessRequest]:
    """The requests of a status, the oldest first.

    Raises:
        ApiError: 400 if the repo is not gated.
    """
    _require_gate(repo)
    rows = db.execute(
        "SELECT * FROM access_request WHERE repo = ? AND status = ? ORDER BY created_at, id",
        (repo.key, status),
    )
    return [_from_row(row) for row in rows.fetchall()]


def ask(db: sqlite3.Connection, identity: Identity, repo: Repo) -> AccessRequest:
    """Ask for access; asked again, it is the request that was there.

    Raises:
        ApiError: 401 without a token, 400 if the repo is not gated or the asker has access to it anyway.
    """
    if identity.user is None:
        raise ApiError(401, "Log in to ask for access: no token was sent")
    _require_gate(repo)
    if identity.may("read", repo.namespace):
        raise ApiError(400, f"{identity.user} has access to {repo.id} already")
    status: Status = "accepted" if repo.gated == "auto" else "pending"
    found = _find(db, repo, "user", identity.user)
    return found or _create(db, repo, identity.user, status, granted=False)


def grant(db: sqlite3.Connection, repo: Repo, user: str) -> AccessRequest:
    """Let a user in who did not ask.

    Raises:
        ApiError: 404 if there is no such user, 400 if the repo is not gated or the user is in already.
    """
    _require_gate(repo)
    name = accounts.require(db, user, is_user=True).name
    found = _find(db, repo, "user", name)
    if found is not None and found.status == "accepted":
        raise ApiError(400, f"{name} has access to {repo.id} already")
    db.execute("DELETE FROM access_request WHERE repo = ? AND user = ?", (repo.key, name))
    return _create(db, repo, name, "accepted", granted=True)


def answer(
    db: sqlite3.Connection,
    repo: Repo,
    *,
    by: Name,
    value: str,
    status: Status,
    reason: str | None = None,
) -> AccessRequest:
    """Answer a request, named by its user or its id, or take its answer back.

    Raises:
        ApiError: 404 if there is no such request or it has that status, 400 if the repo is not gated.
    """
    _require_gate(repo)
    found = _find(db, repo, by, value)
    if found is None:
        raise ApiError(404, f"{repo.id} has no access request of {value!r:.100}")
    if found.status == status:
        raise ApiError(404, f"The access request of {found.user} for {repo.id} is {status} already")
    db.execute("UPDATE access_request SET status = ?, reason = ? WHERE id = ?", (status, reason, found.id))
    return found


def _require_gate(repo: Repo) -> None:
    if repo.gated is None:
        raise ApiError(400, f"{repo.type} {repo.id} is not gated")


def _find(db: sqlite3.Connection, repo: Repo, by: Name, value: str) -> AccessRequest | None:
    row = db.execute(
        f"SELECT * FROM access_request WHERE repo = ? AND {by} = ?",  # noqa: S608
        (repo.key, value),
    ).fetchone()
    return None if row is None else _from_row(row)


def _create(db: sqlite3.Connection, repo: Repo, user: str, status: Status, *, granted: bool) -> AccessRequest:
    made = AccessRequest(secrets.token_hex(12), user, status, None, granted, now())
    db.execute(
        "INSERT INTO access_request (id, repo, user, status, granted, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        (made.id, repo.key, user, status, granted, made.created_at),
    )
    return made

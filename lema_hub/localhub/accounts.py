"""Users and organisations: the namespaces, what they are called in full, and who belongs to whom.

A namespace for whose owner a token was made is a user; every other one is an organisation, and its members are the
users with a token that is good for it.
"""

import sqlite3
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from lema_hub.localhub.errors import ApiError, HubError

MAX_NAME_CHARS: Final = 100

_ACCOUNT = (
    "SELECT name, coalesce(fullname, name) AS fullname, private_repos,"
    " EXISTS (SELECT 1 FROM token WHERE user = namespace.name) AS is_user FROM namespace"
)
_MEMBERSHIP = (
    "token_namespace AS reach JOIN token ON token.id = reach.token"
    " WHERE token.user != reach.namespace AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now)"
)


@dataclass(frozen=True, slots=True)
class Account:
    """A user or an organisation; `private_repos` hides its new repos unless their maker says otherwise."""

    name: str
    fullname: str
    private_repos: bool
    is_user: bool


def find(db: sqlite3.Connection, name: str) -> Account | None:
    """The account of that name."""
    row = db.execute(f"{_ACCOUNT} WHERE name = ?", (name,)).fetchone()
    return None if row is None else _from_row(row)


def _from_row(row: sqlite3.Row) -> Account:
    return Account(row["name"], row["fullname"], bool(row["private_repos"]), bool(row["is_user"]))


def require(db: sqlite3.Connection, name: str, *, is_user: bool) -> Account:
    """The user or the organisation of that name.

    Raises:
        ApiError: 404 if there is none.
    """
    found = find(db, name)
    if found is None or found.is_user != is_user:
        raise ApiError(404, f"There is no {'user' if is_user else 'organization'} {name!r:.100}")
    return found


def organisations(db: sqlite3.Connection, user: str) -> list[Account]:
    """The organisations that a user is a member of, by name."""
    rows = db.execute(
        f"{_ACCOUNT} WHERE name IN (SELECT reach.namespace FROM {_MEMBERSHIP} AND token.user = :user)"  # noqa: S608
        " ORDER BY name",
        {"user": user, "now": _now()},
    )
    return [account for account in map(_from_row, rows.fetchall()) if not account.is_user]


def members(db: sqlite3.Connection, organisation: str) -> list[Account]:
    """The users who are members of an organisation, by name."""
    rows = db.execute(
        f"{_ACCOUNT} WHERE name IN (SELECT token.user FROM {_MEMBERSHIP} AND reach.namespace = :name)"  # noqa: S608
        " ORDER BY name",
        {"name": organisation, "now": _now()},
    )
    return [_from_row(row) for row in rows.fetchall()]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def change(
    db: sqlite3.Connection, name: str, *, fullname: str | None = None, private_repos: bool | None = None
) -> Account:
    """Change what an account is called or whether its new repos are private; None leaves it as it is.

    Raises:
        HubError: There is no such namespace, or the name is too long.
    """
    known = find(db, name)
    if known is None:
        raise HubError(f"there is no namespace {name!r}: a token or a repo makes it")
    if fullname is not None:
        if not 0 < len(fullname) <= MAX_NAME_CHARS or not fullname.isprintable():
            raise HubError(
                f"a full name must have 1 to {MAX_NAME_CHARS} printable characters, got {fullname!r:.120}"
            )
        known = replace(known, fullname=fullname)
    if private_repos is not None:
        known = replace(known, private_repos=private_repos)
    db.execute(
        "UPDATE namespace SET fullname = ?, private_repos = ? WHERE name = ?",
        (known.fullname, known.private_repos, known.name),
    )
    return known

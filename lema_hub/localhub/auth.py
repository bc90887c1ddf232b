"""Who is asking, and what they may do.

A token is shown once and stored as its sha256 (it carries 256 random bits, so a slow hash would add
nothing). It belongs to a user, has one role, and is good for a set of namespaces: `read` sees their
private repos, `write` changes their repos, `admin` also deletes what was released, makes namespaces and
reaches all of them.
"""

import hashlib
import hmac
import secrets
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from lema_hub.localhub.errors import ApiError, HubError
from lema_hub.localhub.paths import check_name
from lema_hub.localhub.store import now

Role = Literal["read", "write", "admin"]

_RANKS: Final[dict[str, int]] = {"none": 0, "read": 1, "write": 2, "admin": 3}
# The client library tells a bad token from a hidden repo by this very sentence.
BAD_TOKEN: Final = "Invalid credentials in Authorization header"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Identity:
    """The asker of one request; `user` is None for an anonymous one.

    `admitted` are the row ids of the gated repos to which the user was given access.
    """

    user: str | None
    role: Literal["none", "read", "write", "admin"]
    namespaces: frozenset[str]
    token_name: str = ""
    admitted: frozenset[int] = frozenset()

    def may(self, role: Role, namespace: str) -> bool:
        """Whether the asker has at least this role in the namespace."""
        if _RANKS[self.role] < _RANKS[role]:
            return False
        return self.role == "admin" or namespace.lower() in self.namespaces


ANONYMOUS: Final = Identity(user=None, role="none", namespaces=frozenset())


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it may be listed; the secret is not in it."""

    name: str
    user: str
    role: Role
    namespaces: tuple[str, ...]
    created_at: str
    expires_at: str | None
    revoked_at: str | None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def ensure_namespace(db: sqlite3.Connection, name: str) -> None:
    """Make a namespace if it is missing."""
    db.execute(
        "INSERT OR IGNORE INTO namespace (name, created_at) VALUES (?, ?)",
        (check_name(name, "namespace"), now()),
    )


def create_token(
    db: sqlite3.Connection,
    *,
    name: str,
    user: str,
    role: Role,
    namespaces: tuple[str, ...] = (),
    days: float | None = None,
) -> str:
    """Make a token and return its secret, which is stored nowhere.

    Args:
        db: A writing transaction.
        name: What the owner calls it; unique.
        user: The user it acts for; the user's own namespace is always included.
        role: What it may do.
        namespaces: Further namespaces it is good for.
        days: Time until it expires; None for never.

    Raises:
        HubError: The name is taken.
    """
    if not name or len(name) > 100:
        raise HubError(f"token name must have 1 to 100 characters, got {len(name)}")
    if db.execute("SELECT 1 FROM token WHERE name = ?", (name,)).fetchone():
        raise HubError(f"token {name!r} exists already: choose another name")
    if days is not None and days <= 0:
        raise HubError(f"days until expiry must be > 0, got {days:g}")
    secret = "hub_" + secrets.token_urlsafe(32)
    expires_at = None
    if days is not None:
        expires_at = (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="seconds")
    reach = sorted({user, *namespaces}, key=str.lower)
    for namespace in reach:
        ensure_namespace(db, namespace)
    row = db.execute(
        "INSERT INTO token (name, user, digest, role, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
        (name, user, _digest(secret), role, now(), expires_at),
    )
    db.executemany(
        "INSERT OR IGNORE INTO token_namespace VALUES (?, ?)", [(row.lastrowid, ns) for ns in reach]
    )
    return secret


def list_tokens(db: sqlite3.Connection) -> list[Token]:
    """Every token, revoked ones included, oldest first."""
    tokens = []
    for row in db.execute("SELECT * FROM token ORDER BY id").fetchall():
        reach = db.execute("SELECT namespace FROM token_namespace WHERE token = ? ORDER BY 1", (row["id"],))
        tokens.append(
            Token(
                name=row["name"],
                user=row["user"],
                role=row["role"],
                namespaces=tuple(namespace for (namespace,) in reach),
                created_at=row["created_at"],
                expires_at=row["expires_at"],
                revoked_at=row["revoked_at"],
            )
        )
    return tokens


def revoke_token(db: sqlite3.Connection, name: str) -> None:
    """Make a token useless from the next request on.

    Raises:
        HubError: There is no live token of that name.
    """
    done = db.execute("UPDATE token SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL", (now(), name))
    if done.rowcount == 0:
        raise HubError(f"no live token is named {name!r}: `lema hub token list` shows them")


def identify(db: sqlite3.Connection, authorization: str | None) -> Identity:
    """The identity behind an Authorization header.

    Raises:
        ApiError: 401 if there is a header and it names no live token.
    """
    if authorization is None:
        return ANONYMOUS
    scheme, _, secret = authorization.partition(" ")
    secret = secret.strip()
    digest = _digest(secret)
    row = db.execute("SELECT * FROM token WHERE digest = ?", (digest,)).fetchone()
    alive = (
        scheme.lower() == "bearer"
        and row is not None
        and hmac.compare_digest(row["digest"], digest)
        and row["revoked_at"] is None
        and (row["expires_at"] is None or datetime.fromisoformat(row["expires_at"]) > datetime.now(UTC))
    )
    if not alive:
        raise ApiError(401, BAD_TOKEN)
    reach = db.execute("SELECT namespace FROM token_namespace WHERE token = ?", (row["id"],))
    admitted = db.execute(
        "SELECT repo FROM access_request WHERE user = ? AND status = 'accepted'", (row["user"],)
    )
    return Identity(
        user=row["user"],
        role=row["role"],
        namespaces=frozenset(namespace.lower() for (namespace,) in reach),
        token_name=row["name"],
        admitted=frozenset(repo for (repo,) in admitted),
    )

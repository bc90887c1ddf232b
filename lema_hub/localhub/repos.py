"""Repos: made, found, moved, changed, deleted; and who may see them.

A repo that the asker may not see is answered exactly like one that does not exist.

What was published as a release stays what it is: only an admin may delete a repo that holds one, delete its
tags, or give its former name to another repo.
"""

import sqlite3
from dataclasses import dataclass
from typing import Literal

from lema_hub.localhub import accounts, refs
from lema_hub.localhub.auth import Identity, Role, ensure_namespace
from lema_hub.localhub.errors import ApiError
from lema_hub.localhub.paths import URL_PREFIXES, RepoType, check_name
from lema_hub.localhub.store import now

Gated = Literal["auto", "manual"]

SDKS = ("gradio", "docker", "static", "streamlit")


@dataclass(frozen=True, slots=True)
class Repo:
    """One row of the table of repos."""

    key: int
    type: RepoType
    namespace: str
    name: str
    private: bool
    gated: Gated | None
    sdk: str | None
    created_at: str
    updated_at: str

    @property
    def id(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"

    @property
    def url_path(self) -> str:
        """The path of the repo's page: ``datasets/lema/nano``."""
        return URL_PREFIXES[self.type] + self.id


def _from_row(row: sqlite3.Row) -> Repo:
    return Repo(
        key=row["id"],
        type=row["type"],
        namespace=row["namespace"],
        name=row["name"],
        private=bool(row["private"]),
        gated=row["gated"],
        sdk=row["sdk"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def lookup(db: sqlite3.Connection, kind: RepoType, namespace: str, name: str) -> Repo | None:
    """The repo of that name, or the one that was moved away from it."""
    row = db.execute(
        "SELECT * FROM repo WHERE type = ? AND namespace = ? AND name = ?", (kind, namespace, name)
    ).fetchone()
    if row is None:
        row = db.execute(
            "SELECT repo.* FROM former_name AS old JOIN repo ON repo.id = old.repo "
            "WHERE old.type = ? AND old.namespace = ? AND old.name = ?",
            (kind, namespace, name),
        ).fetchone()
    return None if row is None else _from_row(row)


def by_key(db: sqlite3.Connection, key: int) -> Repo | None:
    """The repo with that row id."""
    row = db.execute("SELECT * FROM repo WHERE id = ?", (key,)).fetchone()
    return None if row is None else _from_row(row)


def may_see(identity: Identity, repo: Repo) -> bool:
    """Whether a repo exists for the asker."""
    return not repo.private or identity.may("read", repo.namespace)


def visible(db: sqlite3.Connection, identity: Identity, kind: RepoType) -> list[Repo]:
    """Every repo of a type that the asker may see, oldest first."""
    rows = db.execute("SELECT * FROM repo WHERE type = ? ORDER BY id", (kind,)).fetchall()
    found = [_from_row(row) for row in rows]
    return [repo for repo in found if may_see(identity, repo)]


def not_found(identity: Identity, repo_id: str) -> ApiError:
    """The answer to a repo that is missing or hidden: 401 to a stranger, 404 to a user, as the Hub has it."""
    if identity.user is None:
        return ApiError(401, "Invalid username or password.", "RepoNotFound")
    return ApiError(404, f"Repository not found: {repo_id}", "RepoNotFound")


def require(
    db: sqlite3.Connection, identity: Identity, kind: RepoType, namespace: str, name: str, role: Role = "read"
) -> Repo:
    """The repo, if the asker has the role that the request needs.

    Raises:
        ApiError: 401 or 404 if it is missing or hidden, 403 if it can be seen but not changed.
    """
    repo = lookup(db, kind, namespace, name)
    if repo is None or not may_see(identity, repo):
        raise not_found(identity, f"{namespace}/{name}")
    if role != "read" and not identity.may(role, repo.namespace):
        if identity.user is None:
            raise ApiError(401, "Log in to change a repo: no token was sent")
        raise ApiError(
            403,
            f"Token {identity.token_name!r} has role {identity.role!r} and may not change {repo.id}: "
            f"it needs role {role!r} in namespace {repo.namespace!r}",
        )
    return repo


def require_release_right(db: sqlite3.Connection, identity: Identity, repo: Repo, deed: str) -> None:
    """Refuse to take a release away, but to admins; others may have measured on it.

    Raises:
        ApiError: 403 if the repo holds a release and the asker is not an admin.
    """
    held = refs.release(db, repo.key)
    if held is not None and not identity.may("admin", repo.namespace):
        raise ApiError(
            403,
            f"{repo.id} holds the release {held}, and token {identity.token_name!r} has role {identity.role!r}: "
            f"to {deed} needs role 'admin'",
        )


def _take_former_name(
    db: sqlite3.Connection, identity: Identity, kind: RepoType, namespace: str, name: str
) -> None:
    """Free a name for a new repo; only an admin may take it from a repo with a release.

    Raises:
        ApiError: 403 if a repo with a release moved away from the name and the asker is not an admin.
    """
    row = db.execute(
        "DELETE FROM former_name WHERE type = ? AND namespace = ? AND name = ? RETURNING repo",
        (kind, namespace, name),
    ).fetchone()
    held = None if row is None else refs.release(db, row["repo"])
    if held is not None and not identity.may("admin", namespace):
        raise ApiError(
            403,
            f"{namespace}/{name} is the former name of a repo with the release {held}, and token "
            f"{identity.token_name!r} has role {identity.role!r}: to give it to another repo needs role 'admin'",
        )


def require_download(identity: Identity, repo: Repo) -> None:
    """Refuse the files of a gated repo to those who were not let in.

    Raises:
        ApiError: 401 to a stranger, 403 to a user without access, both with code GatedRepo.
    """
    if repo.gated is None or identity.may("read", repo.namespace) or repo.key in identity.admitted:
        return
    restricted = f"Access to {repo.type} {repo.id} is restricted"
    if identity.user is None:
        raise ApiError(
            401, f"{restricted}. You must have access to it and be authenticated to access it", "GatedRepo"
        )
    raise ApiError(
        403,
        f"{restricted} and you are not in the authorized list: ask for access with POST "
        f"/{repo.url_path}/ask-access",
        "GatedRepo",
    )


def require_user(identity: Identity, repo: Repo) -> Repo:
    """The repo, if the asker is a user whose token may change something anywhere.

    Raises:
        ApiError: 401 without a token, 403 with one of role `read`.
    """
    if identity.user is None:
        raise ApiError(401, "Log in to take part: no token was sent")
    if identity.role == "read":
        raise ApiError(
            403,
            f"Token {identity.token_name!r} has role 'read': to take part in {repo.id} it needs role 'write'",
        )
    return repo


def require_part(identity: Identity, repo: Repo) -> Repo:
    """The repo, if the asker may take part: discuss it and propose changes, which needs no right to write there.

    Raises:
        ApiError: 401 or 403 without a token that may write anywhere, or without access to a gated repo.
    """
    require_download(identity, require_user(identity, repo))
    return repo


def create(
    db: sqlite3.Connection,
    identity: Identity,
    *,
    kind: RepoType,
    namespace: str,
    name: str,
    private: bool | None = None,
    sdk: str | None = None,
) -> Repo:
    """Make an empty repo; its visibility is that of its namespace's new repos if None is given.

    Raises:
        ApiError: 401 or 403 without the right to write there, 409 if it exists, 400 for a bad name or SDK.
    """
    check_name(namespace, "namespace")
    check_name(name, "repo name")
    if len(namespace) + 1 + len(name) > 96:
        raise ApiError(400, f"Invalid repo id {namespace}/{name}: longer than 96 characters")
    existing = lookup(db, kind, namespace, name)
    if existing is not None and existing.id.lower() != f"{namespace}/{name}".lower():
        existing = None  # it was moved away, and its old name is free
    # Told to everyone who may see it, so that `exist_ok=True` works for readers too.
    if existing is not None and (not existing.private or identity.may("read", namespace)):
        raise ApiError(409, f"The {kind} repo {existing.id} exists already")
    if not identity.may("write", namespace):
        raise may_not_create(identity, namespace)
    if kind == "space" and sdk not in SDKS:
        raise ApiError(400, f"Invalid Space SDK {sdk!r:.40}: use one of {', '.join(SDKS)}")
    ensure_namespace(db, namespace)
    _take_former_name(db, identity, kind, namespace, name)
    if private is None:
        owner = accounts.find(db, namespace)
        private = owner is not None and owner.private_repos
    moment = now()
    row = db.execute(
        "INSERT INTO repo (type, namespace, name, private, sdk, created_at, updated_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING *",
        (kind, namespace, name, private, sdk, moment, moment),
    ).fetchone()
    return _from_row(row)


def may_not_create(identity: Identity, namespace: str) -> ApiError:
    """The answer to one who lacks the right to make repos in a namespace."""
    if identity.user is None:
        return ApiError(401, "Log in to create a repo: no token was sent")
    return ApiError(
        403,
        f"Token {identity.token_name!r} has role {identity.role!r} and may not create repos in "
        f"{namespace!r:.100}: it needs role 'write' there",
    )


def delete(db: sqlite3.Connection, identity: Identity, repo: Repo) -> None:
    """Delete a repo with its history; its blobs go at the next garbage collection.

    Raises:
        ApiError: 403 if it holds a release and the asker is not an admin.
    """
    require_release_right(db, identity, repo, "delete it")
    # Children of `commits` and `blob` first: SQLite checks each foreign key while it cascades.
    for table in ("ref", "commits", "change", "entry", "tree_suffix", "file", "blob"):
        db.execute(f"DELETE FROM {table} WHERE repo = ?", (repo.key,))  # noqa: S608
    db.execute("DELETE FROM repo WHERE id = ?", (repo.key,))


def move(db: sqlite3.Connection, identity: Identity, repo: Repo, namespace: str, name: str) -> None:
    """Rename a repo; the old name goes on resolving to it until another repo takes it.

    Raises:
        ApiError: 409 if the new name is taken, 403 without the right to write in the new namespace.
    """
    check_name(namespace, "namespace")
    check_name(name, "repo name")
    if not identity.may("write", namespace):
        raise may_not_create(identity, namespace)
    taken = lookup(db, repo.type, namespace, name)
    if taken is not None and taken.key != repo.key:
        raise ApiError(409, f"A {repo.type} repository called {namespace}/{name} already exists")
    ensure_namespace(db, namespace)
    db.execute(
        "DELETE FROM former_name WHERE type = ? AND namespace = ? AND name = ?", (repo.type, namespace, name)
    )
    db.execute("UPDATE repo SET namespace = ?, name = ? WHERE id = ?", (namespace, name, repo.key))
    if repo.id.lower() != f"{namespace}/{name}".lower():
        db.execute(
            "INSERT OR REPLACE INTO former_name VALUES (?, ?, ?, ?)",
            (repo.type, repo.namespace, repo.name, repo.key),
        )


def change_settings(
    db: sqlite3.Connection, repo: Repo, *, private: bool | None, gated: Gated | Literal[False] | None
) -> None:
    """Change visibility and gating; None leaves a setting as it is."""
    if private is not None:
        db.execute("UPDATE repo SET private = ? WHERE id = ?", (private, repo.key))
    if gated is not None:
        db.execute("UPDATE repo SET gated = ? WHERE id = ?", (gated or None, repo.key))

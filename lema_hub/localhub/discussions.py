"""Discussions and pull requests: numbered together in each repo, each a row and the events that follow it.

A pull request is a discussion with a base: the branch it asks to change, and the commit that it started from.
Its own commits are under `refs/pr/N`, which outlives it. `pulls` makes and merges them.
"""

import json
import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lema_hub.localhub import refs, repos
from lema_hub.localhub.auth import Identity
from lema_hub.localhub.errors import ApiError, revision_not_found
from lema_hub.localhub.repos import Repo
from lema_hub.localhub.store import now

Status = Literal["draft", "open", "closed", "merged"]
EventType = Literal["comment", "commit", "status-change", "title-change"]


@dataclass(frozen=True, slots=True)
class Discussion:
    """One row; `base` and `base_commit` are those of a pull request, `merge_commit` of a merged one."""

    repo: int
    num: int
    title: str
    author: str
    status: Status
    base: str | None
    base_commit: str | None
    merge_commit: str | None
    created_at: str

    @property
    def is_pull(self) -> bool:
        """Whether it asks for a change of a branch."""
        return self.base is not None

    @property
    def ref(self) -> str:
        """Where the commits of a pull request are."""
        return f"{refs.PULLS}{self.num}"

    @property
    def is_live(self) -> bool:
        """Whether it still can be changed or merged."""
        return self.status in ("draft", "open")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; `data` is what the Hub's clients read under that name."""

    id: str
    type: EventType
    author: str
    created_at: str
    data: dict[str, Any]


def _from_row(row: sqlite3.Row) -> Discussion:
    return Discussion(**{name: row[name] for name in Discussion.__slots__})


def _event(row: sqlite3.Row) -> Event:
    data = json.loads(row["data"])
    return Event(
        id=row["id"], type=row["type"], author=row["author"], created_at=row["created_at"], data=data
    )


def require(db: sqlite3.Connection, repo: Repo, num: int) -> Discussion:
    """The discussion with that number.

    Raises:
        ApiError: 404 if there is none.
    """
    row = db.execute("SELECT * FROM discussion WHERE repo = ? AND num = ?", (repo.key, num)).fetchone()
    if row is None:
        raise ApiError(404, f"{repo.id} has no discussion {num}")
    return _from_row(row)


def of_ref(db: sqlite3.Connection, repo: Repo, ref: str) -> Discussion:
    """The pull request whose commits are under a ref (`refs/pr/3`).

    Raises:
        ApiError: 404 RevisionNotFound.
    """
    number = ref.removeprefix(refs.PULLS)
    if refs.head(db, repo.key, ref) is None or not number.isdigit():
        raise revision_not_found(ref)
    return require(db, repo, int(number))


def listing(db: sqlite3.Connection, repo: Repo) -> list[Discussion]:
    """Every discussion and pull request, newest first."""
    rows = db.execute("SELECT * FROM discussion WHERE repo = ? ORDER BY num DESC", (repo.key,))
    return [_from_row(row) for row in rows.fetchall()]


def count_by(db: sqlite3.Connection, identity: Identity, author: str) -> int:
    """How many discussions and pull requests a user opened, in the repos that the asker may see."""
    rows = db.execute("SELECT DISTINCT repo, num FROM discussion WHERE author = ?", (author,)).fetchall()
    seen = {repo: repos.by_key(db, repo) for repo, _ in rows}
    return sum(repo is not None and repos.may_see(identity, repo) for repo in (seen[key] for key, _ in rows))


def create(
    db: sqlite3.Connection,
    repo: Repo,
    *,
    title: str,
    author: str,
    text: str,
    status: Status = "open",
    base: str | None = None,
    base_commit: str | None = None,
) -> Discussion:
    """Open a discussion; its first event is the comment that describes it."""
    if not title.strip():
        raise ApiError(400, "Member 'title' must not be empty")
    last = db.execute("SELECT coalesce(max(num), 0) FROM discussion WHERE repo = ?", (repo.key,)).fetchone()
    made = Discussion(
        repo=repo.key,
        num=last[0] + 1,
        title=title.strip(),
        author=author,
        status=status,
        base=base,
        base_commit=base_commit,
        merge_commit=None,
        created_at=now(),
    )
    names = Discussion.__slots__
    db.execute(
        f"INSERT INTO discussion ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",  # noqa: S608
        [getattr(made, name) for name in names],
    )
    comment(db, made, author, text)
    return made


def follow(db: sqlite3.Connection, repo: Repo, rewritten: Mapping[str, str]) -> None:
    """Let pull requests point to the commits that took the place of others when a history was rewritten."""
    for column in ("base_commit", "merge_commit"):
        db.executemany(
            f"UPDATE discussion SET {column} = ? WHERE repo = ? AND {column} = ?",  # noqa: S608
            [(new, repo.key, old) for old, new in rewritten.items()],
        )


def events(db: sqlite3.Connection, discussion: Discussion) -> list[Event]:
    """What happened, oldest first."""
    rows = db.execute(
        "SELECT * FROM event WHERE repo = ? AND num = ? ORDER BY key", (discussion.repo, discussion.num)
    )
    return [_event(row) for row in rows.fetchall()]


def record(
    db: sqlite3.Connection, discussion: Discussion, kind: EventType, author: str, data: Mapping[str, Any]
) -> Event:
    """Write down an event."""
    made = Event(secrets.token_hex(12), kind, author, now(), dict(data))
    db.execute(
        "INSERT INTO event (id, repo, num, type, author, created_at, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (made.id, discussion.repo, discussion.num, kind, author, made.created_at, json.dumps(made.data)),
    )
    return made


def comment(db: sqlite3.Connection, discussion: Discussion, author: str, text: str) -> Event:
    """Add a comment.

    Raises:
        ApiError: 400 if it is empty.
    """
    if not text.strip():
        raise ApiError(400, "Member 'comment' must not be empty")
    data = {"text": text.strip(), "edited": False, "hidden": False}
    return record(db, discussion, "comment", author, data)


def change_comment(
    db: sqlite3.Connection, identity: Identity, repo: Repo, discussion: Discussion, key: str, text: str | None
) -> Event:
    """Edit a comment (its author), or hide it for good with None (its author, or who may write to the repo).

    Raises:
        ApiError: 404 if there is no such comment, 403 without the right, 400 if it is hidden or empty.
    """
    row = db.execute(
        "SELECT * FROM event WHERE repo = ? AND num = ? AND id = ? AND type = 'comment'",
        (repo.key, discussion.num, key),
    ).fetchone()
    if row is None:
        raise ApiError(404, f"Discussion {discussion.num} of {repo.id} has no comment {key!r:.40}")
    found = _event(row)
    own = identity.user is not None and identity.user.lower() == found.author.lower()
    if not own and (text is not None or not identity.may("write", repo.namespace)):
        raise ApiError(403, f"This comment is of {found.author!r}, who alone may edit it")
    if found.data["hidden"]:
        raise ApiError(400, "This comment is hidden")
    if text is not None and not text.strip():
        raise ApiError(400, "Member 'content' must not be empty")
    data = {**found.data, "text": (text or "").strip(), "hidden": text is None, "edited": text is not None}
    db.execute("UPDATE event SET data = ? WHERE id = ?", (json.dumps(data), key))
    return Event(found.id, found.type, found.author, found.created_at, data)


def require_steward(identity: Identity, repo: Repo, discussion: Discussion) -> None:
    """Refuse with 403 who neither opened the discussion nor may write to the repo."""
    if (identity.user or "").lower() != discussion.author.lower() and not identity.may(
        "write", repo.namespace
    ):
        raise ApiError(
            403,
            f"Only {discussion.author!r} and who may write to {repo.id} may change discussion {discussion.num}",
        )


def rename(db: sqlite3.Connection, discussion: Discussion, author: str, title: str) -> Event:
    """Give it another title.

    Raises:
        ApiError: 400 if the title is empty.
    """
    if not title.strip():
        raise ApiError(400, "Member 'title' must not be empty")
    db.execute(
        "UPDATE discussion SET title = ? WHERE repo = ? AND num = ?",
        (title.strip(), discussion.repo, discussion.num),
    )
    changed = {"from": discussion.title, "to": title.strip()}
    return record(db, discussion, "title-change", author, changed)


def set_status(
    db: sqlite3.Connection,
    discussion: Discussion,
    author: str,
    status: Status,
    *,
    merge_commit: str | None = None,
) -> Event:
    """Open, close or, for `pulls`, mark as merged.

    Raises:
        ApiError: 400 if it is merged, which is for good, or in that state already.
    """
    if discussion.status == "merged":
        raise ApiError(400, f"Pull request {discussion.num} is merged already")
    if discussion.status == status:
        raise ApiError(400, f"Discussion {discussion.num} is {status} already")
    db.execute(
        "UPDATE discussion SET status = ?, merge_commit = ? WHERE repo = ? AND num = ?",
        (status, merge_commit, discussion.repo, discussion.num),
    )
    return record(db, discussion, "status-change", author, {"status": status})

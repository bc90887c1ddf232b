"""Collections: repos, papers and other collections under one title, each with a note.

The address of a collection ends in its id (`lema/nano-0-1-650f...`), so a new title does not break old links.
What the asker may not see is left out of what is shown, and cannot be put in.
"""

import re
import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from lema_hub.localhub import repos
from lema_hub.localhub.auth import Identity
from lema_hub.localhub.errors import ApiError
from lema_hub.localhub.paths import RepoType
from lema_hub.localhub.store import now

ItemType = Literal["model", "dataset", "space", "paper", "collection"]

# Those that the Hub's command line names.
MAX_TITLE_CHARS: Final = 60
MAX_DESCRIPTION_CHARS: Final = 150
MAX_NOTE_CHARS: Final = 500
_THEMES: Final = ("orange", "blue", "green", "purple", "pink", "indigo")
_ID = re.compile(r"(?:.*-)?([0-9a-f]{24})")
_PAPER = re.compile(r"\d{4}\.\d{4,5}")


@dataclass(frozen=True, slots=True)
class Collection:
    """One row of the table of collections."""

    id: str
    namespace: str
    title: str
    description: str | None
    private: bool
    theme: str
    position: int
    updated_at: str

    @property
    def slug(self) -> str:
        """``namespace/words-of-the-title-id``."""
        words = re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")
        return f"{self.namespace}/{f'{words}-' if words else ''}{self.id}"


@dataclass(frozen=True, slots=True)
class Item:
    """Something in a collection; `shown` is the id by which the clients know it."""

    id: str
    type: ItemType
    shown: str
    note: str | None
    position: int


def _from_row(row: sqlite3.Row) -> Collection:
    values = {name: row[name] for name in Collection.__slots__}
    return Collection(**values | {"private": bool(row["private"])})


def _visible(identity: Identity, collection: Collection) -> bool:
    return not collection.private or identity.may("read", collection.namespace)


def find(db: sqlite3.Connection, identity: Identity, namespace: str, slug: str) -> Collection | None:
    """The collection at an address, if the asker may see it."""
    match = _ID.fullmatch(slug)
    row = db.execute(
        "SELECT * FROM collection WHERE id = ? AND namespace = ?", (match[1] if match else "", namespace)
    ).fetchone()
    found = None if row is None else _from_row(row)
    return found if found is not None and _visible(identity, found) else None


def require(
    db: sqlite3.Connection, identity: Identity, namespace: str, slug: str, *, writing: bool = False
) -> Collection:
    """The collection at an address.

    Raises:
        ApiError: 404 if it is missing or hidden, 401 or 403 if it can be seen but not changed.
    """
    found = find(db, identity, namespace, slug)
    if found is None:
        raise ApiError(404, f"Collection not found: {namespace}/{slug}")
    if writing:
        _require_write(identity, found.namespace)
    return found


def _require_write(identity: Identity, namespace: str) -> None:
    if identity.user is None:
        raise ApiError(401, "Log in to change a collection: no token was sent")
    if not identity.may("write", namespace):
        raise ApiError(
            403,
            f"Token {identity.token_name!r} has role {identity.role!r} and may not change collections of "
            f"{namespace!r:.100}: it needs role 'write' there",
        )


def listing(db: sqlite3.Connection, identity: Identity) -> list[Collection]:
    """Every collection that the asker may see, the newest change first."""
    rows = db.execute("SELECT * FROM collection ORDER BY updated_at DESC, id").fetchall()
    return [one for one in map(_from_row, rows) if _visible(identity, one)]


def create(
    db: sqlite3.Connection,
    identity: Identity,
    *,
    namespace: str,
    title: str,
    description: str | None,
    private: bool,
) -> Collection:
    """Make an empty collection.

    Raises:
        ApiError: 401 or 403 without the right, 409 with its `slug` if the namespace has one of that title.
    """
    _require_write(identity, namespace)
    title = _checked(title, "title", MAX_TITLE_CHARS)
    known = db.execute("SELECT name FROM namespace WHERE name = ?", (namespace,)).fetchone()
    if known is None:
        raise ApiError(404, f"There is no namespace {namespace!r:.100}")
    row = db.execute(
        "SELECT * FROM collection WHERE namespace = ? AND title = ?", (namespace, title)
    ).fetchone()
    if row is not None:
        slug = _from_row(row).slug
        raise ApiError(409, f"A collection {title!r} exists already: {slug}", extra={"slug": slug})
    made = Collection(
        id=secrets.token_hex(12),
        namespace=known["name"],
        title=title,
        description=_checked(description, "description", MAX_DESCRIPTION_CHARS) if description else None,
        private=private,
        theme=_THEMES[0],
        position=0,
        updated_at=now(),
    )
    _store(db, made, Collection.__slots__)
    return made


def _store(db: sqlite3.Connection, collection: Collection, names: tuple[str, ...]) -> None:
    db.execute(
        f"INSERT INTO collection ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",  # noqa: S608
        [getattr(collection, name) for name in names],
    )


def _checked(text: object, what: str, limit: int) -> str:
    if not isinstance(text, str) or not text.strip() or len(text.strip()) > limit:
        raise ApiError(400, f"Member {what!r} must be a text of 1 to {limit} characters")
    return text.strip()


def change(db: sqlite3.Connection, collection: Collection, values: Mapping[str, Any]) -> None:
    """Change title, description, visibility, theme or position; what is not named stays.

    Raises:
        ApiError: 400 for a value that is none, 409 for a title that is taken.
    """
    new: dict[str, object] = {}
    if "title" in values:
        new["title"] = _checked(values["title"], "title", MAX_TITLE_CHARS)
    if "description" in values:
        text = values["description"]
        new["description"] = _checked(text, "description", MAX_DESCRIPTION_CHARS) if text != "" else None
    if "private" in values:
        if not isinstance(values["private"], bool):
            raise ApiError(400, "Member 'private' must be true or false")
        new["private"] = values["private"]
    if "theme" in values:
        if values["theme"] not in _THEMES:
            raise ApiError(400, f"Member 'theme' must be one of {', '.join(_THEMES)}")
        new["theme"] = values["theme"]
    if "position" in values:
        new["position"] = _position(values["position"])
    new["updated_at"] = now()
    try:
        db.execute(
            f"UPDATE collection SET {', '.join(f'{name} = ?' for name in new)} WHERE id = ?",  # noqa: S608
            [*new.values(), collection.id],
        )
    except sqlite3.IntegrityError:
        raise ApiError(409, f"{collection.namespace} has another collection of that title") from None


def _position(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1_000_000:
        raise ApiError(400, "Member 'position' must be a whole number, 0 or more")
    return value


def delete(db: sqlite3.Connection, collection: Collection) -> None:
    """Delete a collection; what is in it stays where it is."""
    db.execute("DELETE FROM collection_item WHERE type = 'collection' AND target = ?", (collection.id,))
    db.execute("DELETE FROM collection WHERE id = ?", (collection.id,))


def items(db: sqlite3.Connection, identity: Identity, collection: Collection) -> list[Item]:
    """What is in a collection and visible to the asker, in order."""
    rows = db.execute(
        "SELECT * FROM collection_item WHERE collection = ? ORDER BY position, id", (collection.id,)
    ).fetchall()
    found = []
    for row in rows:
        shown: str | None = row["target"]
        if row["repo"] is not None:
            repo = repos.by_key(db, row["repo"])
            hidden = repo is None or (repo.private and not identity.may("read", repo.namespace))
            shown = None if repo is None or hidden else repo.id
        elif row["type"] == "collection":
            other = db.execute("SELECT * FROM collection WHERE id = ?", (row["target"],)).fetchone()
            inner = None if other is None else _from_row(other)
            shown = inner.slug if inner is not None and _visible(identity, inner) else None
        if shown is not None:
            found.append(Item(row["id"], row["type"], shown, row["note"], row["position"]))
    return found


def add(
    db: sqlite3.Connection,
    identity: Identity,
    collection: Collection,
    *,
    kind: object,
    target: object,
    note: object = None,
) -> None:
    """Put something at the end of a collection.

    Raises:
        ApiError: 400 for a wrong type, id or note, 404 for what is not there, 409 for what is in already.
    """
    if not isinstance(kind, str) or kind not in get_args(ItemType):
        raise ApiError(400, f"Member 'type' must be one of {', '.join(get_args(ItemType))}, got {kind!r:.40}")
    if not isinstance(target, str) or len(target) > 300:
        raise ApiError(400, "Member 'id' must be the id of a repo, a paper or a collection")
    text = _checked(note, "note", MAX_NOTE_CHARS) if note else None
    key, repo = _resolve(db, identity, kind, target)
    last = db.execute(
        "SELECT coalesce(max(position), -1) FROM collection_item WHERE collection = ?", (collection.id,)
    ).fetchone()[0]
    row = (secrets.token_hex(12), collection.id, kind, key, repo, text, last + 1)
    try:
        db.execute("INSERT INTO collection_item VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    except sqlite3.IntegrityError:
        raise ApiError(409, f"The collection has the {kind} {target} already") from None
    _touch(db, collection)


def _resolve(db: sqlite3.Connection, identity: Identity, kind: str, target: str) -> tuple[str, int | None]:
    """The key under which an item is stored, and the repo that it is."""
    namespace, _, name = target.partition("/")
    if kind == "paper":
        if not _PAPER.fullmatch(target):
            raise ApiError(
                400, f"A paper is named by its arXiv number such as 2310.20689, got {target!r:.40}"
            )
        return target, None
    if kind == "collection":
        return require(db, identity, namespace, name).id, None
    known: RepoType = kind  # type: ignore[assignment]  # the other two types are dealt with
    repo = repos.require(db, identity, known, namespace, name)
    return str(repo.key), repo.key


def _touch(db: sqlite3.Connection, collection: Collection) -> None:
    db.execute("UPDATE collection SET updated_at = ? WHERE id = ?", (now(), collection.id))


def _require_item(db: sqlite3.Connection, collection: Collection, key: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM collection_item WHERE collection = ? AND id = ?", (collection.id, key)
    ).fetchone()
    if row is None:
        raise ApiError(404, f"The collection has no item {key!r:.40}")
    return row


def change_item(db: sqlite3.Connection, collection: Collection, key: str, values: Mapping[str, Any]) -> None:
    """Change the note of an item, or move it to a place; the others make room.

    Raises:
        ApiError: 404 if there is no such item, 400 for a value that is none.
    """
    _require_item(db, collection, key)
    if "note" in values:
        note = _checked(values["note"], "note", MAX_NOTE_CHARS) if values["note"] else None
        db.execute("UPDATE collection_item SET note = ? WHERE id = ?", (note, key))
    if "position" in values:
        place = _position(values["position"])
        rows = db.execute(
            "SELECT id FROM collection_item WHERE collection = ? AND id != ? ORDER BY position, id",
            (collection.id, key),
        )
        order = [row["id"] for row in rows]
        order.insert(place, key)
        db.executemany("UPDATE collection_item SET position = ? WHERE id = ?", list(enumerate(order)))
    _touch(db, collection)


def delete_item(db: sqlite3.Connection, collection: Collection, key: str) -> None:
    """Take an item out.

    Raises:
        ApiError: 404 if there is no such item.
    """
    _require_item(db, collection, key)
    db.execute("DELETE FROM collection_item WHERE id = ?", (key,))
    _touch(db, collection)

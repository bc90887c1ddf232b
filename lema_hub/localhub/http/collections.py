"""Endpoints of collections."""

import sqlite3
from html import escape
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import PlainTextResponse, Response

from lema_hub.localhub import collections
from lema_hub.localhub.collections import Collection, Item
from lema_hub.localhub.errors import ApiError
from lema_hub.localhub.http.call import Call, Json, text_member

PAGE: Final = 100
_LISTED_ITEMS: Final = 4


def listing(call: Call) -> Response:
    """GET /api/collections; a listing shows the first four items of each, as the Hub's does."""
    query = call.request.query_params
    owners = {owner.lower() for owner in query.getlist("owner")}
    wanted = set(query.getlist("item"))
    start, limit = (_number(query.get("cursor"), 0), min(max(_number(query.get("limit"), PAGE), 1), PAGE))
    found = []
    with call.state.store.read() as db:
        for one in collections.listing(db, call.identity):
            held = collections.items(db, call.identity, one)
            if owners and one.namespace.lower() not in owners:
                continue
            if wanted and wanted.isdisjoint(f"{item.type}s/{item.shown}" for item in held):
                continue
            listed = _json(call, one, held[:_LISTED_ITEMS])
            del listed["position"]  # the client numbers what it lists itself
            found.append(listed)
    headers = {}
    if start + limit < len(found):
        pairs = [(key, value) for key, value in query.multi_items() if key != "cursor"]
        following = urlencode([*pairs, ("cursor", start + limit)])
        headers["Link"] = f'<{call.base_url}{call.request.url.path}?{following}>; rel="next"'
    return Json(found[start : start + limit], headers=headers)


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else default


def create(call: Call) -> Response:
    """POST /api/collections."""
    values = call.json()
    namespace = text_member(values, "namespace", call.identity.user or "")
    first = values.get("item")
    with call.state.store.write() as db:
        made = collections.create(
            db,
            call.identity,
            namespace=namespace,
            title=text_member(values, "title"),
            description=text_member(values, "description", ""),
            private=values.get("private") is True,
        )
        if isinstance(first, dict):
            _add(call, db, made, first, values.get("note"))
        return _answer(call, db, made)


def _add(call: Call, db: sqlite3.Connection, one: Collection, item: dict[str, Any], note: object) -> None:
    collections.add(db, call.identity, one, kind=item.get("type"), target=item.get("id"), note=note)


def get(call: Call) -> Response:
    """GET /api/collections/{namespace}/{slug}."""
    with call.state.store.read() as db:
        return _answer(call, db, _named(call, db))


def change(call: Call) -> Response:
    """PATCH /api/collections/{namespace}/{slug}."""
    values = call.json()
    with call.state.store.write() as db:
        collections.change(db, _named(call, db, writing=True), values)
        return _answer(call, db, _named(call, db), wrapped=True)


def delete(call: Call) -> Response:
    """DELETE /api/collections/{namespace}/{slug}."""
    with call.state.store.write() as db:
        collections.delete(db, _named(call, db, writing=True))
    return Json({"success": True})


def add_item(call: Call) -> Response:
    """POST /api/collections/{namespace}/{slug}/items."""
    values = call.json()
    item = values.get("item")
    if not isinstance(item, dict):
        raise ApiError(400, "Member 'item' must be an object with 'type' and 'id'")
    with call.state.store.write() as db:
        one = _named(call, db, writing=True)
        _add(call, db, one, item, values.get("note"))
        return _answer(call, db, one)


def change_item(call: Call) -> Response:
    """PATCH /api/collections/{namespace}/{slug}/items/{item}."""
    values = call.json()
    with call.state.store.write() as db:
        collections.change_item(db, _named(call, db, writing=True), call.param("item"), values)
    return Json({"success": True})


def delete_item(call: Call) -> Response:
    """DELETE /api/collections/{namespace}/{slug}/items/{item}."""
    with call.state.store.write() as db:
        collections.delete_item(db, _named(call, db, writing=True), call.param("item"))
    return Json({"success": True})


def page(call: Call) -> Response:
    """GET /collections/{namespace}/{slug}: title and items, as plain text."""
    with call.state.store.read() as db:
        one = _named(call, db)
        held = collections.items(db, call.identity, one)
    lines = [f"collection {one.title}" + (" (private)" if one.private else ""), one.description or "", ""]
    for item in held:
        lines += [f"{item.type} {item.shown}", *([f"  {item.note}"] if item.note else [])]
    return PlainTextResponse("\n".join([*lines, ""]))


def _named(call: Call, db: sqlite3.Connection, *, writing: bool = False) -> Collection:
    return collections.require(
        db, call.identity, call.param("namespace"), call.param("slug"), writing=writing
    )


def _answer(call: Call, db: sqlite3.Connection, one: Collection, *, wrapped: bool = False) -> Response:
    answer = _json(call, one, collections.items(db, call.identity, one))
    return Json({"success": True, "data": answer} if wrapped else answer)


def _json(call: Call, one: Collection, held: list[Item]) -> dict[str, Any]:
    return {
        "slug": one.slug,
        "title": one.title,
        "description": one.description,
        "owner": {"name": one.namespace, "fullname": one.namespace, "type": "user"},
        "items": [_item(item) for item in held],
        "lastUpdated": one.updated_at,
        "position": one.position,
        "private": one.private,
        "theme": one.theme,
        "upvotes": 0,
        "shareUrl": f"{call.base_url}/collections/{one.slug}",
        "gating": False,
    }


def _item(item: Item) -> dict[str, Any]:
    described: dict[str, Any] = {
        "_id": item.id,
        "id": item.shown,
        "type": item.type,
        "position": item.position,
    }
    if item.type == "collection":
        described["slug"] = item.shown
    elif item.type != "paper":
        described |= {"repoType": item.type, "author": item.shown.partition("/")[0]}
    if item.note is not None:
        described["note"] = {"text": item.note, "html": escape(item.note)}
    return described

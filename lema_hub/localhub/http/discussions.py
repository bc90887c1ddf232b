"""Endpoints of discussions and pull requests."""

import sqlite3
from html import escape
from typing import Any, Final

from starlette.responses import PlainTextResponse, Response

from lema_hub.localhub import bounds, discussions, info, pulls, refs, repos
from lema_hub.localhub.discussions import Discussion, Event
from lema_hub.localhub.errors import ApiError
from lema_hub.localhub.http.call import Call, Json, text_member
from lema_hub.localhub.repos import Repo

PAGE: Final = 50
_DEFAULT_TEXT: Final = "No description was given."


def listing(call: Call) -> Response:
    """GET /api/{type}/{repo}/discussions; `open` includes drafts, `closed` includes what was merged."""
    query = call.request.query_params
    kind, status, author = query.get("type", "all"), query.get("status", "all"), query.get("author")
    page = query.get("p", "0")
    start = PAGE * (int(page) if page.isascii() and page.isdigit() and len(page) < 8 else 0)
    with call.state.store.read() as db:
        repo = call.repo(db)
        found = [
            one
            for one in discussions.listing(db, repo)
            if (kind == "all" or one.is_pull == (kind == "pull_request"))
            and (status == "all" or one.is_live == (status == "open"))
            and (author is None or one.author.lower() == author.lower())
        ]
    shown = [_summary(repo, one) for one in found[start : start + PAGE]]
    closed = sum(not one.is_live for one in found)
    return Json({"discussions": shown, "count": len(found), "start": start, "numClosedDiscussions": closed})


def create(call: Call) -> Response:
    """POST /api/{type}/{repo}/discussions."""
    values = call.json()
    title = text_member(values, "title", limit=bounds.TITLE_CHARS)
    text = text_member(values, "description", "", limit=bounds.MESSAGE_CHARS) or _DEFAULT_TEXT
    with call.state.store.write() as db:
        repo = repos.require_part(call.identity, call.repo(db))
        author = str(call.identity.user)
        if values.get("pullRequest") is True:
            made = pulls.start(db, repo, title=title, author=author, text=text)
        else:
            made = discussions.create(db, repo, title=title, author=author, text=text)
    return Json({"num": made.num, "url": _url(call, repo, made), "pullRequest": made.is_pull})


def details(call: Call) -> Response:
    """GET /api/{type}/{repo}/discussions/{num}; `diff=1` adds what a pull request changes."""
    with call.state.store.read() as db:
        repo = call.repo(db)
        one = discussions.require(db, repo, _number(call))
        answer = _summary(repo, one)
        answer["events"] = [_event(event) for event in discussions.events(db, one)]
        if one.is_pull:
            answer["changes"] = {"base": f"refs/heads/{one.base}", "mergeCommitId": one.merge_commit}
            answer["filesWithConflicts"] = pulls.conflicts(db, repo, one)
            if call.flag("diff"):
                repos.require_download(call.identity, repo)
                answer["diff"] = pulls.diff(db, call.state.blobs, repo, one)
    return Json(answer)


def comment(call: Call) -> Response:
    """POST /api/{type}/{repo}/discussions/{num}/comment."""
    text = text_member(call.json(), "comment", limit=bounds.MESSAGE_CHARS)
    with call.state.store.write() as db:
        repo = repos.require_part(call.identity, call.repo(db))
        one = discussions.require(db, repo, _number(call))
        made = discussions.comment(db, one, str(call.identity.user), text)
    return Json({"newMessage": _event(made)})


def edit_comment(call: Call) -> Response:
    """POST /api/{type}/{repo}/discussions/{num}/comment/{event}/edit."""
    return _change_comment(call, text_member(call.json(), "content", limit=bounds.MESSAGE_CHARS))


def hide_comment(call: Call) -> Response:
    """POST /api/{type}/{repo}/discussions/{num}/comment/{event}/hide."""
    return _change_comment(call, None)


def _change_comment(call: Call, text: str | None) -> Response:
    with call.state.store.write() as db:
        repo = repos.require_part(call.identity, call.repo(db))
        one = discussions.require(db, repo, _number(call))
        changed = discussions.change_comment(db, call.identity, repo, one, call.param("event"), text)
    return Json({"updatedComment": _event(changed)})


def rename(call: Call) -> Response:
    """POST /api/{type}/{repo}/discussions/{num}/title."""
    title = text_member(call.json(), "title", limit=bounds.TITLE_CHARS)
    with call.state.store.write() as db:
        _, one = _steward(call, db)
        changed = discussions.rename(db, one, str(call.identity.user), title)
    return Json({"newTitle": _event(changed)})


def change_status(call: Call) -> Response:
    """POST /api/{type}/{repo}/discussions/{num}/status."""
    values = call.json()
    status = values.get("status")
    if status not in ("open", "closed"):
        raise ApiError(400, f"Member 'status' must be open or closed, got {status!r:.40}")
    text = text_member(values, "comment", "", limit=bounds.MESSAGE_CHARS)
    with call.state.store.write() as db:
        _, one = _steward(call, db)
        if text.strip():
            discussions.comment(db, one, str(call.identity.user), text)
        changed = discussions.set_status(db, one, str(call.identity.user), status)
    return Json({"newStatus": _event(changed)})


def merge(call: Call) -> Response:
    """POST /api/{type}/{repo}/discussions/{num}/merge: for who may write to the repo."""
    text = text_member(call.json(), "comment", "", limit=bounds.MESSAGE_CHARS)
    with call.state.store.write() as db:
        repo = call.repo(db, "write")
        one = discussions.require(db, repo, _number(call))
        if text.strip():
            discussions.comment(db, one, str(call.identity.user), text)
        done = pulls.merge(db, repo, one, call.identity)
        if one.base == refs.MAIN:
            info.index(db, call.state.blobs, repo, done.tree)
    return Json({"success": True, "mergeCommitId": done.oid})


def page(call: Call) -> Response:
    """GET /{repo}/discussions/{num}: the whole of it, as plain text."""
    with call.state.store.read() as db:
        repo = call.repo(db)
        one = discussions.require(db, repo, _number(call))
        happened = discussions.events(db, one)
    kind = "pull request" if one.is_pull else "discussion"
    lines = [f"{kind} {one.num} of {repo.type} {repo.id}: {one.title}", f"{one.status}, by {one.author}", ""]
    for event in happened:
        told = {key: value for key, value in event.data.items() if key not in ("edited", "hidden")}
        lines += [f"{event.created_at} {event.author} ({event.type})", *map(str, told.values()), ""]
    return PlainTextResponse("\n".join(lines))


def _steward(call: Call, db: sqlite3.Connection) -> tuple[Repo, Discussion]:
    repo = repos.require_part(call.identity, call.repo(db))
    one = discussions.require(db, repo, _number(call))
    discussions.require_steward(call.identity, repo, one)
    return repo, one


def _number(call: Call) -> int:
    text = call.param("num")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ApiError(404, f"No discussion has the number {text!r:.40}")
    return int(text)


def _url(call: Call, repo: Repo, one: Discussion) -> str:
    return f"{call.base_url}/{repo.url_path}/discussions/{one.num}"


def _summary(repo: Repo, one: Discussion) -> dict[str, Any]:
    return {
        "num": one.num,
        "title": one.title,
        "author": {"name": one.author, "type": "user"},
        "repo": {"name": repo.id, "type": repo.type},
        "status": one.status,
        "isPullRequest": one.is_pull,
        "createdAt": one.created_at,
        "pinned": False,
        "locked": False,
    }


def _event(event: Event) -> dict[str, Any]:
    author = {"name": event.author, "type": "user"}
    data = event.data
    if event.type == "comment":
        latest = {
            "raw": data["text"],
            "html": f"<p>{escape(data['text'])}</p>",
            "updatedAt": event.created_at,
            "author": author,
        }
        data = {
            "edited": data["edited"],
            "hidden": data["hidden"],
            "numEdits": int(data["edited"]),
            "latest": latest,
            "history": [latest],
        }
    return {"id": event.id, "type": event.type, "createdAt": event.created_at, "author": author, "data": data}

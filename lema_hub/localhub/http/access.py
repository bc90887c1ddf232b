"""Endpoints of access to gated repos: the check, the asking, and the answers."""

import sqlite3
from typing import Final, get_args

from starlette.responses import Response

from lema_hub.localhub import access, accounts, repos
from lema_hub.localhub.access import AccessRequest, Status
from lema_hub.localhub.errors import ApiError
from lema_hub.localhub.http.accounts import person
from lema_hub.localhub.http.call import Call, Json, text_member

MAX_REASON_CHARS: Final = 200


def check(call: Call) -> Response:
    """GET /api/{type}/{repo}/auth-check and /auth-check/write."""
    writing = call.request.url.path.endswith("/write")
    with call.state.store.read() as db:
        repos.require_download(call.identity, call.repo(db, "write" if writing else "read"))
    return Json({"success": True})


def ask(call: Call) -> Response:
    """POST /{repo}/ask-access."""
    with call.state.store.write() as db:
        made = access.ask(db, call.identity, call.repo(db))
    return Json({"requestId": made.id, "status": made.status})


def listing(call: Call) -> Response:
    """GET /api/{type}/{repo}/user-access-request/{status}."""
    status = _status(call.param("status"))
    with call.state.store.read() as db:
        found = access.listing(db, call.repo(db, "write"), status)
        return Json([_json(db, one) for one in found])


def handle(call: Call) -> Response:
    """POST /api/{type}/{repo}/user-access-request/handle."""
    values = call.json()
    by: access.Name = "id" if values.get("user") is None else "user"
    value = text_member(values, "requestId" if by == "id" else "user")
    status = _status(text_member(values, "status"))
    reason = text_member(values, "rejectionReason", "", limit=MAX_REASON_CHARS) or None
    with call.state.store.write() as db:
        access.answer(db, call.repo(db, "write"), by=by, value=value, status=status, reason=reason)
    return Json({"success": True})


def grant(call: Call) -> Response:
    """POST /api/{type}/{repo}/user-access-request/grant."""
    user = text_member(call.json(), "user")
    with call.state.store.write() as db:
        made = access.grant(db, call.repo(db, "write"), user)
    return Json({"success": True, "requestId": made.id})


def _status(text: str) -> Status:
    for status in get_args(Status):
        if text == status:
            return status  # type: ignore[no-any-return]
    raise ApiError(400, f"An access request is {', '.join(get_args(Status))}, not {text!r:.40}")


def _json(db: sqlite3.Connection, request: AccessRequest) -> dict[str, object]:
    user = accounts.find(db, request.user)
    described: dict[str, object] = {
        "requestId": request.id,
        "status": request.status,
        "timestamp": request.created_at,
        "grantedManually": request.granted,
    }
    if request.reason is not None:
        described["rejectionReason"] = request.reason
    # An account has no address here, so there is none to share.
    return described if user is None else {**described, "user": {**person(user), "email": None}}

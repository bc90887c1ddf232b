"""Users and organisations, cards, and the small endpoints that belong to no repo."""

import logging
import sqlite3
from typing import Final

from starlette.responses import PlainTextResponse, RedirectResponse, Response

from lema_hub.localhub import accounts, auth, bounds, cards, discussions, likes, repos
from lema_hub.localhub.accounts import Account
from lema_hub.localhub.errors import ApiError
from lema_hub.localhub.http.call import Call, Json, text_member
from lema_hub.localhub.paths import PLURALS

logger = logging.getLogger(__name__)

XET_HINT: Final = "/set-HF_HUB_DISABLE_XET=1-before-the-client-is-imported"


def whoami(call: Call) -> Response:
    """GET /api/whoami-v2."""
    identity = call.identity
    if identity.user is None:
        raise ApiError(401, auth.BAD_TOKEN)
    with call.state.store.read() as db:
        own = accounts.find(db, identity.user)
        others = [accounts.find(db, name) for name in sorted(identity.namespaces - {identity.user.lower()})]
    return Json(
        {
            "type": "user",
            "id": identity.user,
            "name": identity.user,
            "fullname": identity.user if own is None else own.fullname,
            "email": None,
            "emailVerified": False,
            "isPro": False,
            "canPay": False,
            "periodEnd": None,
            "avatarUrl": "",
            "orgs": [
                {**_organisation(other), "id": other.name, "roleInOrg": identity.role, "isEnterprise": False}
                for other in others
                if other is not None
            ],
            "auth": {
                "type": "access_token",
                "accessToken": {"displayName": identity.token_name, "role": identity.role},
            },
        }
    )


def _organisation(account: Account) -> dict[str, object]:
    return {"type": "org", "name": account.name, "fullname": account.fullname, "avatarUrl": ""}


def person(account: Account) -> dict[str, object]:
    """A user as listings show one."""
    return {
        "type": "user",
        "user": account.name,
        "fullname": account.fullname,
        "avatarUrl": "",
        "isPro": False,
    }


def user(call: Call) -> Response:
    """GET /api/users/{user}/overview; counts only what the asker may see."""
    with call.state.store.read() as db:
        found = accounts.require(db, call.param("user"), is_user=True)
        answer = person(found) | _counts(call, db, found)
        answer["numDiscussions"] = discussions.count_by(db, call.identity, found.name)
        answer["numLikes"] = len(likes.of_user(db, call.identity, found.name))
        answer["orgs"] = [_organisation(one) for one in accounts.organisations(db, found.name)]
    return Json(answer)


def organisation(call: Call) -> Response:
    """GET /api/organizations/{organization}/overview."""
    with call.state.store.read() as db:
        found = accounts.require(db, call.param("organization"), is_user=False)
        answer = _organisation(found) | _counts(call, db, found)
        answer["numUsers"] = len(accounts.members(db, found.name))
    return Json(answer)


def members(call: Call) -> Response:
    """GET /api/organizations/{organization}/members."""
    with call.state.store.read() as db:
        found = accounts.require(db, call.param("organization"), is_user=False)
        return Json([person(member) for member in accounts.members(db, found.name)])


def _counts(call: Call, db: sqlite3.Connection, account: Account) -> dict[str, int]:
    return {
        f"num{plural.title()}": sum(
            repo.namespace.lower() == account.name.lower() for repo in repos.visible(db, call.identity, kind)
        )
        for plural, kind in PLURALS.items()
    }


def validate_yaml(call: Call) -> Response:
    """POST /api/validate-yaml: 400 with the errors; plain text for a client that asks for it."""
    values = call.json()
    content = text_member(values, "content", limit=bounds.CARD_CHARS)
    kind = text_member(values, "repoType", "model")
    if kind not in PLURALS.values():
        raise ApiError(
            400, f"Member 'repoType' must be one of {', '.join(PLURALS.values())}, got {kind!r:.40}"
        )
    found = cards.check(content, kind)  # type: ignore[arg-type]  # checked in the line above
    status = 400 if found.errors else 200
    if "text/plain" in call.request.headers.get("accept", ""):
        return PlainTextResponse("\n".join(found.errors) or "ok", status_code=status)
    answer = {
        "errors": [{"message": message} for message in found.errors],
        "warnings": [{"message": message} for message in found.warnings],
    }
    return Json(answer, status_code=status)


def no_xet(call: Call) -> Response:
    """GET /api/{type}/{repo}/xet-{read,write}-token/{revision}: this server speaks git-lfs.

    The Xet client shows its user the url that failed and nothing of the answer, so the url says what to do.
    """
    logger.warning("a client asked for Xet: set HF_HUB_DISABLE_XET=1 before huggingface_hub is imported")
    return RedirectResponse(f"{call.base_url}{XET_HINT}")


def xet_hint(_: Call) -> Response:
    """Where clients that ask for Xet are sent."""
    raise ApiError(501, "This server has no Xet: set HF_HUB_DISABLE_XET=1 before huggingface_hub is imported")


def nothing(_: Call) -> Response:
    """Endpoints that clients call to report on themselves; this server keeps no such reports."""
    return Json({})

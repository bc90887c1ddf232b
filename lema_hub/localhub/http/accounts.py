"""Accounts, cards and the small endpoints that belong to no repo."""

import logging
from typing import Final

from starlette.responses import PlainTextResponse, RedirectResponse, Response

from lema_hub.localhub import auth, cards
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
    others = sorted(identity.namespaces - {identity.user.lower()})
    return Json(
        {
            "type": "user",
            "id": identity.user,
            "name": identity.user,
            "fullname": identity.user,
            "email": None,
            "emailVerified": False,
            "isPro": False,
            "canPay": False,
            "periodEnd": None,
            "avatarUrl": "",
            "orgs": [
                {
                    "type": "org",
                    "id": name,
                    "name": name,
                    "fullname": name,
                    "roleInOrg": identity.role,
                    "isEnterprise": False,
                }
                for name in others
            ],
            "auth": {
                "type": "access_token",
                "accessToken": {"displayName": identity.token_name, "role": identity.role},
            },
        }
    )


def validate_yaml(call: Call) -> Response:
    """POST /api/validate-yaml: 400 with the errors; plain text for a client that asks for it."""
    values = call.json()
    content = text_member(values, "content", limit=8_000_000)
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

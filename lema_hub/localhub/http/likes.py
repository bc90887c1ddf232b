"""Endpoints of likes."""

from starlette.responses import Response

from lema_hub.localhub import accounts, likes, repos
from lema_hub.localhub.http.accounts import person
from lema_hub.localhub.http.call import Call, Json


def like(call: Call) -> Response:
    """POST /api/{type}/{repo}/like."""
    with call.state.store.write() as db:
        repo = repos.require_user(call.identity, call.repo(db))
        likes.add(db, repo, str(call.identity.user))
    return Json({"success": True})


def unlike(call: Call) -> Response:
    """DELETE /api/{type}/{repo}/like."""
    with call.state.store.write() as db:
        repo = repos.require_user(call.identity, call.repo(db))
        likes.remove(db, repo, str(call.identity.user))
    return Json({"success": True})


def likers(call: Call) -> Response:
    """GET /api/{type}/{repo}/likers."""
    with call.state.store.read() as db:
        return Json([person(account) for account in likes.of_repo(db, call.repo(db))])


def liked(call: Call) -> Response:
    """GET /api/users/{user}/likes: what a user likes, as far as the asker may see it."""
    with call.state.store.read() as db:
        user = accounts.require(db, call.param("user"), is_user=True)
        found = likes.of_user(db, call.identity, user.name)
    return Json(
        [{"createdAt": one.created_at, "repo": {"name": one.repo.id, "type": one.repo.type}} for one in found]
    )

"""Endpoints about branches and tags."""

from starlette.responses import Response

from lema_hub.localhub import refs, repos
from lema_hub.localhub.http.call import Call, Json, text_member


def listing(call: Call) -> Response:
    """GET /api/{type}/{repo}/refs."""
    with call.state.store.read() as db:
        repo = call.repo(db)
        branches, tags = refs.listing(db, repo.key, "branch"), refs.listing(db, repo.key, "tag")
        pulls = refs.listing(db, repo.key, "pull")
    answer = {"branches": _json(branches), "converts": [], "tags": _json(tags)}
    if call.flag("include_prs"):
        answer["pullRequests"] = _json(pulls)
    return Json(answer)


def _json(found: list[refs.Ref]) -> list[dict[str, str]]:
    return [{"name": ref.name, "ref": ref.ref, "targetCommit": ref.target} for ref in found]


def create_branch(call: Call) -> Response:
    """POST /api/{type}/{repo}/branch/{branch}."""
    starting_point = text_member(call.json(), "startingPoint", "") or None
    with call.state.store.write() as db:
        refs.create_branch(db, call.repo(db, "write").key, call.param("ref"), starting_point)
    return Json({"success": True})


def delete_branch(call: Call) -> Response:
    """DELETE /api/{type}/{repo}/branch/{branch}."""
    with call.state.store.write() as db:
        refs.delete_branch(db, call.repo(db, "write").key, call.param("ref"))
    return Json({"success": True})


def create_tag(call: Call) -> Response:
    """POST /api/{type}/{repo}/tag/{revision}."""
    values = call.json()
    with call.state.store.write() as db:
        repo = call.repo(db, "write")
        message = text_member(values, "message", "", limit=10_000) or None
        refs.create_tag(db, repo.key, text_member(values, "tag"), call.param("ref"), message)
    return Json({"success": True})


def delete_tag(call: Call) -> Response:
    """DELETE /api/{type}/{repo}/tag/{tag}: for admins in a repo with a release, else for all who may write."""
    with call.state.store.write() as db:
        repo = call.repo(db, "write")
        repos.require_release_right(db, call.identity, repo, "delete a tag of it")
        refs.delete_tag(db, repo.key, call.param("ref"))
    return Json({"success": True})

"""Endpoints about whole repos: create, delete, move, settings, info, listings, access."""

from typing import Any, get_args
from urllib.parse import urlencode

from starlette.responses import Response

from lema_hub.localhub import attributes, changes, commits, info, likes, refs, repos, trees
from lema_hub.localhub.errors import ApiError
from lema_hub.localhub.http.call import Call, Json, text_member
from lema_hub.localhub.paths import URL_PREFIXES, RepoType
from lema_hub.localhub.repos import Repo

MAX_PAGE = 1000


def _kind(values: dict[str, Any]) -> RepoType:
    kind = text_member(values, "type", "model")
    if kind not in get_args(RepoType):
        raise ApiError(400, f"Member 'type' must be one of {', '.join(get_args(RepoType))}, got {kind!r:.40}")
    return kind  # type: ignore[return-value]


def _target(call: Call, values: dict[str, Any]) -> tuple[str, str]:
    """Namespace and name of a body that names a repo in two members."""
    namespace = text_member(values, "organization", call.identity.user or "")
    if call.identity.user is None:
        raise ApiError(401, "Log in to change repos: no token was sent")
    return namespace, text_member(values, "name")


def create(call: Call) -> Response:
    """POST /api/repos/create."""
    values = call.json()
    kind = _kind(values)
    namespace, name = _target(call, values)
    private = None
    if values.get("visibility") is not None or values.get("private") is not None:
        private = values.get("visibility") in ("private", "protected") or values.get("private") is True
    url = f"{call.base_url}/{URL_PREFIXES[kind]}{namespace}/{name}"
    git_attributes = attributes.DEFAULT_GITATTRIBUTES.encode()
    sha256 = call.state.blobs.put(git_attributes)
    with call.state.store.write() as db:
        try:
            repo = repos.create(
                db,
                call.identity,
                kind=kind,
                namespace=namespace,
                name=name,
                private=private,
                sdk=text_member(values, "sdk", "") or None,
            )
        except ApiError as error:
            if error.status == 409:
                error.extra["url"] = url
            raise
        changes.record_blob(db, repo.key, sha256, len(git_attributes))
        oid = trees.git_id("blob", git_attributes)
        trees.add_file(db, repo.key, oid=oid, sha256=sha256, size=len(git_attributes), lfs=False)
        first = commits.write(
            db,
            repo.key,
            tree=trees.write(db, repo.key, trees.EMPTY_TREE, {".gitattributes": oid}),
            parent=None,
            author=str(call.identity.user),
            title="initial commit",
            message="",
        )
        refs.set_head(db, repo.key, refs.MAIN, first.oid)
        info.index(db, call.state.blobs, repo, first.tree)
    return Json({"url": url, "name": repo.id, "id": repo.id})


def delete(call: Call) -> Response:
    """DELETE /api/repos/delete."""
    values = call.json()
    kind = _kind(values)
    namespace, name = _target(call, values)
    with call.state.store.write() as db:
        repo = repos.require(db, call.identity, kind, namespace, name, "write")
        repos.delete(db, call.identity, repo)
    return Json({"success": True})


def move(call: Call) -> Response:
    """POST /api/repos/move."""
    values = call.json()
    kind = _kind(values)
    source, target = (text_member(values, key).split("/") for key in ("fromRepo", "toRepo"))
    if len(source) != 2 or len(target) != 2:
        raise ApiError(400, "Members 'fromRepo' and 'toRepo' must look like namespace/name")
    with call.state.store.write() as db:
        repo = repos.require(db, call.identity, kind, source[0], source[1], "write")
        repos.move(db, call.identity, repo, target[0], target[1])
    return Json({"success": True})


def settings(call: Call) -> Response:
    """PUT /api/{type}/{repo}/settings."""
    values = call.json()
    private = {"public": False, "private": True}.get(str(values.get("visibility")))
    if "visibility" in values and private is None:
        raise ApiError(
            400, f"Member 'visibility' must be public or private, got {values['visibility']!r:.40}"
        )
    if private is None and isinstance(values.get("private"), bool):
        private = values["private"]
    gated = values.get("gated")
    if gated not in (None, False, "auto", "manual"):
        raise ApiError(400, f"Member 'gated' must be auto, manual or false, got {gated!r:.40}")
    with call.state.store.write() as db:
        repos.change_settings(db, call.repo(db, "write"), private=private, gated=gated)
    return Json({"private": private, "gated": gated})


def repo_info(call: Call) -> Response:
    """GET /api/{type}/{repo} and /api/{type}/{repo}/revision/{rev}."""
    query = call.request.query_params
    expand = frozenset(query.getlist("expand") + query.getlist("expand[]"))
    revision = call.param("revision") if "revision" in call.request.path_params else refs.MAIN
    with call.state.store.read() as db:
        repo = call.repo(db)
        commit = commits.get(db, repo.key, refs.resolve(db, repo.key, revision))
        described = info.describe(
            db, call.state.blobs, repo, commit, only=expand or None, with_blobs=call.flag("blobs")
        )
    return Json(described, headers={"X-Repo-Commit": commit.oid})


def listing(call: Call) -> Response:
    """GET /api/models, /api/datasets, /api/spaces.

    `sort` knows lastModified, createdAt and likes; downloads are not counted here, so by them all are equal.
    """
    query = call.request.query_params
    limit = _number(query.get("limit"), MAX_PAGE)
    start = _number(query.get("cursor"), 0)
    limit = min(max(limit, 1), MAX_PAGE)
    wanted = {value.lower() for key in ("filter", "pipeline_tag") for value in query.getlist(key) if value}
    expand = frozenset(query.getlist("expand") + query.getlist("expand[]"))
    full = call.flag("full") or call.flag("cardData") or call.flag("config")
    with call.state.store.read() as db:
        found = [repo for repo in repos.visible(db, call.identity, call.kind) if _matches(call, repo)]
        if wanted:
            tags: dict[int, set[str]] = {}
            for row in db.execute("SELECT repo, tag FROM repo_tag"):
                tags.setdefault(row["repo"], set()).add(row["tag"].lower())
            found = [repo for repo in found if wanted <= tags.get(repo.key, set())]
        newest = "created_at" if query.get("sort") in ("createdAt", "created_at") else "updated_at"
        found.sort(key=lambda repo: (getattr(repo, newest), repo.key), reverse=True)
        if query.get("sort") == "likes":
            liked = likes.counts(db)
            found.sort(key=lambda repo: liked.get(repo.key, 0), reverse=True)
        page = []
        for repo in found[start : start + limit]:
            if expand or full:
                commit = commits.get(db, repo.key, refs.resolve(db, repo.key, refs.MAIN))
                page.append(info.describe(db, call.state.blobs, repo, commit, only=expand or None))
            else:
                page.append(info.summary(db, repo))
    headers = {}
    if start + limit < len(found):
        pairs = [(key, value) for key, value in query.multi_items() if key != "cursor"]
        following = urlencode([*pairs, ("cursor", start + limit)])
        headers["Link"] = f'<{call.base_url}{call.request.url.path}?{following}>; rel="next"'
    return Json(page, headers=headers)


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else default


def _matches(call: Call, repo: Repo) -> bool:
    query = call.request.query_params
    author = query.get("author")
    gated = query.get("gated")
    return (
        (author is None or author.lower() == repo.namespace.lower())
        and all(part.lower() in repo.id.lower() for part in query.getlist("search"))
        and (gated is None or (gated.lower() == "true") == (repo.gated is not None))
    )

"""Endpoints that read files: listings, single paths, history, and downloads."""

import sqlite3
from email.utils import formatdate
from html import escape
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlencode

from starlette.responses import FileResponse, Response

from lema_hub.localhub import bounds, commits, info, lfs_files, refs, repos, trees
from lema_hub.localhub.blobs import CHUNK_BYTES
from lema_hub.localhub.commits import Commit
from lema_hub.localhub.errors import ApiError, StorageDamagedError, entry_not_found
from lema_hub.localhub.http.call import Call, Json
from lema_hub.localhub.paths import is_commit_id
from lema_hub.localhub.repos import Repo

PAGE: Final = 1000
EXPANDED_PAGE: Final = 50


class BlobResponse(FileResponse):
    """A blob, whole or by Range; in pieces of 1 MiB, since each piece costs a change of threads."""

    chunk_size = CHUNK_BYTES


def _commit(call: Call, db: sqlite3.Connection) -> tuple[Repo, Commit]:
    repo = call.repo(db)
    return repo, commits.get(db, repo.key, refs.resolve(db, repo.key, call.param("revision")))


def resolve(call: Call) -> Response:
    """GET and HEAD /{repo}/resolve/{revision}/{path}."""
    path = call.param("path")
    with call.state.store.read() as db:
        repo, commit = _commit(call, db)
        repos.require_download(call.identity, repo)
        entry = trees.find(db, repo.key, commit.tree, path)
        gone = entry is not None and entry.lfs and lfs_files.is_removed(db, repo.key, entry.sha256)
    if entry is None or entry.kind != "file" or gone:
        raise entry_not_found(path, commit.oid)
    etag = f'"{entry.sha256 if entry.lfs else entry.oid}"'
    # Stored bytes are never shown as a page of this origin: always a download, no guessing of types.
    headers = {
        "ETag": etag,
        "X-Repo-Commit": commit.oid,
        "Last-Modified": formatdate(commit.created_at, usegmt=True),
        "Cache-Control": "private, max-age=31536000, immutable"
        if is_commit_id(call.param("revision"))
        else "no-cache",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    if entry.lfs:
        headers |= {"X-Linked-Etag": etag, "X-Linked-Size": str(entry.size)}
    if etag in [
        tag.strip().removeprefix("W/") for tag in call.request.headers.get("if-none-match", "").split(",")
    ]:
        return Response(status_code=304, headers=headers)
    location = call.state.blobs.path(entry.sha256)
    try:
        found = location.stat()
    except FileNotFoundError:
        found = None
    if found is None or found.st_size != entry.size:
        raise StorageDamagedError(f"blob {entry.sha256} is missing or cut short: run `lema hub fsck`")
    name = path.rsplit("/", 1)[-1]
    text = name.endswith((".md", ".txt", ".json", ".jsonl", ".yaml", ".yml", ".csv", ".py"))
    media_type = "text/plain; charset=utf-8" if text else "application/octet-stream"
    return BlobResponse(location, headers=headers, media_type=media_type, filename=name, stat_result=found)


def tree(call: Call) -> Response:
    """GET /api/{type}/{repo}/tree/{revision}[/{path}]."""
    path = call.param("path").strip("/") if "path" in call.request.path_params else ""
    expand = call.flag("expand")
    size = EXPANDED_PAGE if expand else PAGE
    after = call.request.query_params.get("cursor", "")
    with call.state.store.read() as db:
        repo, commit = _commit(call, db)
        root = trees.find(db, repo.key, commit.tree, path)
        if root is None or root.kind != "directory":
            raise entry_not_found(path, commit.oid)
        prefix = f"{path}/" if path else ""
        found = trees.page(
            db,
            repo.key,
            root.oid,
            prefix,
            after=after.removeprefix(prefix),
            limit=size + 1,
            recursive=call.flag("recursive"),
        )
        page = found[:size]
        lines = _lines(db, repo, commit, page, expand=expand)
    headers = {"X-Repo-Commit": commit.oid}
    if len(found) > size:
        query = {key: value for key, value in call.request.query_params.items() if key != "cursor"}
        # The next page is of this very commit, whatever the branch points to by then.
        place = f"/api/{call.request.url.path.split('/')[2]}/{repo.id}/tree/{commit.oid}" + (
            f"/{quote(path)}" if path else ""
        )
        headers["Link"] = (
            f'<{call.base_url}{place}?{urlencode({**query, "cursor": page[-1].path})}>; rel="next"'
        )
    return Json(lines, headers=headers)


def paths_info(call: Call) -> Response:
    """POST /api/{type}/{repo}/paths-info/{revision}, a form; paths that do not exist are left out."""
    if call.request.headers.get("content-type", "").startswith("application/json"):
        values: dict[str, Any] = call.json()
        paths, expand = values.get("paths"), values.get("expand") is True
    else:
        try:
            form = parse_qs(call.body.decode(), max_num_fields=bounds.PATHS + 10)
        except ValueError:
            raise ApiError(400, f"The form is not valid, or has more than {bounds.PATHS} paths") from None
        paths, expand = form.get("paths", []), form.get("expand", [""])[0].lower() == "true"
    if (
        not isinstance(paths, list)
        or len(paths) > bounds.PATHS
        or not all(isinstance(path, str) for path in paths)
    ):
        raise ApiError(400, f"Member 'paths' must be a list of at most {bounds.PATHS} strings")
    with call.state.store.read() as db:
        repo, commit = _commit(call, db)
        found = [trees.find(db, repo.key, commit.tree, path.strip("/")) for path in paths if path.strip("/")]
        lines = _lines(db, repo, commit, [entry for entry in found if entry is not None], expand=expand)
    return Json(lines, headers={"X-Repo-Commit": commit.oid})


def _lines(
    db: sqlite3.Connection, repo: Repo, commit: Commit, entries: list[trees.Entry], *, expand: bool
) -> list[info.Json]:
    lines = [info.file_json(entry) for entry in entries]
    if expand:
        last = commits.last_changes(db, repo.key, commit, [entry.path for entry in entries])
        for line in lines:
            changed = last[line["path"]]
            date = info.iso_date(changed.created_at)
            line["lastCommit"] = {"id": changed.oid, "title": changed.title, "date": date}
    return lines


def history(call: Call) -> Response:
    """GET /api/{type}/{repo}/commits/{revision}, newest first; `cursor` names the first of a page."""
    query = call.request.query_params
    with call.state.store.read() as db:
        repo, commit = _commit(call, db)
        if (cursor := query.get("cursor")) is not None:
            commit = commits.get(db, repo.key, cursor)
        found = commits.history(db, repo.key, commit.oid, PAGE + 1)
    formatted = "formatted" in query.getlist("expand[]") + query.getlist("expand")
    headers = {"X-Total-Count": str(len(found))} if len(found) <= PAGE and cursor is None else {}
    if len(found) > PAGE:
        pairs = [
            *((key, value) for key, value in query.multi_items() if key != "cursor"),
            ("cursor", found[PAGE].oid),
        ]
        headers["Link"] = f'<{call.base_url}{call.request.url.path}?{urlencode(pairs)}>; rel="next"'
    return Json([_commit_json(item, formatted=formatted) for item in found[:PAGE]], headers=headers)


def _commit_json(commit: Commit, *, formatted: bool) -> info.Json:
    described: info.Json = {
        "id": commit.oid,
        "title": commit.title,
        "message": commit.message,
        "date": info.iso_date(commit.created_at),
        "authors": [{"user": commit.author}],
    }
    if formatted:
        described["formatted"] = {"title": escape(commit.title), "message": escape(commit.message)}
    return described

"""The ASGI application: the table of routes, and the guard in front of it.

Routes match the path as it came over the wire, still percent-encoded: a branch `a/b` is the one segment
`a%2Fb`.
"""

import logging
import re
import secrets
import time
from collections.abc import Iterable
from urllib.parse import unquote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lema_hub.localhub import repos as repo_rows
from lema_hub.localhub.errors import ApiError
from lema_hub.localhub.http import (
    access,
    accounts,
    collections,
    commits,
    discussions,
    files,
    lfs_files,
    likes,
    pages,
    refs,
    repos,
    uploads,
)
from lema_hub.localhub.http.call import (
    AsyncHandler,
    Call,
    Handler,
    State,
    drain,
    endpoint,
    error_response,
    streaming_endpoint,
)
from lema_hub.localhub.limits import Limiter, RateLimit, kind_of
from lema_hub.localhub.paths import PLURALS, URL_PREFIXES, RepoType

logger = logging.getLogger(__name__)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:=;-]{1,200}")
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")

_REPO_ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "", repos.repo_info),
    ("GET", "/revision/{revision}", repos.repo_info),
    ("PUT", "/settings", repos.settings),
    ("GET", "/auth-check", access.check),
    ("GET", "/auth-check/write", access.check),
    ("GET", "/user-access-request/{status}", access.listing),
    ("POST", "/user-access-request/handle", access.handle),
    ("POST", "/user-access-request/grant", access.grant),
    ("GET", "/xet-read-token/{revision}", accounts.no_xet),
    ("GET", "/xet-write-token/{revision}", accounts.no_xet),
    ("GET", "/refs", refs.listing),
    ("POST", "/branch/{ref}", refs.create_branch),
    ("DELETE", "/branch/{ref}", refs.delete_branch),
    ("POST", "/tag/{ref}", refs.create_tag),
    ("DELETE", "/tag/{ref}", refs.delete_tag),
    ("GET", "/tree/{revision}", files.tree),
    ("GET", "/tree/{revision}/{path:path}", files.tree),
    ("POST", "/paths-info/{revision}", files.paths_info),
    ("GET", "/commits/{revision}", files.history),
    ("POST", "/preupload/{revision}", commits.preupload),
    ("POST", "/super-squash/{ref}", commits.squash),
    ("GET", "/lfs-files", lfs_files.listing),
    ("POST", "/lfs-files/batch", lfs_files.delete),
    ("POST", "/like", likes.like),
    ("DELETE", "/like", likes.unlike),
    ("GET", "/likers", likes.likers),
    ("GET", "/discussions", discussions.listing),
    ("POST", "/discussions", discussions.create),
    ("GET", "/discussions/{num}", discussions.details),
    ("POST", "/discussions/{num}/comment", discussions.comment),
    ("POST", "/discussions/{num}/comment/{event}/edit", discussions.edit_comment),
    ("POST", "/discussions/{num}/comment/{event}/hide", discussions.hide_comment),
    ("POST", "/discussions/{num}/title", discussions.rename),
    ("POST", "/discussions/{num}/status", discussions.change_status),
    ("POST", "/discussions/{num}/merge", discussions.merge),
]
_PAGE_ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "", pages.repo),
    ("GET", "/tree/{revision}", pages.repo),
    ("GET", "/commit/{revision}", pages.repo),
    ("GET", "/discussions/{num}", discussions.page),
    ("GET", "/resolve/{revision}/{path:path}", files.resolve),
    ("POST", "/ask-access", access.ask),
    ("POST", ".git/info/lfs/objects/batch", uploads.batch),
    ("POST", ".git/info/lfs/objects/verify", uploads.verify),
]
_FREE_ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/api/whoami-v2", accounts.whoami),
    ("GET", "/api/users/{user}/overview", accounts.user),
    ("GET", "/api/users/{user}/likes", likes.liked),
    ("GET", "/api/organizations/{organization}/overview", accounts.organisation),
    ("GET", "/api/organizations/{organization}/members", accounts.members),
    ("POST", "/api/validate-yaml", accounts.validate_yaml),
    ("POST", "/api/repos/create", repos.create),
    ("DELETE", "/api/repos/delete", repos.delete),
    ("POST", "/api/repos/move", repos.move),
    ("POST", "/api/uploads/{slip}", uploads.join_parts),
    ("GET", "/api/collections", collections.listing),
    ("POST", "/api/collections", collections.create),
    ("GET", "/api/collections/{namespace}/{slug}", collections.get),
    ("PATCH", "/api/collections/{namespace}/{slug}", collections.change),
    ("DELETE", "/api/collections/{namespace}/{slug}", collections.delete),
    ("POST", "/api/collections/{namespace}/{slug}/items", collections.add_item),
    ("PATCH", "/api/collections/{namespace}/{slug}/items/{item}", collections.change_item),
    ("DELETE", "/api/collections/{namespace}/{slug}/items/{item}", collections.delete_item),
    ("GET", "/collections/{namespace}/{slug}", collections.page),
    ("GET", "/", pages.index),
    ("GET", accounts.XET_HINT, accounts.xet_hint),
    ("GET", "/api/telemetry/{topic:path}", accounts.nothing),
    ("GET", "/api/agent-harnesses", accounts.nothing),
]


def application(state: State, hosts: Iterable[str], rate_limit: RateLimit | None = None) -> ASGIApp:
    """The server as an ASGI application.

    Args:
        state: What all requests share.
        hosts: The names under which the server may be addressed (the Host header without its port).
        rate_limit: How many requests each asker may send; no limit if None.
    """
    table: list[BaseRoute] = [
        Route(path, endpoint(state, handler), methods=[method]) for method, path, handler in _FREE_ROUTES
    ]
    table.append(_streaming(state, "PUT", "/api/uploads/{slip}", uploads.put, "model"))
    table.append(_streaming(state, "PUT", "/api/uploads/{slip}/{number}", uploads.put_part, "model"))
    for plural, kind in PLURALS.items():
        table.append(Route(f"/api/{plural}", endpoint(state, repos.listing, kind), methods=["GET"]))
        api = f"/api/{plural}/{{namespace}}/{{name}}"
        table += [
            Route(api + path, endpoint(state, handler, kind), methods=[method])
            for method, path, handler in _REPO_ROUTES
        ]
        table.append(_streaming(state, "POST", api + "/commit/{revision}", commits.commit, kind))
    # Models have no prefix, so their patterns would also take what belongs to the others: they come last.
    for kind in ("dataset", "space", "model"):
        page = f"/{URL_PREFIXES[kind]}{{namespace}}/{{name}}"
        table += [
            Route(page + path, endpoint(state, handler, kind), methods=[method])
            for method, path, handler in _PAGE_ROUTES
        ]
    router = Router(table, redirect_slashes=False, default=_unmatched(state))
    limiter = None if rate_limit is None else Limiter(rate_limit)
    return _guard(router, frozenset(host.lower() for host in hosts), limiter)


def _streaming(state: State, method: str, path: str, handler: AsyncHandler, kind: RepoType) -> Route:
    return Route(path, streaming_endpoint(state, handler, kind), methods=[method])


def _unmatched(state: State) -> ASGIApp:
    """What no route takes; a repo id without a namespace (`gpt2`) is a repo that does not exist."""

    def absent(call: Call) -> Response:
        path = call.request.url.path
        match path.split("/")[1:]:
            case ["api", plural, namespace, name, *rest] if plural in PLURALS and rest:
                with call.state.store.read() as db:
                    repo_rows.require(db, call.identity, PLURALS[plural], unquote(namespace), unquote(name))
                raise ApiError(501, f"This server does not serve {call.request.method} {path}")
            case ["api", plural, *_] if plural not in PLURALS:
                raise ApiError(404, f"No such endpoint: {call.request.method} {path}")
        raise repo_rows.not_found(call.identity, path)

    answer = endpoint(state, absent)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await answer(Request(scope, receive, send))
        await response(scope, receive, send)

    return app


def _host_name(header: str) -> str:
    """The Host header without its port: ``[::1]:80`` is ``[::1]``; empty if it is no host and port."""
    match = _HOST.fullmatch(header)
    return "" if match is None else match[1].lower()


def _request_id(headers: Headers) -> str:
    """What an answer is known by: an id of its own, followed by the client's if it sent one, as on the Hub."""
    theirs = headers.get("x-request-id") or headers.get("x-amzn-trace-id") or ""
    own = f"Root={secrets.token_hex(12)}"
    return f"{own};{theirs}" if _REQUEST_ID.fullmatch(theirs) else own


def _guard(inner: ASGIApp, hosts: frozenset[str], limiter: Limiter | None) -> ASGIApp:
    """Check the Host header (urls are built from it) and the rate, and put the protective headers on every
    answer.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request_id = _request_id(Headers(scope=scope))
        started = time.perf_counter()
        left: dict[str, str] = {}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
                headers.setdefault("Referrer-Policy", "no-referrer")
                headers.update(left)
                # The rest of an upload's path is a capability, and stays out of the log.
                path = re.sub(r"(?<=^/api/uploads/).*", "...", scope["path"])
                seconds = time.perf_counter() - started
                logger.info(
                    "%s %s %s %.1f ms %s",
                    scope["method"],
                    path,
                    message["status"],
                    seconds * 1000,
                    request_id,
                )
            await send(message)

        header = Headers(scope=scope).get("host", "")
        host = _host_name(header)
        if host not in hosts:
            refusal = ApiError(
                400,
                f"Host {header!r:.100} is not a name of this server: start it with --allow-host {host or 'NAME'}",
            )
            await error_response(refusal)(scope, receive, send_with_headers)
            return
        kind = kind_of(scope["path"])
        if limiter is not None and kind is not None:
            asker = Headers(scope=scope).get("authorization") or str((scope.get("client") or ("",))[0])
            try:
                left.update(limiter.headers(asker, kind))
            except ApiError as refusal:
                await drain(Request(scope, receive, send))
                await error_response(refusal)(scope, receive, send_with_headers)
                return
        scope = {**scope, "path": scope["raw_path"].decode("latin-1")}
        await inner(scope, receive, send_with_headers)

    return app

"""One request: who asks, what was sent, and how it is answered.

Handlers are plain functions from a `Call` to a `Response`. They run in a thread, with the body already
read and the asker identified; errors are raised as `ApiError` and turned into an answer here, in one place.
"""

import json
import logging
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from lema_hub.localhub import auth, bounds, repos, strictjson
from lema_hub.localhub.auth import Identity, Role
from lema_hub.localhub.blobs import Blobs
from lema_hub.localhub.errors import ApiError, HubError, is_disk_full
from lema_hub.localhub.lfs import Signer
from lema_hub.localhub.paths import RepoType
from lema_hub.localhub.repos import Repo
from lema_hub.localhub.store import Store

logger = logging.getLogger(__name__)


class Bodies:
    """How many bytes of request bodies are in memory; used by the event loop's thread alone."""

    def __init__(self) -> None:
        self.held = 0

    @contextmanager
    def share(self) -> Iterator[Callable[[int], None]]:
        """A function that counts bytes as held until the block ends; 503 if there are too many."""
        own = 0

        def take(size: int) -> None:
            nonlocal own
            if self.held + size > bounds.BODIES_BYTES:
                raise ApiError(
                    503, "The server holds too many requests: try again", headers={"Retry-After": "1"}
                )
            own += size
            self.held += size

        try:
            yield take
        finally:
            self.held -= own


@dataclass(frozen=True, slots=True)
class State:
    """What all requests share."""

    store: Store
    blobs: Blobs
    signer: Signer
    bodies: Bodies = field(default_factory=Bodies)


@dataclass(frozen=True, slots=True)
class Call:
    """One request; `kind` is the type of repo that its route is about."""

    state: State
    request: Request
    identity: Identity
    kind: RepoType
    body: bytes = b""

    def param(self, name: str) -> str:
        """A segment (or the tail) of the path, decoded; the routes match the undecoded path."""
        try:
            return unquote(self.request.path_params[name], errors="strict")
        except UnicodeDecodeError:
            raise ApiError(400, f"Path segment {name!r} is not valid UTF-8") from None

    def json(self) -> dict[str, Any]:
        """The body, which must be a JSON object."""
        return parse_object(self.body, "request body")

    def flag(self, name: str) -> bool:
        """Whether a query parameter is set to a true value."""
        return self.request.query_params.get(name, "").lower() in ("1", "true", "yes")

    def repo(self, db: sqlite3.Connection, role: Role = "read") -> Repo:
        """The repo of the path, if the asker has the role."""
        return repos.require(db, self.identity, self.kind, self.param("namespace"), self.param("name"), role)

    @property
    def base_url(self) -> str:
        """Scheme and host as the asker reached them; the host has been checked."""
        return f"{self.request.url.scheme}://{self.request.headers['host']}"


class Json(JSONResponse):
    """A JSON answer in ASCII."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


Handler = Callable[[Call], Response]
AsyncHandler = Callable[[Call], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def endpoint(state: State, handler: Handler, kind: RepoType = "model") -> Endpoint:
    """Make a route's endpoint of a handler that wants the whole body."""

    async def answer(request: Request) -> Response:
        try:
            with state.bodies.share() as take:
                body = await _read_body(request, take)
                return await run_in_threadpool(_identified, state, handler, request, kind, body)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as error:
            return error_response(error)

    return answer


def streaming_endpoint(state: State, handler: AsyncHandler, kind: RepoType = "model") -> Endpoint:
    """Make a route's endpoint of a handler that reads the body itself, piece by piece."""

    async def answer(request: Request) -> Response:
        try:
            try:
                identity = await run_in_threadpool(_identify, state, request)
                return await handler(Call(state, request, identity, kind))
            except ApiError:
                await drain(request)
                raise
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as error:
            return error_response(error)

    return answer


async def drain(request: Request) -> None:
    """Take in (some of) a refused body: a client still sending may otherwise lose the answer to a reset."""
    left = bounds.DRAIN_BYTES
    with suppress(RuntimeError):  # the body was read to its end
        async for piece in request.stream():
            left -= len(piece)
            if left < 0:
                break


def _identify(state: State, request: Request) -> Identity:
    with state.store.read() as db:
        return auth.identify(db, request.headers.get("authorization"))


def _identified(state: State, handler: Handler, request: Request, kind: RepoType, body: bytes) -> Response:
    return handler(Call(state, request, _identify(state, request), kind, body))


async def _read_body(request: Request, take: Callable[[int], None]) -> bytes:
    """The whole body; 413 once it passes the limit."""
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > bounds.JSON_BYTES:
            raise ApiError(413, f"Request body is larger than {bounds.JSON_BYTES} bytes")
        take(len(piece))
        pieces.append(piece)
    return b"".join(pieces)


def parse_object(text: bytes | bytearray, what: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        ApiError: 400 if the text is not one.
    """
    try:
        value = strictjson.loads(text or b"{}")
    except ValueError as error:
        raise ApiError(400, f"The {what} is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise ApiError(400, f"The {what} must be a JSON object, got {type(value).__name__}")
    return value


def text_member(values: dict[str, Any], key: str, default: str | None = None, *, limit: int = 1000) -> str:
    """A string member of a JSON object.

    Raises:
        ApiError: 400 if it is missing (and has no default), no string, or too long.
    """
    value = values.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or len(value) > limit:
        raise ApiError(400, f"Member {key!r} must be a string of at most {limit} characters")
    return value


def error_response(error: Exception) -> Response:
    """The answer to an error; one that was not foreseen is logged and told to nobody."""
    if is_disk_full(error):
        error = ApiError(507, "The server's disk is full")
    elif isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        error = ApiError(503, "The database is busy: try again", headers={"Retry-After": "1"})
    elif not isinstance(error, ApiError):
        reference = secrets.token_hex(8)
        logger.error("request failed (%s)", reference, exc_info=error)
        detail = str(error) if isinstance(error, HubError) else "unexpected error"
        error = ApiError(500, f"Internal error {reference}: {detail}; the server's log has more")
    # Header values are ASCII on one line, whatever the client put into the name it asked for.
    line = "".join(char if 32 <= ord(char) < 127 else "?" for char in error.message)[:500].strip()
    headers = {"X-Error-Message": line, **error.headers}
    if error.code is not None:
        headers["X-Error-Code"] = error.code
    return Json({"error": error.message, **error.extra}, status_code=error.status, headers=headers)

"""What the demo server accepts: requests to its own host names, from its own page, with small bodies.

Gradio serves more than this page needs: uploads of any size, which it keeps, a proxy, files, and answers to pages of
other sites. A page under a name that an attacker points at this machine (DNS rebinding) would count as our own, and
could spend an endpoint's money. So only the routes that the page uses are served, and a request is refused if its
`Host` is not a known name or its `Origin` is another site.

>>> allowed = Hosts.of("127.0.0.1", ("demo.example.org",))
>>> [allowed.known(host) for host in ("localhost:7860", "demo.example.org", "evil.com", "[::1]:7860", "8.8.8.8")]
[True, True, False, True, False]
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Self
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 256 * 1024
"""Bytes; the longest problem and solution that are read are a tenth of it, however they are escaped."""

_LOCAL = ("localhost", "127.0.0.1", "::1")
_READ = re.compile(
    r"/|/(config|theme\.css|favicon\.ico|robots\.txt|manifest\.json)/?|/(assets|static|svelte)/.*"
    r"|/gradio_api/(startup-events|theme\.css|queue/data|heartbeat/[\w.-]+)",
    re.ASCII,
)
_WRITTEN = re.compile(r"/gradio_api/(queue/join|run/predict|cancel|reset)/?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Hosts:
    """The names under which the page may be asked; `any_address` for a page that listens on all addresses.

    An address in place of a name cannot be rebound by DNS.
    """

    names: frozenset[str]
    any_address: bool

    @classmethod
    def of(cls, bound: str, also: Iterable[str]) -> Self:
        """The names of a page that listens on an address, and other names that it is known by."""
        address = _address(bound)
        everywhere = address is not None and address.is_unspecified
        return cls(frozenset(name.lower() for name in (*_LOCAL, bound, *also)), everywhere)

    def known(self, host: str) -> bool:
        """Whether a `Host` header, with or without a port, is for this page."""
        name = _name(host)
        return name in self.names or (self.any_address and _address(name) is not None)


class Guard:
    """The application behind the checks."""

    def __init__(self, app: ASGIApp, *, hosts: Hosts) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refused = self._refusal(scope)
        body = b"" if refused else await _body(Headers(scope=scope), receive)
        if body is None:
            refused = PlainTextResponse(f"at most {MAX_BODY} bytes are read\n", 413, {"connection": "close"})
        if refused is not None:
            await refused(scope, receive, send)
            return
        first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return first.pop() if first else await receive()

        await self._app(scope, replay, send)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if scope["type"] != "http" or not self._hosts.known(host):
            return PlainTextResponse("unknown host: start lema demo with --allowed-host NAME\n", 403)
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return PlainTextResponse("requests from other sites are refused\n", 403)
        routes = {"GET": _READ, "HEAD": _READ, "POST": _WRITTEN}.get(scope["method"])
        if routes is None or not routes.fullmatch(scope["path"]):
            return PlainTextResponse("not found\n", 404)
        return None


async def _body(headers: Headers, receive: Receive) -> bytes | None:
    """The whole body, None if it is too long."""
    announced = headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced[:18]) > MAX_BODY:
        return None
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:  # brackets without an address in them
        return ""


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None

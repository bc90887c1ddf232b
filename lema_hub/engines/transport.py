"""One post to an endpoint and what comes back, over aiohttp: the one place where an endpoint's bytes enter.

Everything is bounded: the body of an answer by the tokens that were asked for, that of a refusal by 64 KB, headers by
aiohttp (128 of 8 KB). Redirects are not followed: they would take prompts and credentials to an address that nobody
named.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from lema_hub.engines.endpoint import Endpoint
from lema_hub.engines.engine import Failure

if TYPE_CHECKING:
    import aiohttp

MOST_BYTES_REFUSED = 1 << 16


@dataclass(frozen=True, slots=True)
class Reply:
    """The status, headers and body of what came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@asynccontextmanager
async def session(endpoint: Endpoint) -> AsyncIterator[aiohttp.ClientSession]:
    """A session whose connections live as long as the workers; the key stays in its headers and nowhere
    else.
    """
    import aiohttp

    headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
    if (authorization := endpoint.authorization()) is not None:
        headers["Authorization"] = authorization
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=endpoint.concurrency),
        timeout=aiohttp.ClientTimeout(total=endpoint.timeout, sock_connect=30),
        headers=headers,
        cookie_jar=aiohttp.DummyCookieJar(),
        proxy=_proxy(endpoint.base_url),
    ) as opened:
        yield opened


async def post(
    opened: aiohttp.ClientSession, endpoint: Endpoint, body: str, *, most_bytes: int
) -> Reply | Failure:
    """Post a body; a failure is `timeout`, `unreachable`, `broken` or `too_large`."""
    import aiohttp

    try:
        async with opened.post(endpoint.url, data=body.encode(), allow_redirects=False) as reply:
            answered = reply.status == 200
            raw, whole = await _read(reply, most_bytes if answered else MOST_BYTES_REFUSED)
    except TimeoutError:
        return Failure(reason="timeout", detail=f"no answer in {endpoint.timeout:g} s")
    except aiohttp.ClientConnectorError as error:
        return Failure(reason="unreachable", detail=str(error))
    except (aiohttp.ClientError, ValueError) as error:  # ValueError: what aiohttp's parsers let through
        return Failure(reason="broken", detail=str(error) or type(error).__name__)
    if answered and not whole:
        return Failure(reason="too_large", detail=f"the answer has more than {most_bytes:,} bytes")
    return Reply(reply.status, reply.headers, raw)


async def is_there(opened: aiohttp.ClientSession, endpoint: Endpoint) -> bool:
    """Whether anything answers at the endpoint, whatever it says."""
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=min(10.0, endpoint.timeout))
    try:
        async with opened.get(f"{endpoint.base_url}/models", timeout=timeout, allow_redirects=False):
            return True
    except (TimeoutError, aiohttp.ClientError, ValueError):
        return False


async def _read(reply: aiohttp.ClientResponse, most: int) -> tuple[bytes, bool]:
    """The body as far as it may be read, and whether that is all of it; the rest is dropped with its connection."""
    raw = bytearray()
    async for part in reply.content.iter_any():
        raw += part[: most - len(raw) + 1]
        if len(raw) > most:
            return bytes(raw[:most]), False
    return bytes(raw), True


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for a URL; aiohttp's own look-up costs a thread per request."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)

"""What a Hub sends is bounded and checked before its clients use it.

    guard.install()      # from then on every answer to huggingface_hub in this process goes through `check`

The clients trust the server that they are pointed at. huggingface_hub 2.4.0 uses the `ETag` and `X-Repo-Commit`
headers and the `sha` of a repo as parts of paths in its cache, streams a download for as long as the server sends,
follows links to further pages without end, waits as long as a rate limit asks, and has no time limit of its own. A
Hub that misbehaves is met here, in one place: hooks of the client that all of huggingface_hub shares, so that
`datasets`, `transformers` and `peft` are guarded too.

The trap: an error of a hook must not be one that the client retries or takes for a missing network.
"""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import httpx2
from huggingface_hub import constants, set_client_factory
from huggingface_hub.utils import _http

from lema_hub.errors import HubError

MAX_ANSWER = 32 * 2**20
"""Bytes of an answer that is not a file; a page of a thousand files has a hundredth of it."""

MAX_LISTING = 128 * 2**20
"""Bytes of all pages of one listing: some 400,000 files."""

MAX_PAGES = 2_000
"""Pages of one listing."""

MAX_SECONDS = 600.0
"""How long an answer that is not a file may take to arrive."""

LONGEST_PAUSE = 310
"""Seconds that a rate limit may ask for; the Hub counts in windows of five minutes."""

_TIMEOUTS = {"connect": 30.0, "read": 300.0, "write": 300.0, "pool": 300.0}
_REMEMBERED = 4_096  # addresses whose size or place in a listing is known

_ETAG = re.compile(r"(?:W/)?\"?(?P<tag>[\w.+=:~-]{1,200})\"?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_XET = re.compile(r"[0-9a-f]{64}")
_REPO = re.compile(r"/api/(?:models|datasets|spaces)/[^/]+/[^/]+(?:/revision/[^/]+)?")
_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{1,18})")
_WINDOW = re.compile(r"\bt=\d+")

T = TypeVar("T")


class _Memory(Generic[T]):
    """Something known about the latest addresses, for several threads."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, T] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, url: object, value: T) -> None:
        with self._lock:
            self._held[str(url)] = value
            while len(self._held) > _REMEMBERED:
                self._held.popitem(last=False)

    def get(self, url: object) -> T | None:
        with self._lock:
            return self._held.get(str(url))


@dataclass(slots=True)
class _Listing:
    """How much of a listing has arrived."""

    pages: int = 1
    bytes: int = 0


class _Bounded(httpx2.SyncByteStream):
    """The body of an answer, read no further than its limit."""

    def __init__(
        self, response: httpx2.Response, limit: int, listing: _Listing | None, is_file: bool
    ) -> None:
        assert isinstance(response.stream, httpx2.SyncByteStream)  # noqa: S101 - the client is not asynchronous
        self._response, self._inner = response, response.stream
        self._limit, self._listing, self._is_file = limit, listing, is_file

    def __iter__(self) -> Iterator[bytes]:
        began, count = time.monotonic(), 0
        for part in self._inner:
            count += len(part)
            if count > self._limit:
                what = "states" if self._is_file else "may send"
                raise _fault(self._response, f"sends more than the {self._limit:,} bytes that it {what}")
            if not self._is_file and time.monotonic() - began > MAX_SECONDS:
                raise _fault(self._response, f"takes more than {MAX_SECONDS:.0f} s for an answer")
            if self._listing is not None:
                self._listing.bytes += len(part)
                if self._listing.bytes > MAX_LISTING:
                    raise _fault(self._response, f"lists more than {MAX_LISTING:,} bytes")
            yield part

    def close(self) -> None:
        self._inner.close()


_sizes: _Memory[int] = _Memory()
_listings: _Memory[_Listing] = _Memory()
_lock = threading.Lock()
_installed = False


def install() -> None:
    """Guard the client that huggingface_hub uses in this process; once is enough.

    A client that the user has configured (`huggingface_hub.set_client_factory`) stays as it is and gets the hooks.
    """
    global _installed
    with _lock:
        if _installed:
            return
        made = _http._GLOBAL_CLIENT_FACTORY

        def guarded() -> httpx2.Client:
            client = made()
            hooks = client.event_hooks
            client.event_hooks = {
                "request": [*hooks.get("request", []), prepare],
                "response": [*hooks.get("response", []), check],
            }
            return client

        set_client_factory(guarded)
        _installed = True


def prepare(request: httpx2.Request) -> None:
    """Ask for plain bytes, so that what arrives is what is counted, and set the time limits that are missing."""
    request.headers["accept-encoding"] = "identity"
    limits = request.extensions.get("timeout") or {}
    request.extensions["timeout"] = {
        name: limit if limits.get(name) is None else limits[name] for name, limit in _TIMEOUTS.items()
    }


def check(response: httpx2.Response) -> None:
    """Check the headers of an answer and bound its body.

    Raises:
        HubError: A header cannot be used, or the answer belongs to a listing without end. The same is raised when
            more of the body is read than allowed.
    """
    _check_headers(response)
    _calm(response)
    listing = _place(response)
    if response.request.method == "HEAD":
        _remember_size(response)
        return
    limit, is_file = _limit(response)
    _follow(response, limit)
    response.stream = _Bounded(response, limit, listing, is_file)
    if response.status_code == 200 and response.request.method == "GET":
        path = response.request.url.raw_path.decode("ascii", "replace").partition("?")[0]
        if _REPO.fullmatch(path):
            _check_repo(response)


def _fault(response: httpx2.Response, what: str) -> HubError:
    url = response.request.url
    host = f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}"
    return HubError(f"{host} {what}; it is not a Hub to rely on: check HF_ENDPOINT")


def _check_headers(response: httpx2.Response) -> None:
    """Headers that become parts of paths in the cache."""
    headers = response.headers
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise _fault(response, f"answers in the encoding {headers['content-encoding'][:40]!r}, not asked for")
    commit, xet = headers.get("x-repo-commit"), headers.get("x-xet-hash")
    if commit is not None and not _COMMIT.fullmatch(commit):
        raise _fault(response, f"names the commit {commit[:60]!r}, expected a hash")
    if xet is not None and not _XET.fullmatch(xet):
        raise _fault(response, f"names the content {xet[:60]!r}, expected a hash")
    for name in ("x-linked-etag", "etag"):
        etag = headers.get(name)
        if etag is not None and (response.request.method == "HEAD" or commit is not None):
            match = _ETAG.fullmatch(etag)
            if match is None or set(match["tag"]) <= {"."}:
                raise _fault(response, f"sends the {name} {etag[:60]!r}, expected a hash")


def _calm(response: httpx2.Response) -> None:
    """A rate limit asks for minutes, not for years."""
    if response.status_code != 429:
        return
    headers = response.headers
    asked = headers.get("retry-after", "")
    if asked.isdigit() and (len(asked) > 6 or int(asked) > LONGEST_PAUSE):
        headers["retry-after"] = str(LONGEST_PAUSE)
    if "ratelimit" in headers:
        headers["ratelimit"] = _WINDOW.sub(
            lambda found: f"t={min(int(found[0][2:][:18]), LONGEST_PAUSE)}", headers["ratelimit"]
        )


def _place(response: httpx2.Response) -> _Listing | None:
    """The listing that an answer is a page of; its next page has to lie on the same server."""
    link = response.links.get("next", {}).get("url")
    here = _listings.get(response.request.url)
    if link is None:
        return here
    following = response.request.url.join(link)
    if (following.scheme, following.netloc) != (response.request.url.scheme, response.request.url.netloc):
        raise _fault(response, f"continues a listing on another server, {following.host[:60]!r}")
    here = here or _Listing()
    if here.pages >= MAX_PAGES:
        raise _fault(response, f"lists more than {MAX_PAGES:,} pages")
    here.pages += 1
    _listings.put(following, here)
    return here


def _remember_size(response: httpx2.Response) -> None:
    """The size that a Hub states for a file, under the address that it will be fetched from."""
    stated = response.headers.get("x-linked-size")
    if stated is None and not response.is_redirect:
        stated = response.headers.get("content-length")
    if stated is None:
        return
    if not (stated.isascii() and stated.isdigit() and len(stated) < 19):
        raise _fault(response, f"states a file's size as {stated[:60]!r}")
    cache = Path(constants.HF_HUB_CACHE)
    free = shutil.disk_usage(next(place for place in (cache, *cache.parents) if place.exists())).free
    if int(stated) > free:
        raise _fault(
            response, f"states a file of {int(stated):,} bytes, more than the {free:,} that are free here"
        )
    _sizes.put(response.request.url, int(stated))
    if "location" in response.headers:
        _sizes.put(response.request.url.join(response.headers["location"]), int(stated))


def _follow(response: httpx2.Response, limit: int) -> None:
    """What is known of an address holds for the one that it redirects to: a file's size, or that it is not a file."""
    request = response.request
    if not (response.is_redirect and "location" in response.headers):
        return
    stated = _sizes.get(request.url)
    if stated is None and (request.method != "GET" or request.url.path.startswith("/api/")):
        stated = limit
    if stated is not None:
        _sizes.put(request.url.join(response.headers["location"]), stated)


def _limit(response: httpx2.Response) -> tuple[int, bool]:
    """How many bytes a body may have, and whether it is a file."""
    request = response.request
    stated = _sizes.get(request.url)
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    if response.status_code == 206 and asked is not None:
        return max(int(asked[2]) - int(asked[1]) + 1, 0), True
    if stated is not None and response.status_code in (200, 206):
        return stated, True
    length = response.headers.get("content-length", "")
    is_file = (
        response.status_code in (200, 206)
        and not request.url.path.startswith("/api/")
        and "json" not in response.headers.get("content-type", "")
    )
    if is_file and length.isdigit() and len(length) < 19:
        return int(length), True
    return MAX_ANSWER, False


def _check_repo(response: httpx2.Response) -> None:
    """The commit in a description of a repo, which the client uses as a folder's name."""
    try:
        found = json.loads(response.read())
    except (ValueError, RecursionError):
        raise _fault(response, "describes a repo with something that is not JSON") from None
    if not isinstance(found, dict):
        raise _fault(response, "describes a repo with something that is not a JSON object")
    sha = found.get("sha")
    if sha is not None and not (isinstance(sha, str) and _COMMIT.fullmatch(sha)):
        raise _fault(response, f"describes a repo with the commit {str(sha)[:60]!r}")

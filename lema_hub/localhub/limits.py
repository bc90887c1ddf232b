"""A limit on requests, in the headers that the Hub's clients read.

Fixed windows, counted for each token (or address) and for each kind of request, as the Hub does:
https://huggingface.co/docs/hub/rate-limits. Every answer says what is left; a refusal also says when to come
back.
"""

import hashlib
import math
import threading
import time
from dataclasses import dataclass
from typing import Literal

from lema_hub.localhub import bounds
from lema_hub.localhub.errors import ApiError, HubError

Kind = Literal["api", "resolvers", "pages"]


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `requests` of each kind in a window of `seconds`, for each asker."""

    requests: int
    seconds: int = 300

    def __post_init__(self) -> None:
        if self.requests < 1 or self.seconds < 1:
            raise HubError(
                f"a rate limit needs requests and seconds >= 1, got {self.requests}/{self.seconds}"
            )


def kind_of(path: str) -> Kind | None:
    """Under which limit a request falls; None for signed uploads, which the limit on their batch holds back."""
    if path.startswith("/api/"):
        return None if path.startswith("/api/uploads/") else "api"
    return "resolvers" if "/resolve/" in path else "pages"


class Limiter:
    """Counts requests.

    Args:
        limit: How many there may be.
    """

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._counts: dict[tuple[str, Kind], int] = {}
        self._window = 0
        self._guard = threading.Lock()

    def headers(self, asker: str, kind: Kind) -> dict[str, str]:
        """Count a request and return the headers that say what is left.

        Raises:
            ApiError: 429 if nothing was left.
        """
        limit = self._limit
        moment = time.time()
        # No token is kept, not even in memory.
        key = (hashlib.sha256(asker.encode()).hexdigest(), kind)
        with self._guard:
            window = int(moment // limit.seconds)
            if window != self._window:
                self._counts.clear()
                self._window = window
            if key not in self._counts and len(self._counts) >= bounds.ASKERS:
                key = ("", kind)
            count = self._counts[key] = self._counts.get(key, 0) + 1
        reset = math.ceil((window + 1) * limit.seconds - moment)
        headers = {
            "RateLimit": f'"{kind}";r={max(limit.requests - count, 0)};t={reset}',
            "RateLimit-Policy": f'"fixed window";"{kind}";q={limit.requests};w={limit.seconds}',
        }
        if count > limit.requests:
            message = f"Rate limit of {limit.requests} {kind} requests in {limit.seconds} s is used up"
            raise ApiError(429, message, headers={**headers, "Retry-After": str(reset)})
        return headers

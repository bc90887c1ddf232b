"""How fast a model at an endpoint may be asked: rates, pauses, and what its rate-limit headers say.

All engines of one process that ask the same model at the same endpoint share one `Pace`. Times are seconds of
`time.monotonic`. The headers are OpenAI's (https://platform.openai.com/docs/guides/rate-limits) and those of
the IETF's drafts (https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/).

    x-ratelimit-remaining-requests: 12, x-ratelimit-reset-requests: 1.2s, or RateLimit: "minute";r=12;t=30

The trap: a 429 is not always the endpoint's limit. One in a hundred answers by chance must not slow a run,
so `Window` shrinks only when they come in crowds.
"""

from __future__ import annotations

import re
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from lema_hub.errors import InputError

_TELLING = (
    "x-ratelimit-remaining-requests", "x-ratelimit-remaining-tokens", "RateLimit", "RateLimit-Remaining",
)  # fmt: skip
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_EPOCH = 1e9  # seconds: more than this is a date
_MEMORY = 16  # answers over which the share of overloaded ones is taken
_LONGEST_WAIT = 60.0  # seconds that headers can ask for; what they mean by more, a 429 will say
_OVERLOAD = 0.2  # share of overloaded answers from which the window is halved


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """The most that a model is asked per minute, evenly spread; None for no limit.

    Raises:
        InputError: A rate is not positive.
    """

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None

    def __post_init__(self) -> None:
        for rate in (self.requests_per_minute, self.tokens_per_minute):
            if rate is not None and rate <= 0:
                raise InputError(
                    f"a rate must be positive, got {rate:g} per minute; leave it out for no limit"
                )


class Pace:
    """When the next request to a model may be sent."""

    def __init__(self) -> None:
        self.rates = Rates()
        self.paused_until = 0.0
        self._lock = threading.Lock()  # engines of other threads keep the same pace
        self._request_at = self._tokens_at = 0.0  # when the rates allow the next one
        self._spacing, self._spaced_at = 0.0, 0.0  # what the headers ask for
        self._mean_tokens = 0.0

    def reserve(self, tokens: int, now: float) -> float:
        """Book a request of that many tokens, and return the time at which it may be sent."""
        rates = self.rates
        self._mean_tokens += (tokens - self._mean_tokens) / (_MEMORY if self._mean_tokens else 1)
        if rates == _NO_RATES and not self._spacing and now >= self.paused_until:
            return now
        with self._lock:
            start = max(now, self.paused_until, self._request_at, self._tokens_at)
            if self._spacing:
                start = max(start, self._spaced_at)
                self._spaced_at = start + self._spacing
            if rates.requests_per_minute:
                self._request_at = start + 60 / rates.requests_per_minute
            if rates.tokens_per_minute:
                self._tokens_at = start + 60 * tokens / rates.tokens_per_minute
            return start

    def correct(self, booked: int, used: int) -> None:
        """Give back the tokens that were booked and not used."""
        if self.rates.tokens_per_minute:
            with self._lock:
                self._tokens_at -= 60 * (booked - used) / self.rates.tokens_per_minute

    def pause(self, seconds: float, now: float) -> bool:
        """Let nobody send for so long; whether that is a pause of its own."""
        fresh = now >= self.paused_until
        self.paused_until = max(self.paused_until, now + seconds)
        return fresh

    def heed(self, headers: Mapping[str, str], now: float, *, crowd: int) -> None:
        """Slow down before the endpoint refuses: when fewer than a `crowd` of requests are left."""
        spacing, wait = 0.0, 0.0
        for remaining, limit, reset, unit in _quotas(headers):
            size = max(1.0, self._mean_tokens) if unit == "tokens" else 1.0
            if remaining >= crowd * size:
                continue
            # A limit that is known refills steadily; one that is not is back at the end of its window.
            spread = limit - remaining if limit is not None and limit > remaining else max(remaining, size)
            spacing = max(spacing, min(size * reset / spread, _LONGEST_WAIT))
            wait = spacing if remaining < size else wait
        if spacing or self._spacing:
            with self._lock:
                self._spacing = spacing
                self._spaced_at = max(self._spaced_at if spacing else 0.0, now + wait)


class Window:
    """How many requests may be in flight: one more per round that goes well, half of them when overloaded."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.size = float(most)
        self._overload = 0.0
        self._halved_at = 0.0

    def widen(self) -> None:
        """After an answer: the window grows by a sixteenth of its bound per round."""
        self._overload -= self._overload / _MEMORY
        if self.size < self.most:
            self.size = min(float(self.most), self.size + max(1.0, self.most / 16) / self.size)

    def narrow(self, sent: float, now: float) -> None:
        """After a 429 or a timeout of a request that was sent at that time.

        What was sent before the last halving says nothing about the window since.
        """
        self._overload += (1 - self._overload) / _MEMORY
        if self._overload > _OVERLOAD and sent > self._halved_at:
            self.size, self._halved_at = max(1.0, self.size / 2), now


def pace_of(base_url: str, model: str, rates: Rates | None) -> Pace:
    """The pace of a model at an endpoint; `rates` that are given hold for all who share it."""
    with _sharing:
        pace = _paces.setdefault((base_url, model), Pace())
        if rates is not None:
            pace.rates = rates
        return pace


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that a refusal asks to wait, as a number or until a date; None if it does not say."""
    for name, unit in (("retry-after-ms", 0.001), ("Retry-After", 1.0)):
        text = headers.get(name)
        if text is None:
            continue
        try:
            return max(0.0, float(text) * unit)
        except ValueError:
            pass
        try:
            return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
        except ValueError:
            continue
    return None


def _quotas(headers: Mapping[str, str]) -> list[tuple[float, float | None, float, str]]:
    """What is left, of how much, the seconds until it is whole again, and of what."""
    found: list[tuple[float, float | None, float, str]] = []
    if not any(name in headers for name in _TELLING):
        return found
    for unit in ("requests", "tokens"):
        if (left := _number(headers.get(f"x-ratelimit-remaining-{unit}"))) is not None:
            reset = _seconds(headers.get(f"x-ratelimit-reset-{unit}", ""))
            if reset is not None:
                found.append((left, _number(headers.get(f"x-ratelimit-limit-{unit}")), reset, unit))
    for policy in headers.get("RateLimit", "").split(",") if "RateLimit" in headers else ():
        parts = dict(re.findall(r"\b(r|t)\s*=\s*(\d+)", policy))
        if len(parts) == 2:
            found.append((float(parts["r"]), None, float(parts["t"]), "requests"))
    left, reset = _number(headers.get("RateLimit-Remaining")), _seconds(headers.get("RateLimit-Reset", ""))
    if left is not None and reset is not None:
        if reset > _EPOCH:  # some servers give the time of day
            reset = max(0.0, reset - time.time())
        found.append((left, _number(headers.get("RateLimit-Limit")), reset, "requests"))
    return found


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _seconds(text: str) -> float | None:
    """`6m0s`, `20ms`, or a number of seconds."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text)
    return sum(float(number) * _UNITS[unit] for number, unit in parts) if parts else _number(text)


_NO_RATES = Rates()
_sharing = threading.Lock()
_paces: weakref.WeakValueDictionary[tuple[str, str], Pace] = weakref.WeakValueDictionary()

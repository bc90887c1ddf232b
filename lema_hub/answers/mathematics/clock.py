"""Times of day as word problems have them: `8:34 p.m.`, `20:34`, `10 AM`.

>>> read_clock("8:34 p.m.").matches(read_clock("20:34"))
True
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TIME = re.compile(
    r"(?:at\s+)?(?P<hour>\d{1,2})(?:\s?:\s?(?P<minute>[0-5]\d))?(?:\s?:\s?(?P<second>[0-5]\d))?\s*(?P<half>[ap]\.?\s?m\.?|noon|midnight|o'?clock)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day; `half` is `a`, `p` or None where the text leaves it open."""

    hour: int
    minute: int
    second: int
    half: str | None

    def matches(self, other: Clock) -> bool:
        """Whether both can be the same time: an open half of the day fits either, an hour above 12 settles
        it.
        """
        mine, others = self._hours(), other._hours()
        return bool(mine & others) and (self.minute, self.second) == (other.minute, other.second)

    def _hours(self) -> frozenset[int]:
        if self.half is None:
            if self.hour > 12 or self.hour == 0:
                return frozenset({self.hour % 24})
            return frozenset({self.hour % 12, self.hour % 12 + 12})
        return frozenset({self.hour % 12 + (12 if self.half == "p" else 0)})


def _bare(text: str) -> str:
    return re.sub(r"\\(?:text|mathrm|mbox)\b|[{}]", " ", text).strip()


def read_clock(text: str) -> Clock | None:
    """A time of day, if the text is nothing else and has minutes or says `am`, `pm` or `o'clock`."""
    if ":" not in text and not text.rstrip("}. )").lower().endswith(("m", "noon", "midnight", "clock")):
        return None
    match = _TIME.fullmatch(re.sub(r"\s+", " ", _bare(text)))
    if match is None or (match["minute"] is None and match["half"] is None):
        return None
    half = (match["half"] or "").lower()
    hour = int(match["hour"])
    if hour > 24 or (half[:1] in ("a", "p") and not 1 <= hour <= 12):
        return None
    side = {"a": "a", "p": "p", "n": "p", "m": "a"}.get(half[:1])
    return Clock(hour, int(match["minute"] or 0), int(match["second"] or 0), side)

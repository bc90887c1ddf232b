"""The protocol of an engine: requests in, responses or failures out, in whatever order they come.

An engine knows nothing of problems, judges or files. Whoever calls it goes through `Ledger.run`, which
remembers every answer.

    >>> Request(prompt="How much is 1 + 1?", sampling=Sampling(temperature=0.7), index=3).index
    3

The trap: `index` numbers the samples of one prompt. Two requests that agree in everything are one request,
and get one answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from lema_hub.errors import InputError
from lema_hub.redaction import redact

_LONGEST_LINE = 200
_MOST_READ = 100_000  # characters of what a server says


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How text is sampled; part of the ledger's key.

    Temperature 0 is greedy. `max_tokens` counts new tokens. `stop` strings end the text and are not part of
    it. `seed` is the base that an engine mixes with prompt and index; local engines take None as 0.

    Raises:
        InputError: A number is out of its range.

    Example:
        >>> Sampling(temperature=0.7, max_tokens=256, seed=1).max_tokens
        256
    """

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    seed: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise InputError(f"temperature must be a number >= 0, got {self.temperature}")
        if not 0 < self.top_p <= 1:
            raise InputError(f"top_p must be in (0, 1], got {self.top_p}")
        if self.max_tokens < 1:
            raise InputError(f"max_tokens must be >= 1, got {self.max_tokens}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; `index` numbers the samples of one prompt.

    `problem_id` names the problem for engines that know it (the exact corrector of the nano world); it is
    neither sent to a model nor part of the ledger's key. `schema` is the JSON Schema that the text has to
    follow, as canonical JSON text (`json.dumps(..., sort_keys=True)`); engines that cannot enforce it answer
    in plain text.
    """

    prompt: str
    sampling: Sampling
    index: int = 0
    system: str | None = None
    problem_id: str | None = None
    schema: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """The text of a model; `finish_reason` is `stop` or `length` where the engine knows it."""

    text: str
    finish_reason: str | None
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A request without an answer: `reason` is one word to count by, `detail` one line without secrets.

    The next run tries again. `cost_usd` is what the request may have cost: an answer that cannot be used is
    paid, and one that was lost on its way may be. `again` says that it is worth another try in this run, which is
    left to the ledger because it counts against the budget.
    """

    reason: str
    detail: str
    cost_usd: float | None = None
    again: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", line(self.detail))


class Engine(Protocol):
    """A source of text. `name`, `model` and `revision` say whose text it is and are part of the ledger's
    key.
    """

    @property
    def name(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def revision(self) -> str | None: ...

    def cost_bound(self, request: Request) -> float | None:
        """The most that a request can cost in US dollars; 0 for local engines, None if no price is known."""
        ...

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Response | Failure]]:
        """Answer requests as (position, answer), each position once, in the order of completion.

        `requests` is drawn from as capacity allows, never faster: what was not drawn was not sent.

        Raises:
            EngineError: No request can be answered (dead server, bad key, unknown model).
        """
        ...


@runtime_checkable
class Remembering(Protocol):
    """An engine that stores its pending work beside the ledger."""

    def remember_beside(self, ledger: Path) -> None:
        """Be told the ledger's file before `generate`."""
        ...


def line(text: str) -> str:
    r"""What a server said, as one short line that can be stored and shown: no secrets, no control characters.

    >>> line("no access\nfor Bearer 0123456789abcdef")
    'no access for Bearer [redacted]'
    """
    shown = "".join(c if c.isprintable() else " " for c in redact(text)[:_MOST_READ])
    return " ".join(shown.split())[:_LONGEST_LINE]


def is_unicode(text: str) -> bool:
    """Whether a text can be stored: half of a surrogate pair, which JSON allows, cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

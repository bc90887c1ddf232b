"""The workers that keep requests in flight at an endpoint, over aiohttp.

What can pass is tried again with full jitter: timeouts, 5xx, broken answers. A 429 costs no attempt: with
`Retry-After`, or when 429s pile up, everybody who asks this model pauses, otherwise its worker alone. What
cannot pass ends the run with one line; what is in flight then is waited for, because it is paid for.

There are a quarter more workers than requests may be in flight: they step in for those that wait to try
again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from lema_hub.engines.completions import parse, read
from lema_hub.engines.endpoint import Endpoint
from lema_hub.engines.engine import Failure, Request, Response
from lema_hub.engines.pace import Pace, Window, retry_after
from lema_hub.engines.refusals import Dialect, Refusal, caused
from lema_hub.engines.transport import is_there, post, session
from lema_hub.errors import EngineError

if TYPE_CHECKING:
    import aiohttp

_logger = logging.getLogger(__name__)

_SILENT = frozenset({"timeout", "unreachable", "broken"})  # no answer at all
_RETRIED = _SILENT | {"server_error", "malformed", "empty"}
_REFUSALS_IN_A_ROW = 8  # before the first answer: a wrong setting rather than bad prompts
_SAID = 10.0  # seconds from which a pause is logged
_GRACE = 30.0  # seconds for what is in flight when a run ends

Item = tuple[int, Request]
Answer = Response | Failure
Outcome = list[Answer] | Failure


class _Tried(NamedTuple):
    """What came of one post, the dialect that would have been right, when it was sent, and the seconds that it asks
    to wait.
    """

    outcome: Outcome
    dialect: Dialect | None = None
    sent: float = 0.0
    wait: float | None = None


class Pool:
    """The workers of one `generate`, and what they share; `wake` is called when there are answers to collect."""

    def __init__(
        self, endpoint: Endpoint, pace: Pace, source: Iterator[Item], *, wake: Callable[[], None]
    ) -> None:
        self.endpoint = endpoint
        self.pace = pace
        self.answers: deque[tuple[int, Answer]] = deque()
        self._wake = wake
        self._source = source
        self._held: Item | None = None  # drawn for a group that it did not belong to
        self._slots = _Slots(endpoint.concurrency)
        self._dialect = Dialect()
        self._posting: set[asyncio.Task[None] | None] = set()
        self._ending = False
        self._answered = self._limited_in_a_row = self._limited_rounds = self._refused_in_a_row = 0
        self._failing_since: float | None = None
        self._replied_at = 0.0

    def collect(self) -> Iterator[tuple[int, Answer]]:
        """The answers that have come since the last call."""
        while self.answers:
            yield self.answers.popleft()

    async def run(self) -> None:
        """Answer everything.

        Raises:
            EngineError: No request can be answered.
        """
        async with session(self.endpoint) as opened:
            workers = range(self.endpoint.concurrency + -(-self.endpoint.concurrency // 4))
            tasks = {asyncio.create_task(self._work(opened)) for _ in workers}
            try:
                done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
                error = next((error for task in done if (error := task.exception())), None)
                if error is not None:
                    self._ending = True
                    for task in others - self._posting:
                        task.cancel()
                    if others:
                        await asyncio.wait(others, timeout=_GRACE)
                    raise error
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, opened: aiohttp.ClientSession) -> None:
        while not self._ending and (group := self._draw()):
            await self._answer(opened, group)
            await asyncio.sleep(0)  # the loop stops first, and the answers are committed

    def _draw(self) -> list[Item]:
        """The next request, with those after it that differ in `index` alone, as far as one post takes them."""
        most = self.endpoint.samples_per_request if self._dialect.choices else 1
        first, self._held = self._held or next(self._source, None), None
        if first is None:
            return []
        group = [first]
        while len(group) < most and (following := next(self._source, None)) is not None:
            if not _alike(first[1], following[1]):
                self._held = following
                break
            group.append(following)
        return group

    async def _answer(self, opened: aiohttp.ClientSession, group: list[Item]) -> None:
        """Answer a group, in as many posts as it takes."""
        attempt, limited, begun = 0, 0, time.monotonic()
        while group and not self._ending:
            if not self._dialect.choices:
                group, *rest = [[item] for item in group]
                for item in rest:
                    await self._answer(opened, item)
            async with self._slots:
                outcome, dialect, sent, wait = await self._send(opened, [request for _, request in group])
            if isinstance(outcome, list):
                left = self._deliver(group, outcome)
                if len(left) < len(group):
                    group = left
                    continue
                outcome = next((answer for answer in outcome if isinstance(answer, Failure)), _NOTHING)
            if dialect is not None:
                self._dialect = self._dialect.meet(dialect)
                continue
            try:
                self._check(outcome)
            except EngineError:
                self._keep_cost(group, outcome)
                raise
            if outcome.reason == "rate_limited":
                limited += 1
                await self._be_limited(wait, sent=sent, times=limited)
                continue
            attempt += 1
            if outcome.again or outcome.reason not in _RETRIED or attempt >= self.endpoint.attempts:
                await self._give_up(opened, group, outcome, begun)
                return
            if outcome.reason == "unreachable" and attempt > 1 and not self._answered:
                raise self._silent(outcome)
            await asyncio.sleep(_jitter(attempt))

    def _deliver(self, group: Sequence[Item], answers: Sequence[Answer]) -> list[Item]:
        """Hand on the answers, and return what has to be asked again."""
        left = list(group[len(answers) :])
        for (position, request), answer in zip(group, answers, strict=False):
            if isinstance(answer, Failure) and answer.reason in _RETRIED and not answer.again:
                left.append((position, request))
                continue
            self.answers.append((position, answer))
            if isinstance(answer, Response):
                self._answered += 1
                self._limited_in_a_row = self._limited_rounds = self._refused_in_a_row = 0
                self._failing_since = None
        self._slots.window.widen()
        self._wake()
        return left

    async def _give_up(
        self, opened: aiohttp.ClientSession, group: Sequence[Item], failure: Failure, begun: float
    ) -> None:
        silent = failure.reason in _SILENT and self._replied_at < begun
        if silent and not await is_there(opened, self.endpoint):
            self._keep_cost(group, failure)
            raise self._silent(failure)
        if failure.again:
            await asyncio.sleep(_jitter(1))
        self._fail(group, failure)

    def _fail(self, group: Sequence[Item], failure: Failure) -> None:
        if failure.cost_usd is not None:
            failure = replace(failure, cost_usd=failure.cost_usd / len(group))
        self.answers.extend((position, failure) for position, _ in group)
        self._wake()

    def _keep_cost(self, group: Sequence[Item], failure: Failure) -> None:
        """Hand on a failure that ends the run, if it was paid for."""
        if failure.cost_usd is not None:
            self._fail(group, failure)

    async def _send(self, opened: aiohttp.ClientSession, requests: Sequence[Request]) -> _Tried:
        """One post, when its turn has come."""
        endpoint, dialect, task = self.endpoint, self._dialect, asyncio.current_task()
        booked = endpoint.tokens_bound(requests)
        await self._turn(booked)
        if self._ending:
            return _Tried(_NOTHING)
        if len(requests) > 1 and not dialect.choices:  # found out while this one waited
            return _Tried(_NOTHING, dialect)
        body = json.dumps(endpoint.payload(requests[0], dialect=dialect, n=len(requests)))
        self._posting.add(task)
        sent = time.monotonic()
        try:
            reply = await post(opened, endpoint, body, most_bytes=endpoint.most_bytes(requests))
        finally:
            self._posting.discard(task)
        now = time.monotonic()
        if isinstance(reply, Failure):
            if reply.reason == "timeout":
                self._slots.window.narrow(sent, now)
            return _Tried(self._paid(reply, requests))
        self._replied_at = now
        self.pace.heed(reply.headers, now, crowd=endpoint.concurrency)
        if reply.status == 200:
            outcome = read(
                parse(reply.body),
                api=endpoint.api,
                model=endpoint.model,
                price=endpoint.price,
                most=endpoint.most_tokens(requests[0]),
                wanted=len(requests),
            )
            if isinstance(outcome, list):
                used = sum(a.prompt_tokens + a.completion_tokens for a in outcome if isinstance(a, Response))
                self.pace.correct(booked, used)
            return _Tried(outcome)
        refusal = Refusal.of(
            endpoint.base_url, reply.status, reply.body, location=reply.headers.get("Location")
        )
        narrower = refusal.narrower(dialect)
        if narrower is not None:
            _logger.info("%s: %s; asked again without", endpoint.base_url, refusal.message)
            return _Tried(_NOTHING, narrower)
        if reply.status == 429:
            self._slots.window.narrow(sent, now)
        return _Tried(refusal.failure(endpoint.model), sent=sent, wait=retry_after(reply.headers))

    def _paid(self, failure: Failure, requests: Sequence[Request]) -> Failure:
        """A failure after the post was sent, with what it may have cost: the bound, because no answer tells."""
        price = self.endpoint.price
        if price is None or failure.reason == "unreachable":
            return failure
        prompt, completion = self.endpoint.most_tokens(requests[0])
        cost = price.cost(prompt, completion * len(requests))
        return replace(failure, cost_usd=cost, again=failure.reason in _SILENT)

    def _check(self, failure: Failure) -> None:
        """End the run if nothing has been answered for too long, or nothing at all and all was refused."""
        if failure.reason in ("bad_request", "wrong_model"):
            self._refused_in_a_row += 1
            if not self._answered and self._refused_in_a_row >= _REFUSALS_IN_A_ROW:
                if failure.reason == "wrong_model":
                    said = f"answers as another model ({failure.detail}); name the one that it serves"
                else:
                    said = f"refuses every request ({failure.detail}); change the setting it names"
                raise EngineError(f"{self.endpoint.base_url} {said}")
        elif failure.reason in ("rate_limited", "server_error"):
            now = time.monotonic()
            self._failing_since = now if self._failing_since is None else self._failing_since
            if now - self._failing_since > self.endpoint.patience:
                what = "429" if failure.reason == "rate_limited" else f"errors ({failure.detail})"
                raise EngineError(
                    f"{self.endpoint.base_url} has answered nothing but {what} for {self.endpoint.patience:g} s; "
                    "lower the concurrency or wait, and run again"
                )

    def _silent(self, failure: Failure) -> EngineError:
        kept = f"{self._answered} answers are kept: " if self._answered else ""
        return caused(
            EngineError(
                f"no answer from {self.endpoint.base_url} ({failure.detail}); "
                f"{kept}start the server or correct the URL" + (", and run again" if kept else "")
            ),
            self.endpoint.url,
        )

    async def _be_limited(self, wait: float | None, *, sent: float, times: int) -> None:
        """Wait after a 429: alone, or with all workers if the endpoint says how long or limits them all. `sent` is when
        the post was sent, `times` how many 429s the request has had.

        An endpoint may ask for a shorter pause than the last one, or for none. The pauses grow nevertheless, from one
        round of 429s to the next, until it answers.
        """
        self._limited_in_a_row += 1
        crowd = max(4, self.endpoint.concurrency // 4)
        if wait is not None:
            if sent >= self.pace.paused_until:  # what was sent before a pause says nothing about it
                self._limited_rounds += 1
            wait = min(max(wait, _least_pause(self._limited_rounds)), self.endpoint.patience)
            if self.pace.pause(wait, time.monotonic()) and wait >= _SAID:
                _logger.warning("%s asks for a pause of %.0f s", self.endpoint.base_url, wait)
        elif self._limited_in_a_row >= crowd:
            self.pace.pause(_jitter(self._limited_in_a_row // crowd + 1), time.monotonic())
        else:
            await asyncio.sleep(_jitter(times))

    async def _turn(self, tokens: int) -> None:
        """Wait for the turn that the pace gives; after a pause all come back spread over its last tenth."""
        pace, now = self.pace, time.monotonic()
        start = pace.reserve(tokens, now)
        while (left := max(start, pace.paused_until) - now) > 0:
            await asyncio.sleep(
                left if start > pace.paused_until else left * random.uniform(1.0, 1.1) + 0.001
            )
            now = time.monotonic()


class _Slots:
    """At most as many at once as the window allows; who waits longest comes next."""

    def __init__(self, most: int) -> None:
        self.window = Window(most)
        self._busy = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        if self._busy < int(self.window.size) and not self._waiting:
            self._busy += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn  # whoever grants it counts it as busy

    async def __aexit__(self, *exception: object) -> None:
        self._busy -= 1
        while self._waiting and self._busy < int(self.window.size):
            turn = self._waiting.popleft()
            if not turn.done():
                self._busy += 1
                turn.set_result(None)


def _jitter(attempt: int) -> float:
    """Full jitter: anything up to half a second, then up to twice as long each time, at most a minute."""
    return random.uniform(0, min(60.0, 0.5 * 2.0 ** min(attempt - 1, 9)))


def _least_pause(round_: int) -> float:
    """A quarter of a second after the first round of 429s, then twice as long each time, at most a minute."""
    return min(60.0, 0.25 * 2.0 ** min(max(round_ - 1, 0), 9))


def _alike(one: Request, other: Request) -> bool:
    """Whether they differ in `index` alone."""
    return (
        one.prompt == other.prompt
        and one.sampling == other.sampling
        and one.system == other.system
        and one.schema == other.schema
    )


_NOTHING = Failure(reason="empty", detail="the answer has no choices")

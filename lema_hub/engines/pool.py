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
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from lema_hub.engines.completions import read
from lema_hub.engines.engine import Failure, Request, Response
from lema_hub.engines.pace import Window, retry_after
from lema_hub.engines.refusals import Dialect, Refusal, caused, line
from lema_hub.errors import EngineError

if TYPE_CHECKING:
    import aiohttp

    from lema_hub.engines.openai import OpenAIEngine

_logger = logging.getLogger(__name__)

_SILENT = frozenset({"timeout", "unreachable", "broken"})  # no answer at all
_RETRIED = _SILENT | {"server_error", "malformed", "empty"}
_REFUSALS_IN_A_ROW = 8  # before the first answer: a wrong setting rather than bad prompts
_SAID = 10.0  # seconds from which a pause is told
_GRACE = 30.0  # seconds for what is in flight when a run ends

Item = tuple[int, Request]
Answer = Response | Failure
Outcome = list[Answer] | Failure


class _Tried(NamedTuple):
    """What came of one post, the dialect that would have been right, and the seconds that it asks to wait."""

    outcome: Outcome
    dialect: Dialect | None = None
    wait: float | None = None


class Pool:
    """The workers of one `generate`, and what they share; `wake` is called when there are answers to collect."""

    def __init__(self, engine: OpenAIEngine, source: Iterator[Item], *, wake: Callable[[], None]) -> None:
        self.engine = engine
        self.answers: deque[tuple[int, Answer]] = deque()
        self._wake = wake
        self._source = source
        self._held: Item | None = None  # drawn for a group that it did not belong to
        self._slots = _Slots(engine.concurrency)
        self._dialect = Dialect()
        self._posting: set[asyncio.Task[None] | None] = set()
        self._ending = False
        self._answered = self._limited_in_a_row = self._refused_in_a_row = 0
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
        async with _session(self.engine) as session:
            workers = range(self.engine.concurrency + -(-self.engine.concurrency // 4))
            tasks = {asyncio.create_task(self._work(session)) for _ in workers}
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

    async def _work(self, session: aiohttp.ClientSession) -> None:
        while not self._ending and (group := self._draw()):
            await self._answer(session, group)
            await asyncio.sleep(0)  # the loop stops first, and the answers are committed

    def _draw(self) -> list[Item]:
        """The next request, with those after it that differ in `index` alone, as far as one post takes them."""
        most = self.engine.samples_per_request if self._dialect.choices else 1
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

    async def _answer(self, session: aiohttp.ClientSession, group: list[Item]) -> None:
        """Answer a group, in as many posts as it takes."""
        attempt, begun = 0, time.monotonic()
        while group and not self._ending:
            if not self._dialect.choices:
                group, *rest = [[item] for item in group]
                for item in rest:
                    await self._answer(session, item)
            async with self._slots:
                outcome, dialect, wait = await self._send(session, [request for _, request in group])
            if isinstance(outcome, list):
                left = self._deliver(group, outcome)
                if len(left) < len(group):
                    group = left
                    continue
                outcome = next((answer for answer in outcome if isinstance(answer, Failure)), _NOTHING)
            if dialect is not None:
                self._dialect = self._dialect.meet(dialect)
                continue
            self._check(outcome)
            if outcome.reason == "rate_limited":
                await self._be_limited(wait)
                continue
            attempt += 1
            if outcome.reason not in _RETRIED or attempt >= self.engine.attempts:
                await self._give_up(session, group, outcome, begun)
                return
            if outcome.reason == "unreachable" and attempt > 1 and not self._answered:
                raise self._silent(outcome)
            await asyncio.sleep(_jitter(attempt))

    def _deliver(self, group: Sequence[Item], answers: Sequence[Answer]) -> list[Item]:
        """Hand on what is answered; the rest, which is asked again."""
        left = list(group[len(answers) :])
        for (position, request), answer in zip(group, answers, strict=False):
            if isinstance(answer, Failure) and answer.reason in _RETRIED:
                left.append((position, request))
                continue
            self.answers.append((position, answer))
            if isinstance(answer, Response):
                self._answered += 1
                self._limited_in_a_row = self._refused_in_a_row = 0
                self._failing_since = None
        self._slots.window.widen()
        self._wake()
        return left

    async def _give_up(
        self, session: aiohttp.ClientSession, group: Sequence[Item], failure: Failure, begun: float
    ) -> None:
        if failure.reason in _SILENT and self._replied_at < begun and not await self._is_there(session):
            raise self._silent(failure)
        self.answers.extend((position, failure) for position, _ in group)
        self._wake()

    async def _send(self, session: aiohttp.ClientSession, requests: Sequence[Request]) -> _Tried:
        """One post, when its turn has come."""
        engine, dialect, task = self.engine, self._dialect, asyncio.current_task()
        booked = engine.tokens_bound(requests)
        await self._turn(booked)
        if self._ending:
            return _Tried(_NOTHING)
        if len(requests) > 1 and not dialect.choices:  # found out while this one waited
            return _Tried(_NOTHING, dialect)
        import aiohttp

        body = json.dumps(engine.payload(requests[0], dialect=dialect, n=len(requests)))
        self._posting.add(task)
        sent = time.monotonic()
        try:
            async with session.post(engine.url, data=body.encode()) as reply:
                raw = await reply.read()
        except TimeoutError:
            self._slots.window.narrow(sent, time.monotonic())
            return _Tried(Failure(reason="timeout", detail=f"no answer in {engine.timeout:g} s"))
        except aiohttp.ClientConnectorError as error:
            return _Tried(Failure(reason="unreachable", detail=line(str(error))))
        except aiohttp.ClientError as error:
            return _Tried(Failure(reason="broken", detail=line(str(error) or type(error).__name__)))
        finally:
            self._posting.discard(task)
        now = self._replied_at = time.monotonic()
        engine.pace.heed(reply.headers, now, crowd=engine.concurrency)
        if reply.status == 200:
            outcome = read(
                _json(raw), api=engine.api, model=engine.model, price=engine.price, wanted=len(requests)
            )
            if isinstance(outcome, list):
                used = sum(a.prompt_tokens + a.completion_tokens for a in outcome if isinstance(a, Response))
                engine.pace.correct(booked, used)
            return _Tried(outcome)
        refusal = Refusal.of(engine.base_url, reply.status, raw)
        narrower = refusal.narrower(dialect)
        if narrower is not None:
            _logger.info("%s: %s; asked again without", engine.base_url, refusal.message)
            return _Tried(_NOTHING, narrower)
        if reply.status == 429:
            self._slots.window.narrow(sent, now)
        return _Tried(refusal.failure(engine.model), wait=retry_after(reply.headers))

    def _check(self, failure: Failure) -> None:
        """End the run if nothing has been answered for too long, or nothing at all and all was refused."""
        if failure.reason in ("bad_request", "wrong_model"):
            self._refused_in_a_row += 1
            if not self._answered and self._refused_in_a_row >= _REFUSALS_IN_A_ROW:
                if failure.reason == "wrong_model":
                    said = f"answers as another model ({failure.detail}); name the one that it serves"
                else:
                    said = f"refuses every request ({failure.detail}); change the setting it names"
                raise EngineError(f"{self.engine.base_url} {said}")
        elif failure.reason in ("rate_limited", "server_error"):
            now = time.monotonic()
            self._failing_since = now if self._failing_since is None else self._failing_since
            if now - self._failing_since > self.engine.patience:
                what = "429" if failure.reason == "rate_limited" else f"errors ({failure.detail})"
                raise EngineError(
                    f"{self.engine.base_url} has answered nothing but {what} for {self.engine.patience:g} s; "
                    "lower --concurrency or wait, and run again"
                )

    def _silent(self, failure: Failure) -> EngineError:
        kept = f"{self._answered} answers are kept: " if self._answered else ""
        return caused(
            EngineError(
                f"no answer from {self.engine.base_url} ({failure.detail}); "
                f"{kept}start the server or correct the URL" + (", and run again" if kept else "")
            ),
            self.engine.url,
        )

    async def _is_there(self, session: aiohttp.ClientSession) -> bool:
        """Whether anything answers at the endpoint, whatever it says."""
        import aiohttp

        try:
            timeout = aiohttp.ClientTimeout(total=min(10.0, self.engine.timeout))
            async with session.get(f"{self.engine.base_url}/models", timeout=timeout):
                return True
        except (TimeoutError, aiohttp.ClientError):
            return False

    async def _be_limited(self, wait: float | None) -> None:
        """Wait after a 429: alone, or with everybody if the endpoint says so or limits everybody."""
        self._limited_in_a_row += 1
        crowd = max(4, self.engine.concurrency // 4)
        if wait is not None:
            wait = min(wait, self.engine.patience)
            if self.engine.pace.pause(wait, time.monotonic()) and wait >= _SAID:
                _logger.warning("%s asks for a pause of %.0f s", self.engine.base_url, wait)
        elif self._limited_in_a_row >= crowd:
            self.engine.pace.pause(_jitter(self._limited_in_a_row // crowd + 1), time.monotonic())
        else:
            await asyncio.sleep(_jitter(1))

    async def _turn(self, tokens: int) -> None:
        """Wait for the turn that the pace gives; after a pause all come back spread over its last tenth."""
        pace, now = self.engine.pace, time.monotonic()
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


@asynccontextmanager
async def _session(engine: OpenAIEngine) -> AsyncIterator[aiohttp.ClientSession]:
    """A session whose connections live as long as the workers; the key stays in its headers and nowhere
    else.
    """
    import aiohttp

    headers = {"Content-Type": "application/json"}
    if key := engine.key():
        headers["Authorization"] = f"Bearer {key}"
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=engine.concurrency),
        timeout=aiohttp.ClientTimeout(total=engine.timeout, sock_connect=30),
        headers=headers,
        cookie_jar=aiohttp.DummyCookieJar(),
        proxy=_proxy(engine.base_url),
    ) as session:
        yield session


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for a URL; aiohttp's own look-up costs a thread per request."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)


def _jitter(attempt: int) -> float:
    """Full jitter: anything up to half a second, then up to twice as long each time, at most a minute."""
    return random.uniform(0, min(60.0, 0.5 * 2 ** (attempt - 1)))


def _alike(one: Request, other: Request) -> bool:
    """Whether they differ in `index` alone."""
    return (
        one.prompt == other.prompt
        and one.sampling == other.sampling
        and one.system == other.system
        and one.schema == other.schema
    )


def _json(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except ValueError:
        return None


_NOTHING = Failure(reason="empty", detail="the answer has no choices")

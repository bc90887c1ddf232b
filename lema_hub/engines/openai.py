"""Text from any OpenAI-compatible endpoint: OpenAI, vLLM, Together, a server of one's own.

    engine = OpenAIEngine("my-model", base_url="http://localhost:8000/v1")

A pool of workers posts over aiohttp, with the openai package's environment variables (`OPENAI_API_KEY`,
`OPENAI_BASE_URL`). The package's own async client, even over aiohttp, spends five times the CPU on a
request and cannot keep 64 of them in flight (bench/engines.py measures both).

What can pass is tried again with full jitter: timeouts, 5xx, broken answers. A 429 costs no attempt: with
`Retry-After`, or when 429s pile up, the whole pool pauses, otherwise its worker alone. What cannot pass
ends the run with one line: a dead server, a bad key, an unknown model, an empty account.

The trap: the loop runs only while the caller asks for the next answer. That is what makes an answer
committed before the next request is drawn, and it is why `generate` cannot be called from inside another
event loop.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from lema_hub.engines.engine import Failure, Request, Response
from lema_hub.engines.prices import price_of
from lema_hub.errors import EngineError, InputError

if TYPE_CHECKING:
    import aiohttp

Api = Literal["chat", "completions"]
OPENAI_URL = "https://api.openai.com/v1"
_RESERVES = 25  # per cent more workers than requests in flight: they step in for those that wait to try again
_FRAMING_TOKENS = 64  # what a chat template may add to a prompt
_REFUSALS_IN_A_ROW = 8  # 400s before the first answer that show a wrong setting rather than a bad prompt


class OpenAIEngine:
    """Answers from an OpenAI-compatible endpoint.

    Args:
        model: The model's name at the endpoint.
        revision: A label of your own for the model's version, part of the ledger's key.
        base_url: The endpoint, ending in `/v1`; `OPENAI_BASE_URL` or OpenAI's own by default.
        api: `chat` sends prompts as one user message; `completions` completes them as plain text (base
            models).
        concurrency: Requests in flight.
        timeout: Seconds for one request.
        attempts: How often a request is sent before it fails; 429s do not count.
        patience: Seconds without any answer but 429s after which the run ends.
        prices: A price list of your own (`lema_hub.engines.prices`).

    Raises:
        InputError: An argument is out of range, or the price list cannot be read.
    """

    def __init__(
        self,
        model: str,
        *,
        revision: str | None = None,
        base_url: str | None = None,
        api: Api = "chat",
        concurrency: int = 64,
        timeout: float = 600.0,
        attempts: int = 6,
        patience: float = 900.0,
        prices: Path | None = None,
    ) -> None:
        if concurrency < 1 or attempts < 1:
            raise InputError(f"concurrency and attempts must be >= 1, got {concurrency} and {attempts}")
        self.model = model
        self.revision = revision
        self.api = api
        self.base_url = (base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL).rstrip("/")
        self.concurrency = concurrency
        self.timeout = timeout
        self.attempts = attempts
        self.patience = patience
        self.price = price_of(model, file=prices)
        if not self.base_url.startswith(("http://", "https://")):
            raise InputError(f"base_url is {self.base_url!r}; expected http(s)://host/v1")

    @property
    def name(self) -> str:
        return "openai" if self.api == "chat" else "openai-completions"

    def cost_bound(self, request: Request) -> float | None:
        """The most that a request can cost: no token is shorter than a byte."""
        if self.price is None:
            return None
        prompt = len(f"{request.system or ''}{request.prompt}".encode()) + _FRAMING_TOKENS
        return self.price.cost(prompt, request.sampling.max_tokens)

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Response | Failure]]:
        """Answer requests as they come; see `Engine.generate`."""
        with asyncio.Runner() as runner:  # cancels at its end what still runs
            loop = runner.get_loop()
            pool = _Pool(self, enumerate(requests))
            running = loop.create_task(pool.run())
            running.add_done_callback(lambda _: pool.ready.set())
            try:
                while not running.done():
                    loop.run_until_complete(pool.ready.wait())
                    yield from pool.collect()
                running.result()
            except (Exception, KeyboardInterrupt):
                yield from pool.collect()  # paid for: the caller keeps it
                raise

    def payload(self, request: Request, *, limit: str = "max_tokens") -> dict[str, Any]:
        """The body of a request; `limit` is the name of the token limit, which newer models changed."""
        sampling = request.sampling
        body: dict[str, Any] = {"model": self.model, "temperature": sampling.temperature}
        body["top_p"] = sampling.top_p
        body[limit] = sampling.max_tokens
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if sampling.seed is not None and sampling.temperature > 0:
            body["seed"] = sampling.seed + request.index
        if request.schema is not None:
            schema = {"name": "answer", "strict": True, "schema": json.loads(request.schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        if self.api == "completions":
            text = f"{request.system}\n\n{request.prompt}" if request.system else request.prompt
            return {"prompt": text, **body}
        messages = [{"role": "system", "content": request.system}] if request.system else []
        messages.append({"role": "user", "content": request.prompt})
        return {"messages": messages, **body}

    def read(self, body: Any) -> Response | Failure:
        """The answer in a response body; a `Failure` with the reason `malformed` or `empty` is worth
        another try.
        """
        try:
            choice = body["choices"][0]
            text = choice["message"]["content"] if self.api == "chat" else choice["text"]
            finish_reason = choice.get("finish_reason")
            usage = body.get("usage") or {}
            tokens = int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
        except IndexError:
            return Failure(reason="empty", detail="the answer has no choices")
        except (AttributeError, KeyError, TypeError, ValueError):
            return Failure(reason="malformed", detail=f"no completion: {json.dumps(body)[:100]}")
        if finish_reason == "content_filter":
            return Failure(reason="content_filter", detail="the endpoint's filter stopped the answer")
        if not isinstance(text, str) and finish_reason != "length":
            return Failure(reason="empty", detail=f"the answer has no text (finish_reason {finish_reason!r})")
        return Response(
            text=text or "",
            finish_reason=finish_reason,
            prompt_tokens=tokens[0],
            completion_tokens=tokens[1],
            cost_usd=self.price.cost(*tokens) if self.price else None,
        )


@dataclass(slots=True)
class _Pool:
    """The workers of one `generate`, and what they share."""

    engine: OpenAIEngine
    source: Iterator[tuple[int, Request]]
    answers: deque[tuple[int, Response | Failure]] = field(default_factory=deque)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    slots: asyncio.Semaphore = field(init=False)
    limit: str = "max_tokens"
    answered: int = 0
    limited_in_a_row: int = 0
    refused_in_a_row: int = 0
    limited_since: float | None = None
    pause_until: float = 0.0

    def __post_init__(self) -> None:
        self.slots = asyncio.Semaphore(self.engine.concurrency)

    def collect(self) -> Iterator[tuple[int, Response | Failure]]:
        self.ready.clear()
        while self.answers:
            yield self.answers.popleft()

    async def run(self) -> None:
        """Answer everything; the first error that no retry can cure ends all workers."""
        try:
            async with _session(self.engine) as session, asyncio.TaskGroup() as group:
                for _ in range(self.engine.concurrency + _RESERVES * self.engine.concurrency // 100):
                    group.create_task(self._work(session))
        except BaseExceptionGroup as group_error:
            raise group_error.exceptions[0] from None

    async def _work(self, session: aiohttp.ClientSession) -> None:
        for position, request in self.source:
            answer = await self._answer(session, request)
            self.answers.append((position, answer))
            self.ready.set()

    async def _answer(self, session: aiohttp.ClientSession, request: Request) -> Response | Failure:
        attempt = 0
        while True:
            await self._wait_for_the_pool()
            async with self.slots:
                answer, retry_after = await self._post(session, request)
            if isinstance(answer, Response):
                self.answered += 1
                self.limited_in_a_row = self.refused_in_a_row = 0
                self.limited_since = None
                return answer
            if answer.reason == "rate_limited":
                await self._be_limited(retry_after)
                continue
            attempt += 1
            if answer.reason not in _RETRIED or attempt >= self.engine.attempts:
                return answer
            if answer.reason == "unreachable" and attempt > 1 and not self.answered:
                raise EngineError(
                    f"no answer from {self.engine.base_url} ({answer.detail}); "
                    "start the server or correct the URL"
                )
            await asyncio.sleep(_jitter(attempt))

    async def _post(
        self, session: aiohttp.ClientSession, request: Request
    ) -> tuple[Response | Failure, float | None]:
        """One try: the answer, and after how many seconds the endpoint wants the next one."""
        import aiohttp

        path = "/chat/completions" if self.engine.api == "chat" else "/completions"
        limit = self.limit
        try:
            async with session.post(
                self.engine.base_url + path, json=self.engine.payload(request, limit=limit)
            ) as reply:
                raw = await reply.read()
                status, headers = reply.status, reply.headers
        except TimeoutError:
            return Failure(reason="timeout", detail=f"no answer in {self.engine.timeout:g} s"), None
        except aiohttp.ClientError as error:
            reason = "unreachable" if isinstance(error, aiohttp.ClientConnectionError) else "broken"
            return Failure(reason=reason, detail=_line(str(error) or type(error).__name__)), None
        body = _json(raw)
        if status == 200:
            return self.engine.read(body), None
        return self._refused(status, _line(_message(body, raw)), _code(body), limit), _retry_after(headers)

    def _refused(self, status: int, message: str, code: str, limit: str) -> Failure:
        """What a status other than 200 means for the request; it ends the run where no request can pass."""
        where = self.engine.base_url
        message = _redacted(message)
        if status in (401, 403):
            raise EngineError(
                f"{where} refused the key ({status}: {message}); set OPENAI_API_KEY to a valid one"
            )
        if status == 404:
            raise EngineError(
                f"{where} does not know {self.engine.model!r} ({message}); check model and base URL"
            )
        if status == 429 and code == "insufficient_quota":
            raise EngineError(f"the account at {where} is out of credit ({message}); top it up and run again")
        if status == 429:
            return Failure(reason="rate_limited", detail=message)
        if status == 400 and "max_completion_tokens" in message and limit == "max_tokens":
            self.limit = "max_completion_tokens"
            return Failure(reason="renamed", detail=message)
        if status >= 500 or status in (408, 409, 425):
            return Failure(reason="server_error", detail=f"{status}: {message}")
        if "context length" in message or code == "context_length_exceeded":
            return Failure(reason="prompt_too_long", detail=message)
        self.refused_in_a_row += 1
        if not self.answered and self.refused_in_a_row >= _REFUSALS_IN_A_ROW:
            raise EngineError(
                f"{where} refuses every request ({status}: {message}); change the setting it names"
            )
        return Failure(reason="bad_request", detail=f"{status}: {message}")

    async def _be_limited(self, retry_after: float | None) -> None:
        """Wait after a 429: alone, or with the whole pool if the endpoint says so or limits everybody."""
        now = asyncio.get_running_loop().time()
        self.limited_in_a_row += 1
        self.limited_since = now if self.limited_since is None else self.limited_since
        if now - self.limited_since > self.engine.patience:
            raise EngineError(
                f"{self.engine.base_url} has answered nothing but 429 for {self.engine.patience:g} s; "
                "lower --concurrency or wait, and run again"
            )
        crowd = max(4, self.engine.concurrency // 4)
        if retry_after is not None:
            self.pause_until = max(self.pause_until, now + min(retry_after, self.engine.patience))
        elif self.limited_in_a_row >= crowd:
            self.pause_until = max(self.pause_until, now + _jitter(self.limited_in_a_row // crowd))
        else:
            await asyncio.sleep(_jitter(1))

    async def _wait_for_the_pool(self) -> None:
        """Wait until a common pause is over; the workers come back spread over its last tenth."""
        loop = asyncio.get_running_loop()
        while (left := self.pause_until - loop.time()) > 0:
            await asyncio.sleep(left * random.uniform(1.0, 1.1) + 0.001)


_RETRIED = frozenset({"timeout", "unreachable", "broken", "server_error", "malformed", "empty", "renamed"})


@asynccontextmanager
async def _session(engine: OpenAIEngine) -> AsyncIterator[aiohttp.ClientSession]:
    """A session whose connections live as long as the workers; the key stays in its headers and nowhere
    else.
    """
    import aiohttp

    key = os.environ.get("OPENAI_API_KEY")
    if key is None and engine.base_url == OPENAI_URL:
        raise EngineError(
            f"{OPENAI_URL} needs a key; set OPENAI_API_KEY, or give --base-url of another endpoint"
        )
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    connector = aiohttp.TCPConnector(limit=engine.concurrency)
    timeout = aiohttp.ClientTimeout(total=engine.timeout, sock_connect=30)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, headers=headers, proxy=_proxy(engine.base_url)
    ) as session:
        yield session


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for a URL; aiohttp's own look-up costs a thread per request."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)


def _jitter(attempt: int) -> float:
    """Full jitter: anything up to twice as long as the attempt before could wait, at most a minute."""
    return random.uniform(0, min(60.0, 0.5 * 2**attempt))


def _retry_after(headers: Any) -> float | None:
    """The seconds of `Retry-After` or `retry-after-ms`; None if there is none or it is a date."""
    for name, unit in (("retry-after-ms", 0.001), ("Retry-After", 1.0)):
        try:
            return max(0.0, float(headers[name]) * unit)
        except (KeyError, ValueError):
            continue
    return None


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _message(body: Any, raw: bytes) -> str:
    error = body.get("error", body) if isinstance(body, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return str(message) if message else raw.decode("utf-8", "replace") or "no message"


def _code(body: Any) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    return str(error.get("code")) if isinstance(error, dict) else ""


def _line(text: str) -> str:
    return " ".join(text.split())[:200]


def _redacted(text: str) -> str:
    key = os.environ.get("OPENAI_API_KEY")
    return text.replace(key, "***") if key else text

"""Text from any OpenAI-compatible endpoint: OpenAI, vLLM, Together, a server of one's own.

    engine = OpenAIEngine("my-model", base_url="http://localhost:8000/v1")

Requests have the openai package's types, its environment variables (`OPENAI_API_KEY`, `OPENAI_BASE_URL`) and,
as causes of an `EngineError`, its exceptions. They are posted by a pool of workers over aiohttp: the package's
own async client, even over aiohttp, spends several times the CPU on a request and cannot keep 64 of them in
flight (bench/engines.py measures both).

The trap: the loop runs only while the caller asks for the next answer. That is what makes an answer
committed before the next request is drawn, and it is why `generate` cannot be called from inside another
event loop.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lema_hub.engines.completions import Api
from lema_hub.engines.engine import Failure, Request, Response
from lema_hub.engines.pace import Rates, pace_of
from lema_hub.engines.pool import Pool
from lema_hub.engines.prices import price_of
from lema_hub.engines.refusals import Dialect
from lema_hub.errors import EngineError, InputError

if TYPE_CHECKING:
    from openai.types import completion_create_params as text_types
    from openai.types.chat import ChatCompletionMessageParam
    from openai.types.chat import completion_create_params as chat_types

OPENAI_URL = "https://api.openai.com/v1"
_FRAMING_TOKENS = 64  # what a chat template may add to a prompt
_BYTES_PER_TOKEN = 4  # of English, for the booking of token rates
_MOST_CHOICES = 128


class OpenAIEngine:
    """Answers from an OpenAI-compatible endpoint.

    Args:
        model: The model's name at the endpoint.
        revision: A label of your own for the model's version, part of the ledger's key.
        base_url: The endpoint, ending in `/v1`; `OPENAI_BASE_URL` or OpenAI's own by default.
        api: `chat` sends prompts as one user message; `completions` completes them as plain text (base
            models).
        concurrency: Requests in flight at most; fewer while the endpoint is overloaded.
        samples_per_request: How many samples of one prompt are asked for in one post (`n`), 1 to 128. The
            prompt is then paid once.
        rates: Requests and tokens per minute for this model, shared by all engines of the process.
        timeout: Seconds for one request.
        attempts: How often a request is sent before it fails; 429s do not count.
        patience: Seconds without any answer but 429s and server errors after which the run ends.
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
        samples_per_request: int = 1,
        rates: Rates | None = None,
        timeout: float = 600.0,
        attempts: int = 6,
        patience: float = 900.0,
        prices: Path | None = None,
    ) -> None:
        if concurrency < 1 or attempts < 1:
            raise InputError(f"concurrency and attempts must be >= 1, got {concurrency} and {attempts}")
        if not 1 <= samples_per_request <= _MOST_CHOICES:
            raise InputError(f"samples_per_request must be 1 to {_MOST_CHOICES}, got {samples_per_request}")
        self.model = model
        self.revision = revision
        self.api = api
        self.base_url = (base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL).rstrip("/")
        self.concurrency = concurrency
        self.samples_per_request = samples_per_request
        self.timeout = timeout
        self.attempts = attempts
        self.patience = patience
        self.price = price_of(model, file=prices)
        if not self.base_url.startswith(("http://", "https://")):
            raise InputError(f"base_url is {self.base_url!r}; expected http(s)://host/v1")
        self.pace = pace_of(self.base_url, model, rates)

    @property
    def name(self) -> str:
        return "openai" if self.api == "chat" else "openai-completions"

    @property
    def path(self) -> str:
        """The API's path under the base URL."""
        return "/chat/completions" if self.api == "chat" else "/completions"

    @property
    def url(self) -> str:
        return self.base_url + self.path

    def key(self) -> str | None:
        """The key in the environment, which is read for every run and kept nowhere.

        Raises:
            EngineError: The endpoint needs one and there is none.
        """
        key = os.environ.get("OPENAI_API_KEY")
        if key is None and self.base_url == OPENAI_URL:
            raise EngineError(
                f"{OPENAI_URL} needs a key; set OPENAI_API_KEY, or give --base-url of another endpoint"
            )
        return key

    def cost_bound(self, request: Request) -> float | None:
        """The most that a request can cost."""
        return self.price.cost(*self.most_tokens(request)) if self.price else None

    def most_tokens(self, request: Request) -> tuple[int, int]:
        """The most tokens that prompt and answer can have: no token is shorter than a byte."""
        return _size(request) + _FRAMING_TOKENS, request.sampling.max_tokens

    def tokens_bound(self, requests: Sequence[Request]) -> int:
        """About the most tokens that one post for these samples can use."""
        return _size(requests[0]) // _BYTES_PER_TOKEN + len(requests) * requests[0].sampling.max_tokens

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Response | Failure]]:
        """Answer requests as they come; see `Engine.generate`."""
        with asyncio.Runner() as runner:  # cancels at its end what still runs
            turns = _Turns(runner.get_loop())
            pool = Pool(self, enumerate(requests), wake=turns.end)
            running = runner.get_loop().create_task(pool.run())
            running.add_done_callback(lambda _: turns.end())
            try:
                while not running.done():
                    interrupted = turns.take()
                    yield from pool.collect()
                    if interrupted:
                        raise KeyboardInterrupt
                running.result()
            except (Exception, KeyboardInterrupt):
                yield from pool.collect()  # paid for: the caller keeps it
                raise

    def payload(
        self, request: Request, *, dialect: Dialect | None = None, n: int = 1
    ) -> chat_types.CompletionCreateParamsNonStreaming | text_types.CompletionCreateParamsNonStreaming:
        """The body of a request for `n` samples, as the openai package types it."""
        if self.api == "completions":
            return self._text_body(request, n)
        sampling, dialect = request.sampling, dialect or Dialect()
        messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": request.prompt}]
        if request.system:
            messages.insert(0, {"role": "system", "content": request.system})
        body: chat_types.CompletionCreateParamsNonStreaming = {
            "messages": messages,
            "model": self.model,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
        }
        if dialect.limit == "max_tokens":
            body["max_tokens"] = sampling.max_tokens
        else:
            body["max_completion_tokens"] = sampling.max_tokens
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if (seed := _seed(request)) is not None:
            body["seed"] = seed
        if n > 1:
            body["n"] = n
        if request.schema is not None and dialect.schemas:
            schema: dict[str, Any] = json.loads(request.schema)
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": schema},
            }
        return body

    def _text_body(self, request: Request, n: int) -> text_types.CompletionCreateParamsNonStreaming:
        sampling = request.sampling
        body: text_types.CompletionCreateParamsNonStreaming = {
            "model": self.model,
            "prompt": f"{request.system}\n\n{request.prompt}" if request.system else request.prompt,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
        }
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if (seed := _seed(request)) is not None:
            body["seed"] = seed
        if n > 1:
            body["n"] = n
        return body


def _seed(request: Request) -> int | None:
    """The seed of a sample; greedy text needs none."""
    sampling = request.sampling
    return None if sampling.seed is None or sampling.temperature == 0 else sampling.seed + request.index


def _size(request: Request) -> int:
    """The bytes of its text."""
    return len(f"{request.system or ''}{request.prompt}".encode())


class _Turns:
    """Turns of an event loop: each lasts until there is something to collect, or Ctrl-C.

    Python would raise KeyboardInterrupt wherever the loop is just then, in a task of aiohttp's for instance,
    and that task's traceback would be printed.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._taken = self._interrupted = False

    def take(self) -> bool:
        """Run the loop; whether it was Ctrl-C that ended the turn."""
        self._taken = True
        ours = threading.current_thread() is threading.main_thread()
        ours = ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if ours:
            signal.signal(signal.SIGINT, self._interrupt)
        try:
            self._loop.run_forever()
        finally:
            self._taken = False
            if ours:
                signal.signal(signal.SIGINT, signal.default_int_handler)
        return self._interrupted

    def end(self) -> None:
        """End the turn; between turns nothing, because a loop that is being closed must not be stopped."""
        if self._taken:
            self._loop.stop()

    def _interrupt(self, *_: object) -> None:
        self._interrupted = True
        self._loop.call_soon_threadsafe(self.end)

"""What an endpoint may send: everything is bounded, and nothing leads elsewhere."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
from typing import Any

import pytest

from lema_hub.engines import Failure, Request, Response, Sampling
from lema_hub.engines import pool as module
from lema_hub.engines.openai import OpenAIEngine
from lema_hub.engines.transport import MOST_BYTES_REFUSED
from lema_hub.errors import EngineError
from tests.endpoint import Connection, Endpoint, Reply, prompt_of, reply

MOST = (1 << 20) + 9 * 256  # bytes of an answer of 9 tokens
BOMB = gzip.compress(b" " * (1 << 24), 1) * 16  # 256 MB


@pytest.fixture(autouse=True)
def _no_key_and_short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setattr(module, "_jitter", lambda attempt: 0.001 * attempt)


def ask(*prompts: str) -> list[Request]:
    return [Request(prompt=prompt, sampling=Sampling(max_tokens=9)) for prompt in prompts]


def answers(engine: OpenAIEngine, *prompts: str) -> list[Response | Failure]:
    found = dict(engine.generate(ask(*prompts)))
    return [found[position] for position in range(len(prompts))]


class Endless(Endpoint):
    """Sends an answer without an end to a prompt `!endless`, as long as somebody reads."""

    written = 0

    def receive(
        self, connection: Connection, method: str, path: str, headers: dict[str, str], raw: bytes
    ) -> None:
        if b"!endless" not in raw:
            super().receive(connection, method, path, headers, raw)
            return
        status = b"200" if b"!endless200" in raw else b"400"
        head = b"HTTP/1.1 " + status + b" -\r\nContent-Type: application/json\r\n"
        connection.transport.write(head + b"Transfer-Encoding: chunked\r\n\r\n")
        connection.transport.set_write_buffer_limits(high=1 << 20)
        self._write(connection)

    def _write(self, connection: Connection) -> None:
        if connection.transport.is_closing():
            return
        if connection.transport.get_write_buffer_size() < 1 << 20:
            connection.transport.write(b"10000\r\n" + b" " * (1 << 16) + b"\r\n")
            self.written += 1 << 16
        asyncio.get_running_loop().call_later(0.0005, self._write, connection)


@pytest.mark.parametrize(("prompt", "reason"), [("!endless200", "too_large"), ("!endless400", "bad_request")])
def test_an_answer_without_an_end_is_a_failure_and_is_not_read_on(prompt: str, reason: str) -> None:
    with Endless() as endpoint:
        good, endless = answers(
            OpenAIEngine("m", base_url=endpoint.url, attempts=1, concurrency=1), "a", prompt
        )
    assert isinstance(good, Response)
    assert isinstance(endless, Failure)
    assert endless.reason == reason
    read = MOST if reason == "too_large" else MOST_BYTES_REFUSED
    assert endpoint.written < read + (32 << 20)  # what lies in the buffers of both ends


class Large(Endpoint):
    """Announces or compresses more than it may send."""

    def answer(self, body: dict[str, Any]) -> Reply:
        if "!over" in prompt_of(body):
            return Reply(body=b" " * (MOST + 1))
        return Reply(body=BOMB, headers={"Content-Encoding": "gzip"})


@pytest.mark.parametrize("prompt", ["!over", "!bomb"])
def test_a_body_that_is_too_long_is_a_failure_even_if_it_is_compressed(prompt: str) -> None:
    with Large() as endpoint:
        engine = OpenAIEngine("m", base_url=endpoint.url, attempts=1)
        answers(engine, "!over")  # imports aiohttp
        tracemalloc.start()
        (answer,) = answers(engine, prompt)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert isinstance(answer, Failure)
    assert answer.reason == "too_large"
    assert peak < 32 << 20


class Headers(Endpoint):
    """Sends headers that are too long, too many, or not headers."""

    def answer(self, body: dict[str, Any]) -> Reply:
        answered = super().answer(body)
        prompt = prompt_of(body)
        if "!long" in prompt:
            answered.headers["X-Long"] = "x" * 100_000
        if "!many" in prompt:
            answered.headers |= {f"X-{number}": "x" for number in range(10_000)}
        if "!odd" in prompt:
            answered.headers |= {
                "Retry-After": "\u00e9", "x-ratelimit-remaining-requests": "nan",
                "x-ratelimit-reset-requests": "1e999s", "RateLimit": "r=" + "9" * 400 + ";t=1",
            }  # fmt: skip
        return answered


def test_headers_are_bounded_and_odd_ones_ignored() -> None:
    with Headers() as endpoint:
        engine = OpenAIEngine("m", base_url=endpoint.url, attempts=2, concurrency=1)
        long, many, odd = answers(engine, "!long", "!many", "!odd")
    assert isinstance(long, Failure)
    assert isinstance(many, Failure)
    assert (long.reason, many.reason) == ("broken", "broken")
    assert isinstance(odd, Response)


class Elsewhere(Endpoint):
    def answer(self, body: dict[str, Any]) -> Reply:
        moved = reply({}, 307)
        moved.headers["Location"] = self.text or ""
        return moved


def test_a_redirect_is_not_followed_and_its_secrets_are_not_shown() -> None:
    with (
        Endpoint() as other,
        Elsewhere(text=f"{other.url}/chat/completions?api_key=0123456789abcdef") as endpoint,
    ):
        with pytest.raises(EngineError, match=r"307: a redirect to http.*, which is not followed") as caught:
            answers(OpenAIEngine("m", base_url=endpoint.url), *(f"{i}" for i in range(10)))
        assert other.seen == []
    assert "0123456789abcdef" not in str(caught.value)

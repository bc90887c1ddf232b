"""A real OpenAI-compatible endpoint with faults, for tests and benchmarks.

It answers a chat completion with the reversed last message, or with `text`. Faults are drawn at set rates, or asked
for in the prompt: `!status=503 x2` fails twice before it answers, `!slow=2` waits, `!cut` ends with `length`,
`!malformed` sends no JSON, `!empty` no choices, `!choices=1` fewer than asked for, `!hangup` closes the
connection, `!part` closes it in the middle of the answer, `!model=x` answers as another model.

    python tests/endpoint.py --latency 0.2 --rate-429 0.01 --rate-500 0.01     # prints its URL

HTTP is read and written by hand, without a task per request: a benchmark shares its cores with the client,
and what is measured should be the client.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import threading
import time
import traceback
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self


@dataclass
class Reply:
    """What is sent back; `sent` bytes of the body before the connection is closed, all and open if None."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    sent: int | None = None
    phrase: str = "-"

    def encoded(self) -> bytes:
        head = [f"HTTP/1.1 {self.status} {self.phrase}", "Content-Type: application/json"]
        head += [f"{name}: {value}" for name, value in self.headers.items()]
        head += [f"Content-Length: {len(self.body)}", "", ""]
        return "\r\n".join(head).encode() + self.body[: self.sent]


def reply(document: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(document).encode())


def failure(status: int, message: str, code: str, *, param: str | None = None, **headers: str) -> Reply:
    error = {"message": message, "type": code, "param": param, "code": code}
    return Reply(status, json.dumps({"error": error}).encode(), headers)


@dataclass
class Endpoint:
    """The server; use it as a context manager, it runs in a thread of its own.

    `quota` is (requests, seconds): what is above it gets a 429, and the headers tell what is left; `ietf`
    writes them as the IETF's draft does. What comes while `most_at_once` are being answered gets a 429 too.
    `schemas=False` refuses `response_format`. `text` is what it says whatever it is asked, `status` what it refuses
    everything with.
    """

    text: str | None = None
    status: int = 200
    latency: float = 0.0
    rate_429: float = 0.0
    rate_500: float = 0.0
    retry_after: str | None = None
    key: str | None = None
    models: tuple[str, ...] = ("m",)
    quota: tuple[int, float] | None = None
    most_at_once: int | None = None
    ietf: bool = False
    schemas: bool = True
    most_choices: int = 128
    seen: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    paid: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    url: str = ""

    def __post_init__(self) -> None:
        self._random = random.Random(0)
        self._failures: dict[str, int] = {}
        self._quota_left = float(self.quota[0]) if self.quota else 0.0
        self._quota_seen = 0.0
        self._connections: set[Connection] = set()
        self._thread: threading.Thread | None = None
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Be gone: nothing listens any more, open connections are closed."""
        if self._thread is not None and self._thread.is_alive():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(10)

    def _serve(self, ready: threading.Event) -> None:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(self.start())
        ready.set()
        loop.run_forever()
        assert self._server is not None
        self._server.close()
        for connection in list(self._connections):
            connection.transport.abort()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    async def start(self, port: int = 0) -> None:
        self.loop = asyncio.get_running_loop()
        self._server = await self.loop.create_server(lambda: Connection(self), "127.0.0.1", port)
        host, port = self._server.sockets[0].getsockname()[:2]
        self.url = f"http://{host}:{port}/v1"

    def receive(
        self, connection: Connection, method: str, path: str, headers: dict[str, str], raw: bytes
    ) -> None:
        """Answer a request, at once or later, with `connection.send`."""
        if path == "/stats":  # for those who started it as a process
            connection.send(reply({"seen": len(self.seen), "paid": self.paid, "in_flight": self.in_flight}))
            return
        if method != "POST" or path not in ("/v1/chat/completions", "/v1/completions"):
            connection.send(failure(404, f"no such page: {method} {path}", "not_found"))
            return
        body = json.loads(raw)
        self.seen.append(body)
        self.paths.append(path)
        self.arrivals.append(time.monotonic())
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        if self.most_at_once is not None and self.in_flight > self.most_at_once:
            self.in_flight -= 1
            self.statuses[429] = self.statuses.get(429, 0) + 1
            connection.send(failure(429, "Too many requests at once", "rate_limit_exceeded"))
            return
        slow = re.search(r"!slow=([\d.]+)", prompt_of(body))
        later = self.latency + (float(slow[1]) if slow else 0.0)
        self.loop.call_later(later, self._finish, connection, headers, body)

    def _finish(self, connection: Connection, headers: dict[str, str], body: dict[str, Any]) -> None:
        self.in_flight -= 1
        try:
            answer = self.admit(headers) or self.answer(body)
        except Exception:  # a fault of the test: its client should not wait for an answer
            traceback.print_exc()
            answer = failure(400, "the endpoint of the test failed", "broken")
        if self.quota:
            answer.headers |= self._quota_headers()
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        connection.send(answer)

    def admit(self, headers: dict[str, str]) -> Reply | None:
        """The refusal of a request by its key or the quota."""
        if self.key is not None and headers.get("authorization") != f"Bearer {self.key}":
            return failure(401, "Incorrect API key provided", "invalid_api_key")
        if self.quota:
            now, (requests, seconds) = time.monotonic(), self.quota
            earned = (now - self._quota_seen) * requests / seconds
            self._quota_left = min(float(requests), self._quota_left + earned)
            self._quota_seen = now
            if self._quota_left < 1:
                return failure(429, "Rate limit reached", "rate_limit_exceeded")
            self._quota_left -= 1
        return None

    def _quota_headers(self) -> dict[str, str]:
        assert self.quota
        requests, seconds = self.quota
        reset = (requests - self._quota_left) * seconds / requests
        if self.ietf:
            return {"RateLimit": f'"minute";r={int(self._quota_left)};t={max(1, round(reset))}'}
        return {
            "x-ratelimit-limit-requests": str(requests),
            "x-ratelimit-remaining-requests": str(int(self._quota_left)),
            "x-ratelimit-reset-requests": f"{int(reset * 1000)}ms" if reset < 1 else f"{reset:.3f}s",
        }

    def answer(self, body: dict[str, Any]) -> Reply:
        """The answer to a request that was let in."""
        if self.status != 200:
            return failure(self.status, "refused", "refused")
        if body.get("model") not in self.models:
            return failure(404, f"The model {body.get('model')!r} does not exist", "model_not_found")
        if not self.schemas and "response_format" in body:
            return failure(400, "response_format is not supported", "unsupported", param="response_format")
        if body.get("n", 1) > self.most_choices:
            return failure(400, f"n must be at most {self.most_choices}", "invalid_value", param="n")
        prompt = prompt_of(body)
        waiting = {} if self.retry_after is None else {"Retry-After": self.retry_after}
        if match := re.search(r"!status=(\d+)(?: x(\d+))?", prompt):
            done = self._failures.get(prompt, 0)
            if done < int(match[2] or 10**9):
                self._failures[prompt] = done + 1
                return failure(int(match[1]), "as asked", "fault", **waiting)
        drawn = self._random.random()
        if drawn < self.rate_429:
            return failure(429, "Rate limit reached", "rate_limit_exceeded", **waiting)
        if drawn < self.rate_429 + self.rate_500:
            return failure(500, "The server had an error", "server_error")
        if "!hangup" in prompt:
            return Reply(sent=-1)
        if "!malformed" in prompt:
            return Reply(body=b'{"choices": [{"mess')
        self.paid += 1
        wanted = re.search(r"!choices=(\d+)", prompt)
        choices = min(body.get("n", 1), int(wanted[1]) if wanted else 128)
        said = prompt[::-1] if self.text is None else self.text
        texts = [said + (f"#{number}" if number else "") for number in range(choices)]
        other = re.search(r"!model=(\S+)", prompt)
        document = {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": other[1] if other else body["model"],
            "choices": [] if "!empty" in prompt else [choice(body, *item) for item in enumerate(texts)],
            "usage": {
                "prompt_tokens": len(prompt),
                "completion_tokens": sum(map(len, texts)),
                "total_tokens": 0,
            },
        }
        whole = reply(document)
        if "!part" in prompt:
            whole.sent = len(whole.body) // 2
        return whole


def choice(body: dict[str, Any], index: int, text: str) -> dict[str, Any]:
    reason = "length" if "!cut" in prompt_of(body) else "stop"
    said = {"message": {"role": "assistant", "content": text}} if "messages" in body else {"text": text}
    return {"index": index, "finish_reason": reason, **said}


def prompt_of(body: dict[str, Any]) -> str:
    return str(body["messages"][-1]["content"] if "messages" in body else body["prompt"])


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive: one request after the other, bodies by length or in chunks."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._endpoint._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._endpoint._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
            found = _body(self._buffer, end + 4, headers)
            if found is None:
                return
            body, rest = found
            self._buffer = self._buffer[rest:]
            method, path, _ = first.split(" ", 2)
            self._endpoint.receive(self, method, path, headers, body)

    def send(self, answer: Reply) -> None:
        if self.transport.is_closing():
            return
        if answer.sent != -1:
            self.transport.write(answer.encoded())
        if answer.sent is not None:
            self.transport.close()


def _body(data: bytes, start: int, headers: dict[str, str]) -> tuple[bytes, int] | None:
    """The body that begins at `start`, and where the next request does; None if it is not all there."""
    if "chunked" not in headers.get("transfer-encoding", ""):
        end = start + int(headers.get("content-length", 0))
        return (data[start:end], end) if len(data) >= end else None
    body = b""
    while (line := data.find(b"\r\n", start)) >= 0:
        size = int(data[start:line], 16)
        end = line + 2 + size
        if len(data) < end + 2:
            return None
        body += data[line + 2 : end]
        start = end + 2
        if size == 0:
            return body, start
    return None


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--rate-429", type=float, default=0.0)
    parser.add_argument("--rate-500", type=float, default=0.0)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    endpoint = Endpoint(latency=options.latency, rate_429=options.rate_429, rate_500=options.rate_500)
    await endpoint.start(options.port)
    print(json.dumps({"url": endpoint.url}), flush=True)
    while True:
        await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run(main())

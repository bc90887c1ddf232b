"""A real OpenAI-compatible endpoint with faults, for tests and benchmarks.

It answers a chat completion with the reversed last message. Faults are drawn at set rates, or asked for in
the prompt: `!status=503 x2` fails twice before it answers, `!slow=2` waits, `!cut` ends with `length`,
`!malformed` sends no JSON, `!empty` sends no choices, `!hangup` closes the connection.

    python tests/engines/endpoint.py --latency 0.2 --rate-429 0.01 --rate-500 0.01     # prints its URL
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web


@dataclass
class Endpoint:
    """The server; use it as a context manager, it runs in a thread of its own."""

    latency: float = 0.0
    rate_429: float = 0.0
    rate_500: float = 0.0
    retry_after: str | None = None
    key: str | None = None
    models: tuple[str, ...] = ("m",)
    seen: list[dict[str, Any]] = field(default_factory=list)
    paid: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    url: str = ""

    def __post_init__(self) -> None:
        self._random = random.Random(0)
        self._failures: dict[str, int] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._loop is not None
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        runner = self._loop.run_until_complete(self.start())
        ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def start(self, port: int = 0) -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self.chat)
        app.router.add_post("/v1/completions", self.chat)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/v1"
        return runner

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.seen.append(body)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self.answer(request, body)
        finally:
            self.in_flight -= 1

    async def answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        await asyncio.sleep(self.latency)
        if self.key is not None and request.headers.get("Authorization") != f"Bearer {self.key}":
            return failure(401, "Incorrect API key provided", "invalid_api_key")
        if body.get("model") not in self.models:
            return failure(404, f"The model {body.get('model')!r} does not exist", "model_not_found")
        prompt = body["messages"][-1]["content"] if "messages" in body else body["prompt"]
        if match := re.search(r"!status=(\d+)(?: x(\d+))?", prompt):
            done = self._failures.get(prompt, 0)
            if done < int(match[2] or 10**9):
                self._failures[prompt] = done + 1
                return failure(int(match[1]), "as asked", "fault", retry_after=self.retry_after)
        drawn = self._random.random()
        if drawn < self.rate_429:
            return failure(429, "Rate limit reached", "rate_limit_exceeded", retry_after=self.retry_after)
        if drawn < self.rate_429 + self.rate_500:
            return failure(500, "The server had an error", "server_error")
        if match := re.search(r"!slow=([\d.]+)", prompt):
            await asyncio.sleep(float(match[1]))
        if "!hangup" in prompt:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if "!malformed" in prompt:
            return web.Response(text='{"choices": [{"mess', content_type="application/json")
        self.paid += 1
        reason = "length" if "!cut" in prompt else "stop"
        text = prompt[::-1]
        choice = {"index": 0, "finish_reason": reason}
        choice |= (
            {"message": {"role": "assistant", "content": text}} if "messages" in body else {"text": text}
        )
        return web.json_response(
            {
                "id": "x",
                "object": "chat.completion",
                "created": 0,
                "model": body["model"],
                "choices": [] if "!empty" in prompt else [choice],
                "usage": {"prompt_tokens": len(prompt), "completion_tokens": len(text), "total_tokens": 0},
            }
        )


def failure(status: int, message: str, code: str, *, retry_after: str | None = None) -> web.Response:
    headers = {"Retry-After": retry_after} if retry_after is not None else {}
    body = {"error": {"message": message, "type": code, "param": None, "code": code}}
    return web.json_response(body, status=status, headers=headers)


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

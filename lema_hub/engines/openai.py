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
from collections.abc import Iterable, Iterator
from pathlib import Path

from lema_hub.engines.endpoint import Address, Api, Endpoint
from lema_hub.engines.engine import Failure, Request, Response
from lema_hub.engines.pace import Rates, pace_of
from lema_hub.engines.pool import Pool
from lema_hub.engines.prices import price_of
from lema_hub.engines.turns import Turns


class OpenAIEngine:
    """Answers from an OpenAI-compatible endpoint.

    Args:
        model: The model's name at the endpoint.
        revision: A label of your own for the model's version, part of the ledger's key.
        base_url: The endpoint, ending in `/v1`; `OPENAI_BASE_URL` or OpenAI's own by default.
        rates: Requests and tokens per minute for this model, shared by all engines of the process.
        prices: A price list of your own (`lema_hub.engines.prices`).
        api, concurrency, samples_per_request, timeout, attempts, patience: See `Endpoint`.

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
        self.endpoint = Endpoint(
            model=model,
            address=Address.of(base_url),
            api=api,
            concurrency=concurrency,
            samples_per_request=samples_per_request,
            timeout=timeout,
            attempts=attempts,
            patience=patience,
            price=price_of(model, file=prices),
        )
        self.revision = revision
        self.pace = pace_of(self.endpoint.base_url, model, rates)

    @property
    def name(self) -> str:
        return "openai" if self.endpoint.api == "chat" else "openai-completions"

    @property
    def model(self) -> str:
        return self.endpoint.model

    def cost_bound(self, request: Request) -> float | None:
        """The most that a request can cost."""
        price = self.endpoint.price
        return price.cost(*self.endpoint.most_tokens(request)) if price else None

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Response | Failure]]:
        """Answer requests as they come; see `Engine.generate`."""
        with asyncio.Runner() as runner:  # cancels at its end what still runs
            turns = Turns(runner.get_loop())
            pool = Pool(self.endpoint, self.pace, enumerate(requests), wake=turns.end)
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

"""How the workers wait."""

from __future__ import annotations

import pytest

from lema_hub.engines import Request, Sampling
from lema_hub.engines.openai import OpenAIEngine
from lema_hub.engines.pool import _jitter, _least_pause
from lema_hub.errors import EngineError
from tests.endpoint import Endpoint


@pytest.mark.parametrize("asked", ["0", "-5", "nan", "1e-9"])
def test_pauses_grow_whatever_an_endpoint_asks_for(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    """It was asked as fast as it answered. Now rounds are counted, and the clock only ends the run."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    requests = [Request(prompt=f"{i}", sampling=Sampling()) for i in range(20)]
    with Endpoint(retry_after=asked, rate_429=1.0) as endpoint:
        engine = OpenAIEngine("m", base_url=endpoint.url, concurrency=8, patience=1.5)
        with pytest.raises(EngineError, match="nothing but 429"):
            list(engine.generate(requests))
    # Rounds at 0, 0.25, 0.75 and 1.75 s of at most 10 workers each.
    assert len(endpoint.seen) <= 4 * 10


def test_waits_are_bounded() -> None:
    assert [_least_pause(number) for number in (0, 1, 2, 3, 8, 10**6)] == [0.25, 0.25, 0.5, 1.0, 32.0, 60.0]
    assert all(0 <= _jitter(attempt) <= 60 for attempt in (1, 2, 10, 10**6))

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from lema_hub.engines import Failure, Ledger, Request, Response, Sampling
from lema_hub.engines.batch import BatchEngine
from lema_hub.engines.openai import OpenAIEngine
from lema_hub.errors import EngineError, InputError
from tests.endpoint import Endpoint
from tests.engines.batches import BatchEndpoint


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def ask(*prompts: str) -> list[Request]:
    return [Request(prompt=prompt, sampling=Sampling(max_tokens=9)) for prompt in prompts]


def batched(
    endpoint: BatchEndpoint, ledger: Path, *, most: int = 50_000, prices: Path | None = None
) -> BatchEngine:
    live = OpenAIEngine("m", base_url=endpoint.url, prices=prices)
    engine = BatchEngine(live, batch_requests=most, poll=0.01)
    engine.remember_beside(ledger)
    return engine


def run(
    engine: BatchEngine | OpenAIEngine, ledger: Path, requests: Sequence[Request]
) -> list[Response | Failure]:
    with Ledger(ledger) as opened:
        return opened.run(engine, requests, stage="s")


def test_a_batch_gives_what_live_requests_give_at_its_own_price(tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("- {model: m, input: 10, output: 20, batch: 0.5, date: 2026-11-01, source: test}\n")
    requests = ask(*(f"prompt {number}" for number in range(20)))
    with BatchEndpoint() as endpoint:
        live = OpenAIEngine("m", base_url=endpoint.url, prices=prices)
        alone = run(live, tmp_path / "live.sqlite", requests)
        engine = batched(endpoint, tmp_path / "l.sqlite", most=8, prices=prices)
        found = run(engine, tmp_path / "l.sqlite", requests)
        assert len(endpoint.batches) == 3
        posted = endpoint.seen
    assert sorted(map(str, posted[:20])) == sorted(map(str, posted[20:]))
    for one, other in zip(alone, found, strict=True):
        assert isinstance(one, Response)
        assert isinstance(other, Response)
        assert (one.text, one.prompt_tokens, one.completion_tokens) == (
            other.text,
            other.prompt_tokens,
            other.completion_tokens,
        )
        assert other.cost_usd == pytest.approx(one.cost_usd / 2)
    assert engine.cost_bound(requests[0]) == pytest.approx(live.cost_bound(requests[0]) / 2)
    assert not list(engine.folder.glob("*.jsonl"))


def test_the_ledger_does_not_know_the_mode(tmp_path: Path) -> None:
    ledger = tmp_path / "l.sqlite"
    with BatchEndpoint() as endpoint:
        run(OpenAIEngine("m", base_url=endpoint.url), ledger, ask("a", "b"))
        run(batched(endpoint, ledger), ledger, ask("a", "b", "c"))
        run(OpenAIEngine("m", base_url=endpoint.url), ledger, ask("a", "b", "c"))
        assert [body["messages"][0]["content"] for body in endpoint.seen] == ["a", "b", "c"]


def test_partial_failures_are_counted_by_reason_and_go_again(tmp_path: Path) -> None:
    ledger = tmp_path / "l.sqlite"
    prompts = ("a", "!status=400 x1", "!status=500 x1", "!empty", "!model=other")
    with BatchEndpoint() as endpoint:
        engine = batched(endpoint, ledger)
        first = run(engine, ledger, ask(*prompts))
        assert isinstance(first[0], Response)
        reasons = [answer.reason for answer in first[1:] if isinstance(answer, Failure)]
        assert reasons == ["bad_request", "server_error", "empty", "wrong_model"]
        again = run(engine, ledger, ask(*prompts))
        assert [isinstance(answer, Response) for answer in again] == [True, True, True, False, False]
        assert endpoint.paid == 3 + 2 * 2


def test_what_expired_is_kept_as_far_as_it_came_and_goes_again(tmp_path: Path) -> None:
    ledger = tmp_path / "l.sqlite"
    requests = ask(*"abcde")
    with BatchEndpoint(expire_after=2) as endpoint:
        first = run(batched(endpoint, ledger), ledger, requests)
        assert [isinstance(answer, Response) for answer in first] == [True, True, False, False, False]
        assert {answer.reason for answer in first if isinstance(answer, Failure)} == {"expired"}
        endpoint.expire_after = None
        assert all(
            isinstance(answer, Response) for answer in run(batched(endpoint, ledger), ledger, requests)
        )
        assert endpoint.paid == 5


def test_a_cancelled_batch_fails_its_requests(tmp_path: Path) -> None:
    ledger = tmp_path / "l.sqlite"
    with BatchEndpoint(cancelling=True) as endpoint:
        (answer,) = run(batched(endpoint, ledger), ledger, ask("a"))
        assert isinstance(answer, Failure)
        assert answer.reason == "cancelled"
        endpoint.cancelling = False
        assert isinstance(run(batched(endpoint, ledger), ledger, ask("a"))[0], Response)


def test_a_batch_that_is_not_valid_ends_the_run_with_its_words(tmp_path: Path) -> None:
    ledger = tmp_path / "l.sqlite"
    with BatchEndpoint(models=("other",)) as endpoint:
        with pytest.raises(EngineError, match=r"failed the batch \(no such model\); correct it"):
            run(batched(endpoint, ledger), ledger, ask("a"))
        assert endpoint.paid == 0
        endpoint.models = ("m",)
        assert isinstance(run(batched(endpoint, ledger), ledger, ask("a"))[0], Response)


def test_a_full_queue_is_waited_for(tmp_path: Path) -> None:
    ledger = tmp_path / "l.sqlite"
    requests = ask(*"abcdefgh")
    with BatchEndpoint(queue=4) as endpoint:
        found = run(batched(endpoint, ledger, most=3), ledger, requests)
        assert all(isinstance(answer, Response) for answer in found)
        assert endpoint.paid == 8
        with pytest.raises(EngineError, match="takes no more tokens into its queue"):
            run(batched(endpoint, ledger), ledger, ask(*"123456"))
        assert len(run(batched(endpoint, ledger, most=2), ledger, ask(*"12"))) == 2


def test_a_creation_whose_answer_is_lost_is_not_made_twice(tmp_path: Path) -> None:
    ledger = tmp_path / "l.sqlite"
    with BatchEndpoint(lost_creations=1) as endpoint:
        run(batched(endpoint, ledger), ledger, ask("a", "b"))
        assert (len(endpoint.batches), endpoint.paid) == (1, 2)


def test_what_an_endpoint_refuses_is_asked_without_it(tmp_path: Path) -> None:
    ledger = tmp_path / "l.sqlite"
    shaped = [Request(prompt=p, sampling=Sampling(), schema='{"type": "object"}') for p in "ab"]
    with BatchEndpoint(schemas=False) as endpoint:
        found = run(batched(endpoint, ledger), ledger, shaped)
        assert all(isinstance(answer, Response) for answer in found)
        assert len(endpoint.batches) == 2


def test_other_runs_answers_are_not_thrown_away(tmp_path: Path) -> None:
    """A run that wants a part of an open batch leaves the rest to the one that wants it."""
    ledger = tmp_path / "l.sqlite"
    with BatchEndpoint() as endpoint:
        engine = batched(endpoint, ledger)
        stream = engine.generate(ask(*"abcd"))
        next(stream)
        stream.close()  # nothing was committed
        run(engine, ledger, ask(*"ab"))
        assert list(engine.folder.glob("*.jsonl"))
        run(engine, ledger, ask(*"abcd"))
        assert endpoint.paid == 4
        assert not list(engine.folder.glob("*.jsonl"))


def test_two_processes_do_not_make_the_same_batch(tmp_path: Path) -> None:
    ledger = tmp_path / "l.sqlite"
    with BatchEndpoint() as endpoint:
        first = batched(endpoint, ledger).generate(ask("a", "b"))
        next(first)
        with pytest.raises(EngineError, match="another process works with"):
            run(batched(endpoint, ledger), ledger, ask("a", "b"))
        first.close()


def test_errors_are_one_line_from_the_packages_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import openai

    ledger = tmp_path / "l.sqlite"
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-0123456789")
    with BatchEndpoint(key="sk-right") as endpoint:
        with pytest.raises(EngineError, match=r"refused the key .*set OPENAI_API_KEY") as caught:
            run(batched(endpoint, ledger), ledger, ask("a"))
        assert isinstance(caught.value.__cause__, openai.AuthenticationError)
        assert "sk-wrong" not in str(caught.value)
        for file in ledger.parent.rglob("*"):
            assert file.is_dir() or b"sk-wrong" not in file.read_bytes()
    with pytest.raises(EngineError, match="ask through a ledger"):
        next(BatchEngine(OpenAIEngine("m")).generate(ask("a")))
    with pytest.raises(InputError, match="one sample per request"):
        BatchEngine(OpenAIEngine("m", samples_per_request=2))


def test_an_endpoint_without_a_batch_api_says_so(tmp_path: Path) -> None:
    ledger = tmp_path / "l.sqlite"
    with Endpoint() as endpoint:
        engine = BatchEngine(OpenAIEngine("m", base_url=endpoint.url), poll=0.01)
        with pytest.raises(EngineError, match=r"has no Batch API.*; take the mode live"):
            run(engine, ledger, ask("a"))


_CHILD = """
import sys
from pathlib import Path
from lema_hub.engines import Ledger, Request, Sampling
from lema_hub.engines.batch import BatchEngine
from lema_hub.engines.openai import OpenAIEngine
requests = [Request(prompt=f"p{i}", sampling=Sampling(max_tokens=9)) for i in range(60)]
path = Path(sys.argv[1])
with Ledger(path) as ledger:
    engine = BatchEngine(OpenAIEngine("m", base_url=sys.argv[2]), batch_requests=20, poll=0.05)
    ledger.run(engine, requests, stage="s")
"""


def _start(ledger: Path, endpoint: BatchEndpoint) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(ledger), endpoint.url],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.parametrize("moment", ["uploaded", "created", "polled", "fetching"])
def test_a_killed_run_finds_its_batches_again_and_pays_nothing_twice(tmp_path: Path, moment: str) -> None:
    ledger = tmp_path / "l.sqlite"
    moments = {
        "uploaded": lambda: endpoint.uploads >= 1,
        "created": lambda: len(endpoint.batches) == 2,
        "polled": lambda: endpoint.polls >= 3,
        "fetching": lambda: any(batch["status"] == "completed" for batch in endpoint.batches.values()),
    }
    with BatchEndpoint(step=0.1) as endpoint:
        child = _start(ledger, endpoint)
        while not moments[moment]():
            assert child.poll() is None
            time.sleep(0.001)
        child.kill()
        child.communicate()
        requests = ask(*(f"p{number}" for number in range(60)))
        found = run(batched(endpoint, ledger, most=20), ledger, requests)
        assert [a.text for a in found if isinstance(a, Response)] == [r.prompt[::-1] for r in requests]
        assert endpoint.paid == 60


def test_ctrl_c_says_that_the_batches_go_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ledger = tmp_path / "l.sqlite"
    with BatchEndpoint(step=1.0) as endpoint:
        child = _start(ledger, endpoint)
        while endpoint.polls < 2:
            assert child.poll() is None
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        sent = time.monotonic()
        _, said = child.communicate(timeout=10)
        assert time.monotonic() - sent < 3
        assert "3 batches are running at" in said
        assert "the same command continues and fetches the answers" in said
        assert "KeyboardInterrupt" in said
    assert logging.getLogger("lema_hub.engines.batch").level == logging.NOTSET

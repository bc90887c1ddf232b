from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from lema_hub.engines import Failure, Ledger, Request, Response, Sampling
from lema_hub.engines import pool as module
from lema_hub.engines.ledger import request_key
from lema_hub.engines.openai import OpenAIEngine
from lema_hub.errors import BudgetError, EngineError, InputError

from .endpoint import Endpoint


@pytest.fixture(autouse=True)
def _no_key_and_short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setattr(module, "_jitter", lambda attempt: 0.001 * attempt)


def ask(prompts: Sequence[str], **sampling: object) -> list[Request]:
    return [Request(prompt=p, sampling=Sampling(**sampling)) for p in prompts]  # type: ignore[arg-type]


def answers(engine: OpenAIEngine, requests: Sequence[Request]) -> list[Response | Failure]:
    found = dict(engine.generate(requests))
    assert sorted(found) == list(range(len(requests)))
    return [found[i] for i in range(len(requests))]


def test_answers_carry_text_tokens_and_finish_reason() -> None:
    with Endpoint() as endpoint:
        engine = OpenAIEngine("m", base_url=endpoint.url)
        first, cut = answers(engine, ask(["abc", "!cut"]))
    assert first == Response(text="cba", finish_reason="stop", prompt_tokens=3, completion_tokens=3)
    assert isinstance(cut, Response)
    assert cut.finish_reason == "length"


def test_the_request_is_what_was_asked_for() -> None:
    sampling = Sampling(temperature=0.7, top_p=0.9, max_tokens=7, stop=("\nQ:",), seed=5)
    request = Request(prompt="p", sampling=sampling, index=2, system="s", problem_id="secret")
    with Endpoint() as endpoint:
        answers(OpenAIEngine("m", base_url=endpoint.url), [request])
        answers(OpenAIEngine("m", base_url=endpoint.url, api="completions"), [request])
    chat, plain = endpoint.seen
    assert chat == {
        "model": "m", "temperature": 0.7, "top_p": 0.9, "max_tokens": 7, "stop": ["\nQ:"], "seed": 7,
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "p"}],
    }  # fmt: skip
    assert plain["prompt"] == "s\n\np"
    assert "messages" not in plain


def test_concurrency_is_used_and_bounded() -> None:
    with Endpoint(latency=0.05) as endpoint:
        engine = OpenAIEngine("m", base_url=endpoint.url, concurrency=8)
        start = time.monotonic()
        answers(engine, ask([str(i) for i in range(40)]))
    assert endpoint.most_in_flight == 8
    assert time.monotonic() - start < 40 * 0.05 / 2


def test_requests_are_drawn_only_as_they_are_sent() -> None:
    drawn = 0

    def requests():  # type: ignore[no-untyped-def]
        nonlocal drawn
        for request in ask([str(i) for i in range(30)]):
            drawn += 1
            yield request

    with Endpoint(latency=0.02) as endpoint:
        engine = OpenAIEngine("m", base_url=endpoint.url, concurrency=4)
        for done, _ in enumerate(engine.generate(requests()), start=1):
            assert drawn <= done + 8  # those in flight, and those that finished together


@pytest.mark.parametrize("status", [500, 502, 503, 408, 429])
def test_what_can_pass_is_tried_again(status: int) -> None:
    with Endpoint() as endpoint:
        (answer,) = answers(OpenAIEngine("m", base_url=endpoint.url), ask([f"!status={status} x3"]))
    assert isinstance(answer, Response)
    assert len(endpoint.seen) == 4


def test_a_429_costs_no_attempt_but_a_500_does() -> None:
    with Endpoint() as endpoint:
        engine = OpenAIEngine("m", base_url=endpoint.url, attempts=3)
        limited, broken = answers(engine, ask(["!status=429 x9", "!status=500 x9"]))
    assert isinstance(limited, Response)
    assert broken == Failure(reason="server_error", detail="500: as asked")
    assert sum(body["messages"][0]["content"].startswith("!status=500") for body in endpoint.seen) == 3


def test_retry_after_pauses_the_whole_pool() -> None:
    prompts = ["!status=429 x1", *(f"{i}" for i in range(20))]
    with Endpoint(latency=0.01, retry_after="0.5") as endpoint:
        engine = OpenAIEngine("m", base_url=endpoint.url, concurrency=2)
        start = time.monotonic()
        found = answers(engine, ask(prompts))
    assert all(isinstance(answer, Response) for answer in found)
    assert time.monotonic() - start > 0.5
    assert len(endpoint.seen) == 22


def test_nothing_but_429_ends_the_run() -> None:
    with Endpoint() as endpoint, pytest.raises(EngineError, match=r"nothing but 429 for 0\.2 s; lower"):
        answers(OpenAIEngine("m", base_url=endpoint.url, patience=0.2), ask(["!status=429"]))


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("!malformed", "malformed"),
        ("!empty", "empty"),
        ("!hangup", "broken"),
        ("!part", "broken"),
        ("!slow=5", "timeout"),
    ],
)
def test_broken_answers_fail_by_their_reason_and_spare_the_others(prompt: str, reason: str) -> None:
    with Endpoint() as endpoint:
        engine = OpenAIEngine("m", base_url=endpoint.url, attempts=2, timeout=0.5, concurrency=1)
        good, broken, after = answers(engine, ask(["a", prompt, "b"]))
    assert isinstance(good, Response)
    assert isinstance(after, Response)
    assert isinstance(broken, Failure)
    assert broken.reason == reason
    assert len(endpoint.seen) == 4


def test_a_prompt_that_is_too_long_fails_alone() -> None:
    with Endpoint() as endpoint:
        engine = OpenAIEngine("m", base_url=endpoint.url)
        good, bad = answers(engine, ask(["a", "!status=400"]))
    assert isinstance(good, Response)
    assert bad == Failure(reason="bad_request", detail="400: as asked")


@pytest.mark.parametrize(
    ("url", "model", "message"),
    [
        (
            "http://127.0.0.1:9/v1",
            "m",
            r"^no answer from http://127.0.0.1:9/v1 .*; start the server or correct",
        ),
        (None, "unknown", r"does not know 'unknown' .*; check model and base URL$"),
    ],
)
def test_what_cannot_pass_ends_the_run_in_one_line(url: str | None, model: str, message: str) -> None:
    with Endpoint() as endpoint, pytest.raises(EngineError, match=message) as caught:
        answers(OpenAIEngine(model, base_url=url or endpoint.url), ask(["a", "b"]))
    assert "\n" not in str(caught.value)


def test_a_wrong_key_is_named_but_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-0123456789")
    with Endpoint(key="sk-right") as endpoint:
        engine = OpenAIEngine("m", base_url=endpoint.url)
        with pytest.raises(EngineError, match=r"refused the key .*set OPENAI_API_KEY") as caught:
            answers(engine, ask(["a"]))
        assert "sk-wrong" not in str(caught.value)
        assert "sk-wrong" not in repr(vars(engine))
        monkeypatch.setenv("OPENAI_API_KEY", "sk-right")
        assert isinstance(answers(engine, ask(["a"]))[0], Response)


def test_openai_itself_needs_a_key() -> None:
    with pytest.raises(EngineError, match="needs a key; set OPENAI_API_KEY"):
        answers(OpenAIEngine("gpt-4"), ask(["a"]))


def test_a_setting_that_the_endpoint_refuses_ends_the_run_with_its_words() -> None:
    prompts = [f"!status=400 {i}" for i in range(30)]
    with Endpoint() as endpoint, pytest.raises(EngineError, match=r"refuses every request \(400: as asked"):
        answers(OpenAIEngine("m", base_url=endpoint.url, concurrency=2), ask(prompts))
    assert len(endpoint.seen) < 15


def test_prices_give_costs_and_bounds(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text("- {model: m, input: 1000000, output: 2000000, date: 2026-11-01, source: test}\n")
    with Endpoint() as endpoint:
        engine = OpenAIEngine("m", base_url=endpoint.url, prices=file)
        (answer,) = answers(engine, ask(["abc"], max_tokens=10))
    assert isinstance(answer, Response)
    assert answer.cost_usd == 3 + 2 * 3
    bound = engine.cost_bound(ask(["abc"], max_tokens=10)[0])
    assert bound is not None
    assert answer.cost_usd <= bound
    assert OpenAIEngine("m").cost_bound(ask(["abc"])[0]) is None
    assert OpenAIEngine("gpt-4").price is not None
    file.write_text("- {model: m}\n")
    with pytest.raises(InputError, match="is no price list"):
        OpenAIEngine("m", prices=file)


def test_a_budget_is_spent_as_far_as_it_goes_and_never_exceeded(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text("- {model: m, input: 1000, output: 1000, date: 2026-11-01, source: test}\n")
    requests = ask([f"{i:03d}" for i in range(100)], max_tokens=100)
    with Endpoint(latency=0.005) as endpoint, Ledger(tmp_path / "l.sqlite") as ledger:
        engine = OpenAIEngine("m", base_url=endpoint.url, prices=file, concurrency=16)
        bound = engine.cost_bound(requests[0])
        assert bound is not None
        budget = 2.5 * bound
        with pytest.raises(BudgetError, match="requests are open; raise the budget"):
            ledger.run(engine, requests, stage="s", budget_usd=budget)
        assert budget - bound < ledger.cost() <= budget
        done = ledger.totals()[0].responses
        assert endpoint.paid == done
        assert len(ledger.run(engine, requests, stage="s", budget_usd=100.0)) == 100
        assert endpoint.paid == 100


_CHILD = """
import sys
from pathlib import Path
from lema_hub.engines import Ledger, Request, Sampling
from lema_hub.engines.openai import OpenAIEngine
requests = [Request(prompt=f"p{i}", sampling=Sampling()) for i in range(300)]
with Ledger(Path(sys.argv[1])) as ledger:
    ledger.run(OpenAIEngine("m", base_url=sys.argv[2], concurrency=8), requests, stage="s")
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_goes_on_where_it_was(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "l.sqlite"
    requests = [Request(prompt=f"p{i}", sampling=Sampling()) for i in range(300)]
    with Endpoint(latency=0.05, rate_500=0.02) as endpoint:
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(path), endpoint.url],
            stderr=subprocess.PIPE,
            env=os.environ,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's `&` ignores it
        )
        while endpoint.paid < 100:
            time.sleep(0.01)
            assert child.poll() is None
        child.send_signal(number)
        sent = time.monotonic()
        child.communicate(timeout=10)
        assert time.monotonic() - sent < 3
        with Ledger(path) as ledger:
            kept = ledger.totals()[0].responses
            assert endpoint.paid - kept <= 8 + 8  # in flight, and answered while the last one was committed
            found = ledger.run(OpenAIEngine("m", base_url=endpoint.url, concurrency=8), requests, stage="s")
            assert [a.text for a in found if isinstance(a, Response)] == [r.prompt[::-1] for r in requests]
            assert ledger.totals()[0].responses == 300
    assert endpoint.paid <= 300 + 16


def test_a_schema_is_posted_strictly_and_part_of_the_key_only_when_set() -> None:
    schema = '{"properties": {"step": {"type": "integer"}}, "type": "object"}'
    plain = Request(prompt="p", sampling=Sampling())
    shaped = Request(prompt="p", sampling=Sampling(), schema=schema)
    with Endpoint() as endpoint:
        engine = OpenAIEngine("m", base_url=endpoint.url)
        answers(engine, [plain])
        answers(engine, [shaped])
    assert "response_format" not in endpoint.seen[0]
    assert endpoint.seen[1]["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": json.loads(schema)},
    }
    assert request_key(engine, plain) != request_key(engine, shaped)
    # A ledger of version 0.1 finds its answers.
    assert request_key(engine, plain) == "41edbdc1f1040be6270cae6cfe3260d27765d68a60942849dc8b771945a379de"

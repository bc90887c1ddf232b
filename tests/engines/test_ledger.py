from __future__ import annotations

import math
import multiprocessing
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import Any

import pytest

from lema_hub.engines import Failure, Ledger, Request, Response, Sampling
from lema_hub.engines.ledger_contents import LedgerContents, Selection
from lema_hub.engines.openai import OpenAIEngine
from lema_hub.errors import BudgetError, EngineError, InputError
from tests.endpoint import Endpoint, Reply, reply


class Echo:
    """An engine that answers with the prompt and keeps count of what it was sent."""

    name = "echo"
    revision = None

    def __init__(self, model: str = "m", *, price: float | None = 0.01, die_at: int | None = None) -> None:
        self.model, self.price, self.die_at = model, price, die_at
        self.sent: list[str] = []
        self.failing: set[str] = set()

    def cost_bound(self, request: Request) -> float | None:
        return None if self.price is None else 2 * self.price

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Response | Failure]]:
        for position, request in enumerate(requests):
            if self.die_at == len(self.sent):
                raise EngineError("the server is gone; start it again")
            self.sent.append(request.prompt)
            if request.prompt in self.failing:
                yield position, Failure(reason="timeout", detail="60 s")
            else:
                text = f"{request.prompt}#{request.index}@{len(self.sent)}"
                yield (
                    position,
                    Response(
                        text=text,
                        finish_reason="stop",
                        prompt_tokens=3,
                        completion_tokens=2,
                        cost_usd=self.price,
                    ),
                )


def ask(prompts: str, **sampling: object) -> list[Request]:
    return [Request(prompt=p, sampling=Sampling(**sampling)) for p in prompts]  # type: ignore[arg-type]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened


def test_what_is_answered_is_never_sent_again(ledger: Ledger) -> None:
    engine = Echo()
    first = ledger.run(engine, ask("abc"), stage="s")
    again = ledger.run(engine, ask("cbad"), stage="s")
    assert engine.sent == ["a", "b", "c", "d"]
    assert again[:3] == first[::-1]
    assert ledger.pending(engine, ask("abce")) == ask("e")


def test_the_key_is_everything_that_decides_the_text(ledger: Ledger) -> None:
    engine = Echo()
    request = Request(prompt="a", sampling=Sampling())
    variants = [
        request,
        Request(prompt="a", sampling=Sampling(), index=1),
        Request(prompt="a", sampling=Sampling(), system="s"),
        Request(prompt="a", sampling=Sampling(temperature=0.1)),
        Request(prompt="a", sampling=Sampling(stop=("x",))),
        Request(prompt="a", sampling=Sampling(seed=1)),
    ]
    ledger.run(engine, variants, stage="s")
    assert len(engine.sent) == len(variants)
    ledger.run(engine, [Request(prompt="a", sampling=Sampling(), problem_id="p")], stage="other")
    assert len(engine.sent) == len(variants)
    other = Echo("another model")
    ledger.run(other, variants[:1], stage="s")
    assert other.sent == ["a"]


def test_equal_requests_are_sent_once(ledger: Ledger) -> None:
    engine = Echo()
    answers = ledger.run(engine, ask("aba"), stage="s")
    assert engine.sent == ["a", "b"]
    assert answers[0] == answers[2] != answers[1]


def test_answers_survive_the_death_of_the_engine(ledger: Ledger) -> None:
    with pytest.raises(EngineError, match="server is gone"):
        ledger.run(Echo(die_at=3), ask("abcde"), stage="s")
    engine = Echo()
    ledger.run(engine, ask("abcde"), stage="s")
    assert engine.sent == ["d", "e"]


def test_failures_are_counted_by_reason_and_tried_again(ledger: Ledger) -> None:
    engine = Echo()
    engine.failing = {"b"}
    answers = ledger.run(engine, ask("abc"), stage="s")
    assert answers[1] == Failure(reason="timeout", detail="60 s")
    assert ledger.failures() == {"timeout": 1}
    engine.failing = set()
    assert isinstance(ledger.run(engine, ask("abc"), stage="s")[1], Response)
    assert engine.sent == ["a", "b", "c", "b"]
    assert ledger.failures() == {}


def test_totals_are_summed_per_stage_and_model(ledger: Ledger) -> None:
    ledger.run(Echo("x"), ask("ab"), stage="sample")
    broken = Echo("x")
    broken.failing = {"c"}
    ledger.run(broken, ask("c"), stage="sample")
    ledger.run(Echo("y", price=None), ask("a"), stage="correct")
    correct, sample = ledger.totals()
    assert (correct.stage, correct.model, correct.responses, correct.cost_usd) == ("correct", "y", 1, None)
    assert (sample.responses, sample.failures, sample.prompt_tokens, sample.completion_tokens) == (2, 1, 6, 4)
    assert sample.cost_usd == pytest.approx(0.02)


def test_a_budget_stops_before_the_request_that_could_exceed_it(ledger: Ledger) -> None:
    engine = Echo(price=0.01)  # each request is bounded by 0.02 and costs 0.01
    with pytest.raises(BudgetError, match=r"\$0\.0300 is spent, 2 of 5 requests are open"):
        ledger.run(engine, ask("abcde"), stage="s", budget_usd=0.045)
    assert engine.sent == ["a", "b", "c"]
    with pytest.raises(BudgetError):  # the budget is one for all runs on this ledger
        ledger.run(engine, ask("abcde"), stage="s", budget_usd=0.045)
    assert engine.sent == ["a", "b", "c"]
    assert len(ledger.run(engine, ask("abcde"), stage="s", budget_usd=1.0)) == 5
    assert engine.sent == ["a", "b", "c", "d", "e"]


def test_a_budget_without_a_price_is_refused_before_anything_is_sent(ledger: Ledger) -> None:
    engine = Echo(price=None)
    with pytest.raises(BudgetError, match="'m' has no known price"):
        ledger.run(engine, ask("a"), stage="s", budget_usd=1.0)
    assert engine.sent == []


def test_progress_is_told_of_every_answer(ledger: Ledger) -> None:
    ledger.run(Echo(), ask("ab"), stage="s")
    seen: list[tuple[int, int]] = []
    ledger.run(Echo(), ask("abcd"), stage="s", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(2, 4), (3, 4), (4, 4)]


def _share(path: Path, start: Barrier, out: Queue[list[str]]) -> None:
    start.wait()
    requests = [Request(prompt=str(i), sampling=Sampling()) for i in range(150)]
    with Ledger(path) as ledger:
        answers = ledger.run(Echo(), requests, stage="s")
    out.put([answer.text for answer in answers if isinstance(answer, Response)])


def test_processes_share_a_file_and_agree_on_every_answer(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    start, out = context.Barrier(3), context.Queue()
    workers = [context.Process(target=_share, args=(tmp_path / "l.sqlite", start, out)) for _ in range(3)]
    for worker in workers:
        worker.start()
    results = [out.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert len(results[0]) == 150
    assert results[0] == results[1] == results[2]
    with Ledger(tmp_path / "l.sqlite") as ledger:
        assert ledger.totals()[0].responses == 150


def _keep_asking(path: Path, start: Barrier, enough: Event, asked: Queue[int]) -> None:
    start.wait()
    index = 0
    with Ledger(path) as ledger:
        while not enough.is_set():  # many samples of few prompts: their rows come and go under this process
            requests = [Request(prompt=p, sampling=Sampling(), index=index) for p in "abc"]
            assert len(ledger.run(Echo(), requests, stage="s")) == 3
            index += 1
    asked.put(index)


def test_pruning_beside_running_processes_breaks_nothing(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    Ledger(path).close()
    context = multiprocessing.get_context("fork")
    start, enough, asked = context.Barrier(3), context.Event(), context.Queue()
    workers = [context.Process(target=_keep_asking, args=(path, start, enough, asked)) for _ in range(2)]
    for worker in workers:
        worker.start()
    start.wait()
    removed = 0
    with LedgerContents(path) as contents:
        deadline = time.monotonic() + 60
        while removed < 200 and time.monotonic() < deadline:
            removed += contents.prune(Selection(stage="s")).responses
        enough.set()
        rounds = max(asked.get(timeout=60) for _ in workers)
        for worker in workers:
            worker.join()
        left = list(contents.entries(Selection()))
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert removed + len(left) >= 3 * rounds
    assert removed >= 200
    assert {entry.prompt for entry in left} <= {"a", "b", "c"}  # none has lost its prompt
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_file_that_is_no_ledger_is_said_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes, and no database at all " * 40)
    with pytest.raises(InputError, match="cannot be opened as a ledger"):
        Ledger(path)


class Sloppy(Endpoint):
    """Bills every post, and tells its tokens as `usage`, or spoils its answers as `body` says."""

    usage: object = None
    spoiled: dict[str, object] | None = None

    def answer(self, body: dict[str, object]) -> Reply:
        self.paid += 1
        choice = {"index": 0, "finish_reason": "stop", "message": {"content": "12"}}
        document = {"model": "m", "choices": [choice], "usage": self.usage}
        return reply(document if self.spoiled is None else document | self.spoiled)


@pytest.mark.parametrize(
    ("usage", "spoiled"),
    [
        (None, None),
        ({}, None),
        ("many", None),
        ({"prompt_tokens": 0, "completion_tokens": 0}, None),
        ({"prompt_tokens": -1000, "completion_tokens": -1000}, None),
        ({"prompt_tokens": 67, "completion_tokens": -1}, None),
        ({"prompt_tokens": 2.5, "completion_tokens": True}, None),
        ({"prompt_tokens": 10**12, "completion_tokens": 10**12}, None),
        (None, {"choices": []}),
        (None, {"choices": None}),
        (None, {"model": "another"}),
        (None, {"choices": [{"finish_reason": "content_filter", "message": {"content": ""}}]}),
        ({"prompt_tokens": 10**30, "completion_tokens": 1}, None),
    ],
)
def test_a_budget_is_hard_whatever_an_endpoint_says_of_its_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, usage: object, spoiled: dict[str, object] | None
) -> None:
    monkeypatch.setattr("lema_hub.engines.pool._jitter", lambda attempt: 0.001 * attempt)
    prices = tmp_path / "prices.yaml"
    prices.write_text("- {model: m, input: 1000, output: 1000, date: 2026-11-01, source: test}\n")
    requests = [Request(prompt=f"{i:03d}", sampling=Sampling(max_tokens=9)) for i in range(60)]
    with Sloppy() as endpoint, Ledger(tmp_path / "l.sqlite") as opened:
        endpoint.usage, endpoint.spoiled = usage, spoiled
        engine = OpenAIEngine("m", base_url=endpoint.url, prices=prices, concurrency=8)
        bound = engine.cost_bound(requests[0])
        assert bound is not None
        for _ in range(3):  # it is one budget for all runs
            with suppress(EngineError):
                opened.run(engine, requests, stage="s", budget_usd=10.5 * bound)
        assert endpoint.paid <= 10
        assert 0 < opened.cost() <= 10.5 * bound


def test_what_failing_attempts_cost_stays_with_the_answer_that_came_of_them(ledger: Ledger) -> None:
    class Paid(Echo):
        def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Response | Failure]]:
            for position, answer in super().generate(requests):
                if len(self.sent) <= 3:
                    yield position, Failure(reason="malformed", detail="", cost_usd=0.02, again=True)
                else:
                    yield position, answer

    engine = Paid()
    (answer,) = ledger.run(engine, ask("a"), stage="s")
    assert isinstance(answer, Response)
    assert answer.cost_usd == pytest.approx(3 * 0.02 + 0.01)
    assert len(engine.sent) == 4
    assert ledger.cost() == pytest.approx(0.07)
    assert ledger.run(engine, ask("a"), stage="s") == [answer]
    engine.sent.clear()
    engine.sent.extend("---")
    failing = Paid("other")
    with pytest.raises(BudgetError):
        ledger.run(failing, ask("b"), stage="s", budget_usd=0.07 + 0.05)
    assert len(failing.sent) == 2
    assert ledger.cost() == pytest.approx(0.11)
    assert [stage.cost_usd for stage in ledger.totals()] == [pytest.approx(0.07), pytest.approx(0.04)]


@pytest.mark.parametrize(
    "odd",
    [
        {"prompt_tokens": -1},
        {"completion_tokens": 10**30},
        {"cost_usd": -0.5},
        {"cost_usd": math.nan},
        {"text": "half \ud800"},
        {"finish_reason": "\udfff"},
    ],
)
def test_an_answer_that_cannot_be_stored_is_a_counted_failure(ledger: Ledger, odd: dict[str, Any]) -> None:
    class Odd(Echo):
        def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Response | Failure]]:
            for position, answer in super().generate(requests):
                assert isinstance(answer, Response)
                yield position, replace(answer, **odd) if "a" in answer.text else answer

    first, second = ledger.run(Odd(), ask("ab"), stage="s")
    assert isinstance(first, Failure)
    assert isinstance(second, Response)
    assert ledger.failures() == {"malformed": 1}
    assert ledger.cost() >= 0.01


def test_no_engine_can_store_a_secret(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "plain-secret-0123")
    (answer,) = ledger.run(Echo(), [Request(prompt="plain-secret-0123", sampling=Sampling())], stage="s")
    assert isinstance(answer, Response)
    assert answer.text == "[redacted]#0@1"
    with LedgerContents(ledger.path) as contents:
        assert [entry.text for entry in contents.entries(Selection())] == ["[redacted]#0@1"]

from __future__ import annotations

import itertools
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import openai
import pytest

from lema_hub.engines import Failure, Ledger, Request, Response, Sampling
from lema_hub.engines import pool as module
from lema_hub.engines.ledger import request_key
from lema_hub.engines.openai import OpenAIEngine
from lema_hub.engines.pace import Rates
from lema_hub.engines.refusals import Refusal
from lema_hub.errors import BudgetError, EngineError, InputError
from tests.endpoint import Endpoint


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
    assert OpenAIEngine("gpt-4").endpoint.price is not None
    file.write_text("- {model: m}\n")
    with pytest.raises(InputError, match="is not a price list"):
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


def samples(prompt: str, count: int) -> list[Request]:
    return [Request(prompt=prompt, sampling=Sampling(temperature=0.7, seed=3), index=i) for i in range(count)]


def test_samples_of_one_prompt_go_in_one_post() -> None:
    requests = [*samples("abc", 5), *samples("xy", 2), *ask(["z"])]
    with Endpoint() as endpoint:
        engine = OpenAIEngine("m", base_url=endpoint.url, samples_per_request=3, concurrency=1)
        found = answers(engine, requests)
    texts = [answer.text for answer in found if isinstance(answer, Response)]
    assert texts == ["cba", "cba#1", "cba#2", "cba", "cba#1", "yx", "yx#1", "z"]
    assert [body.get("n", 1) for body in endpoint.seen] == [3, 2, 2, 1]
    assert [body.get("seed") for body in endpoint.seen] == [3, 6, 3, None]
    # The prompt of a post is paid once.
    assert sum(a.prompt_tokens for a in found if isinstance(a, Response)) == 3 + 3 + 2 + 1
    assert sum(a.completion_tokens for a in found if isinstance(a, Response)) == sum(map(len, texts))


def test_fewer_choices_than_asked_for_are_asked_for_again() -> None:
    with Endpoint() as endpoint:
        engine = OpenAIEngine("m", base_url=endpoint.url, samples_per_request=4, attempts=2)
        found = answers(engine, samples("ab!choices=1", 4))
    assert all(isinstance(answer, Response) for answer in found)
    assert [body.get("n", 1) for body in endpoint.seen] == [4, 3, 2, 1]


def test_an_endpoint_that_knows_no_samples_is_asked_one_by_one() -> None:
    with Endpoint(most_choices=1) as endpoint:
        engine = OpenAIEngine("m", base_url=endpoint.url, samples_per_request=4, concurrency=1)
        found = answers(engine, [*samples("ab", 4), *samples("cd", 4)])
    assert all(isinstance(answer, Response) for answer in found)
    assert [body.get("n", 1) for body in endpoint.seen] == [4] + [1] * 8


def test_an_endpoint_that_knows_no_schema_is_asked_for_plain_text_once_and_for_all() -> None:
    requests = [Request(prompt=p, sampling=Sampling(), schema='{"type": "object"}') for p in "abcdef"]
    with Endpoint(schemas=False) as endpoint:
        found = answers(OpenAIEngine("m", base_url=endpoint.url, concurrency=1), requests)
    assert all(isinstance(answer, Response) for answer in found)
    assert ["response_format" in body for body in endpoint.seen] == [True] + [False] * 6


def test_the_window_narrows_to_what_the_endpoint_bears() -> None:
    """Without it, this takes ten times as many 429s."""
    with Endpoint(latency=0.02, most_at_once=4) as endpoint:
        found = answers(
            OpenAIEngine("m", base_url=endpoint.url, concurrency=32), ask([str(i) for i in range(200)])
        )
    assert all(isinstance(answer, Response) for answer in found)
    assert endpoint.statuses[429] < 200


@pytest.mark.parametrize("ietf", [False, True])
def test_rate_limit_headers_slow_the_pool_before_429s_come(ietf: bool) -> None:
    with Endpoint(quota=(20, 1.0), ietf=ietf, latency=0.01) as endpoint:
        engine = OpenAIEngine("m", base_url=endpoint.url, concurrency=8)
        start = time.monotonic()
        found = answers(engine, ask([str(i) for i in range(50)]))
        seconds = time.monotonic() - start
    assert all(isinstance(answer, Response) for answer in found)
    assert endpoint.statuses.get(429, 0) <= 2
    assert seconds < 6  # 30 more than the quota, at 20 a second, or at the second that the draft rounds to


def test_rates_are_kept_by_all_engines_of_a_model() -> None:
    with Endpoint() as endpoint:
        limited = OpenAIEngine("m", base_url=endpoint.url, rates=Rates(requests_per_minute=1200))
        other = OpenAIEngine("m", base_url=endpoint.url)
        answers(limited, ask([str(i) for i in range(10)]))
        answers(other, ask([str(i) for i in range(10)]))
    spans = [later - earlier for earlier, later in itertools.pairwise(endpoint.arrivals)]
    assert (
        sum(spans) > 0.75
    )  # 19 times 50 ms, less what the first post took to connect; apart it would be half


def test_an_answer_of_another_model_fails_alone_or_ends_the_run() -> None:
    prompts = [f"{i}" for i in range(6)]
    with Endpoint() as endpoint:
        engine = OpenAIEngine("m", base_url=endpoint.url)
        dated, other, *_ = answers(engine, ask(["a!model=m-2026-01-31", "b!model=m-mini ", *prompts]))
        assert isinstance(dated, Response)
        assert other == Failure(reason="wrong_model", detail="'m' was asked, 'm-mini' answered")
        with pytest.raises(EngineError, match=r"answers as another model .* name the one that it serves"):
            answers(engine, ask([f"{i} !model=x" for i in range(30)]))


def test_a_key_that_is_revoked_in_mid_run_loses_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-live-0123456789")
    requests = ask([str(i) for i in range(200)])
    with Endpoint(key="sk-live-0123456789", latency=0.01) as endpoint:
        revoke = threading.Thread(
            target=_when_paid, args=(endpoint, 60, lambda: setattr(endpoint, "key", "sk-new"))
        )
        revoke.start()
        with Ledger(tmp_path / "l.sqlite") as ledger:
            engine = OpenAIEngine("m", base_url=endpoint.url, concurrency=8)
            with pytest.raises(EngineError, match=r"refused the key \(401: .*set OPENAI_API_KEY") as caught:
                ledger.run(engine, requests, stage="s")
            revoke.join()
            assert ledger.totals()[0].responses == endpoint.paid
            monkeypatch.setenv("OPENAI_API_KEY", "sk-new")
            assert len(ledger.run(engine, requests, stage="s")) == 200
        assert endpoint.paid == 200
    cause = caught.value.__cause__
    assert isinstance(cause, openai.AuthenticationError)
    assert cause.code == "invalid_api_key"
    told = [str(caught.value), repr(cause), caplog.text, repr(vars(engine)), str(cause.body)]
    told += [file.read_bytes().decode("latin-1") for file in tmp_path.iterdir()]
    assert not [text for text in told if "sk-live" in text or "sk-new" in text]


def test_an_endpoint_that_dies_in_mid_run_ends_it_and_loses_nothing(tmp_path: Path) -> None:
    requests = ask([str(i) for i in range(200)])
    with Endpoint(latency=0.01) as endpoint, Ledger(tmp_path / "l.sqlite") as ledger:
        death = threading.Thread(target=_when_paid, args=(endpoint, 60, endpoint.stop))
        death.start()
        engine = OpenAIEngine("m", base_url=endpoint.url, concurrency=8)
        with pytest.raises(
            EngineError, match=r"^no answer from .* answers are kept: start the server"
        ) as caught:
            ledger.run(engine, requests, stage="s")
        death.join()
        assert isinstance(caught.value.__cause__, openai.APIConnectionError)
        assert "\n" not in str(caught.value)
        assert endpoint.paid - 8 <= ledger.totals()[0].responses <= endpoint.paid


def _when_paid(endpoint: Endpoint, count: int, then: Callable[[], None]) -> None:
    while endpoint.paid < count:
        time.sleep(0.001)
    then()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "invalid_api_key", "AuthenticationError"),
        (403, "no_access", "PermissionDeniedError"),
        (404, "model_not_found", "NotFoundError"),
        (429, "insufficient_quota", "RateLimitError"),
    ],
)
def test_what_ends_a_run_is_caused_by_the_packages_own_exception(status: int, code: str, kind: str) -> None:
    raw = json.dumps({"error": {"message": "so it is", "code": code}}).encode()
    with pytest.raises(EngineError, match="so it is") as caught:
        Refusal.of("http://a/v1", status, raw).failure("m")
    assert type(caught.value.__cause__) is getattr(openai, kind)
    assert isinstance(caught.value.__cause__, openai.APIStatusError)
    assert caught.value.__cause__.status_code == status


def test_without_the_package_an_error_has_no_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(EngineError, match="refused the key") as caught:
        Refusal.of("http://a/v1", 401, b"no").failure("m")
    assert caught.value.__cause__ is None


def test_the_engine_runs_without_importing_the_package() -> None:
    code = "import sys\nimport lema_hub.engines.openai, lema_hub.engines.pool\nassert 'openai' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


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

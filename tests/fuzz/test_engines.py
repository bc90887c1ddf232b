"""What an endpoint sends: an answer is a response or a counted failure, never a traceback, and holds no secret."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lema_hub.engines import Failure, Ledger, Request, Response, Sampling
from lema_hub.engines.batch_api import Batch
from lema_hub.engines.completions import parse, read
from lema_hub.engines.endpoint import Address
from lema_hub.engines.pace import Pace, retry_after
from lema_hub.engines.prices import Price
from lema_hub.engines.refusals import Dialect, Refusal
from tests.fuzz.conftest import said

KEY = "sk-0123456789abcdef"
MOST = (500, 500)
TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [KEY, f"Bearer {KEY}", "\ud800", "\x1b[2J", "a\nb", "\x00", "length", "content_filter", "m"]
    ),
)
NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([10**30, -1, 2**63, 10**4000, math.nan, math.inf, True]),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A dictionary in which each field is there or not, and what it should be or anything."""
    return st.fixed_dictionaries({}, optional={name: each | VALUES for name, each in fields.items()})


CHOICES = some(
    index=st.integers(0, 3),
    finish_reason=TEXTS,
    text=TEXTS,
    message=some(content=TEXTS, role=TEXTS),
)
BODIES = (
    some(
        model=TEXTS,
        choices=st.lists(CHOICES | VALUES, max_size=4),
        usage=some(prompt_tokens=NUMBERS, completion_tokens=NUMBERS),
        error=some(message=TEXTS, code=TEXTS, param=TEXTS),
    )
    | VALUES
)
DEEP = st.integers(1, 100_000).flatmap(
    lambda n: st.sampled_from([b"[" * n, b"[" * n + b"]" * n, b'{"a":' * n])
)
RAW = st.one_of(BODIES.map(lambda body: json.dumps(body).encode()), DEEP, st.binary(max_size=200))


def is_sound(answer: Response | Failure) -> bool:
    cost = answer.cost_usd or 0.0
    if isinstance(answer, Failure):
        lined = answer.detail.isprintable() and len(answer.detail) <= 200
        return lined and KEY not in answer.detail and answer.reason.isidentifier() and 0 <= cost < math.inf
    tokens = 0 <= answer.prompt_tokens < 2**53 and 0 <= answer.completion_tokens < 2**53
    return tokens and 0 <= cost < math.inf and KEY not in f"{answer.text}{answer.finish_reason}"


@given(raw=RAW, price=st.sampled_from([None, Price(10, 20)]), wanted=st.integers(1, 4))
def test_a_body_is_answers_or_a_failure(raw: bytes, price: Price | None, wanted: int) -> None:
    for api in ("chat", "completions"):
        found = read(parse(raw), api=api, model="m", price=price, most=MOST, wanted=wanted)
        answers = found if isinstance(found, list) else [found]
        assert 1 <= len(answers) <= wanted
        assert all(map(is_sound, answers))
        assert price is None or sum(answer.cost_usd or 0.0 for answer in answers) > 0


@given(body=BODIES)
def test_a_body_that_somebody_else_parsed_is_answers_or_a_failure(body: object) -> None:
    """The Batch API's lines."""
    found = read(body, api="chat", model="m", price=None, most=MOST)
    for answer in found if isinstance(found, list) else [found]:
        assert isinstance(answer, Failure | Response)


@given(
    status=st.sampled_from([0, 201, 302, 400, 401, 404, 422, 429, 500, 999]),
    raw=RAW,
    location=st.none() | TEXTS,
)
def test_a_refusal_is_one_line(status: int, raw: bytes, location: str | None) -> None:
    refusal = Refusal.of("http://a/v1", status, raw, location=location)
    for text in (refusal.message, refusal.code, refusal.param):
        assert text.isprintable()
        assert KEY not in text
    assert KEY not in json.dumps(refusal.body)
    refusal.narrower(Dialect())
    said(lambda: refusal.failure("m"))


@given(
    some(
        id=st.just("batch_1"), status=TEXTS, created_at=NUMBERS, metadata=some(lema_hub=TEXTS),
        errors=some(data=st.lists(some(code=TEXTS, message=TEXTS), max_size=3)), output_file_id=TEXTS,
        error_file_id=TEXTS, request_counts=some(total=NUMBERS, completed=NUMBERS, failed=NUMBERS),
    )
)  # fmt: skip
def test_a_batch_is_read_or_one_line(fields: dict[str, Any]) -> None:
    said(lambda: Batch.of(fields))


HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "Retry-After", "retry-after-ms", "x-ratelimit-remaining-requests", "x-ratelimit-limit-requests",
            "x-ratelimit-reset-requests", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens",
            "x-ratelimit-limit-tokens", "RateLimit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Limit",
        ]
    ),
    st.one_of(
        TEXTS,
        st.one_of(st.integers(), st.floats()).map(str),
        st.sampled_from(
            ["6m0s", "1e999", "nan", "-inf", "9" * 400, '"m";r=0;t=99999999999', "Wed, 21 Oct 9999 07:28:00 GMT",
             "Wed, 21 Oct 2015 07:28:00 -9999", "0", "-1", "1e999s"]
        ),
    ),
    max_size=5,
)  # fmt: skip


@given(headers=HEADERS, crowd=st.integers(1, 200))
def test_headers_give_a_wait_that_is_a_number(headers: dict[str, str], crowd: int) -> None:
    wait = retry_after(headers)
    assert wait is None or wait >= 0
    pace = Pace()
    pace.reserve(100, 1.0)
    pace.heed(headers, 1.0, crowd=crowd)
    assert 1.0 <= pace.reserve(100, 1.0) <= 1.0 + 120


@given(
    st.one_of(
        TEXTS, st.tuples(TEXTS, TEXTS, TEXTS).map(lambda parts: f"http://{parts[0]}:{parts[1]}@{parts[2]}")
    )
)
def test_a_base_url_is_an_address_or_one_line(url: str) -> None:
    said(lambda: Address.of(url))


class Anything:
    """An engine that answers with anything."""

    name, model, revision = "any", "m", None

    def __init__(self, answers: list[Response | Failure]) -> None:
        self.answers = answers

    def cost_bound(self, request: Request) -> float | None:
        return 1.0

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Response | Failure]]:
        for position, _ in enumerate(requests):
            yield position, self.answers[position % len(self.answers)]


ANSWERS = st.lists(
    st.one_of(
        st.builds(
            Response,
            text=TEXTS,
            finish_reason=st.none() | TEXTS,
            prompt_tokens=st.integers() | st.just(10**30),
            completion_tokens=st.integers(),
            cost_usd=st.none() | st.floats(),
        ),
        st.builds(Failure, reason=st.just("odd"), detail=TEXTS, again=st.booleans()),
    ),
    min_size=1,
    max_size=4,
)


@given(answers=ANSWERS)
def test_a_ledger_stores_every_answer_or_counts_it(answers: list[Response | Failure]) -> None:
    requests = [Request(prompt=str(number), sampling=Sampling()) for number in range(4)]
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "l.sqlite") as ledger:
        found = ledger.run(Anything(answers), requests, stage="s")
        assert sum(isinstance(answer, Failure) for answer in found) == sum(ledger.failures().values())
        assert ledger.cost() >= 0
        assert all(KEY not in answer.text for answer in found if isinstance(answer, Response))

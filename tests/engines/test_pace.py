from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from lema_hub.engines.pace import Pace, Rates, Window, pace_of, retry_after
from lema_hub.errors import InputError


def starts(pace: Pace, count: int, *, tokens: int = 10, now: float = 100.0) -> list[float]:
    return [round(pace.reserve(tokens, now) - now, 6) for _ in range(count)]


def test_without_rates_everything_may_start_at_once() -> None:
    assert starts(Pace(), 3) == [0, 0, 0]


def test_requests_per_minute_are_spread_evenly() -> None:
    pace = Pace()
    pace.rates = Rates(requests_per_minute=120)
    assert starts(pace, 4) == [0, 0.5, 1.0, 1.5]
    assert pace.reserve(1, 200.0) == 200.0  # what was not used is not saved up


def test_tokens_per_minute_are_booked_and_given_back() -> None:
    pace = Pace()
    pace.rates = Rates(tokens_per_minute=600)
    assert starts(pace, 3, tokens=20) == [0, 2, 4]
    pace.correct(20, 5)
    assert starts(pace, 1, tokens=20) == [4.5]


def test_rates_are_shared_by_those_who_ask_the_same_model_at_the_same_endpoint() -> None:
    first = pace_of("http://a/v1", "m", Rates(requests_per_minute=60))
    assert pace_of("http://a/v1", "m", None) is first
    assert pace_of("http://a/v1", "other", None) is not first
    assert pace_of("http://b/v1", "m", None).rates == Rates()
    assert pace_of("http://a/v1", "m", Rates(requests_per_minute=30)).rates.requests_per_minute == 30
    assert first.rates.requests_per_minute == 30


@pytest.mark.parametrize("rate", [0, -5])
def test_a_rate_that_allows_nothing_is_refused(rate: float) -> None:
    with pytest.raises(InputError, match="must be positive, got"):
        Rates(requests_per_minute=rate)


def test_a_pause_holds_for_all() -> None:
    pace = Pace()
    assert pace.pause(2.0, 100.0)
    assert not pace.pause(1.0, 100.0)  # a shorter one does not end it
    assert starts(pace, 2) == [2, 2]


@pytest.mark.parametrize(
    ("headers", "spacing"),
    [
        (("100", "40", "30s"), 0.5),  # 60 of 100 come back in 30 s
        (("100", "99", "500ms"), 0.0),  # enough is left
        (("1000", "0", "1m40s"), 0.1),
        ((None, "5", "10s"), 2.0),  # no limit said: what is left has to last
        (("100", "words", "10s"), 0.0),
    ],
)
def test_openais_headers_slow_down_before_a_429(headers: tuple[str | None, str, str], spacing: float) -> None:
    names = ("x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests")
    pace = Pace()
    pace.heed({n: v for n, v in zip(names, headers, strict=True) if v is not None}, 100.0, crowd=64)
    first, second = starts(pace, 2)
    assert second - first == pytest.approx(spacing)


def test_tokens_that_run_out_slow_down_too() -> None:
    pace = Pace()
    starts(pace, 20, tokens=100)
    headers = {
        "x-ratelimit-limit-tokens": "10000",
        "x-ratelimit-remaining-tokens": "1000",
        "x-ratelimit-reset-tokens": "45s",
    }
    pace.heed(headers, 100.0, crowd=64)
    first, second = starts(pace, 2, tokens=100)
    assert second - first == pytest.approx(100 * 45 / 9000)


@pytest.mark.parametrize(
    "headers",
    [
        {"RateLimit": '"minute";r=10;t=5'},
        {"RateLimit": '"day";r=9000;t=60, "minute";r=10;t=5'},
        {"RateLimit-Remaining": "10", "RateLimit-Reset": "5"},
    ],
)
def test_the_ietfs_headers_are_understood(headers: dict[str, str]) -> None:
    pace = Pace()
    pace.heed(headers, 100.0, crowd=64)
    assert starts(pace, 3) == [0, 0.5, 1.0]


def test_when_nothing_is_left_the_next_request_waits_and_when_all_is_back_none_does() -> None:
    pace = Pace()
    pace.heed({"RateLimit-Remaining": "0", "RateLimit-Reset": "8"}, 100.0, crowd=4)
    assert starts(pace, 1) == [8]
    pace.heed({"RateLimit-Remaining": "50", "RateLimit-Reset": "8"}, 108.0, crowd=4)
    assert starts(pace, 2, now=108.0) == [0, 0]


def test_headers_cannot_stop_a_run() -> None:
    pace = Pace()
    pace.heed({"RateLimit": '"day";r=0;t=86400'}, 100.0, crowd=4)
    assert starts(pace, 1) == [60]
    pace = Pace()
    pace.heed({"RateLimit-Remaining": "2", "RateLimit-Reset": str(int(time.time()) + 20)}, 100.0, crowd=4)
    first, second = starts(pace, 2)
    assert 9 <= second - first <= 10  # a date, not a number of seconds


def test_one_429_in_a_hundred_leaves_the_window_alone() -> None:
    window = Window(64)
    for number in range(2000):
        if number % 100 == 0:
            window.narrow(float(number), number + 0.5)
        window.widen()
    assert window.size == 64


def test_a_crowd_of_429s_halves_the_window_once_per_round_and_answers_open_it_again() -> None:
    window = Window(64)
    for _ in range(40):
        window.narrow(9.0, 10.0)
    assert window.size == 32  # the others were sent before that was known
    for second in range(20):
        window.narrow(20.0 + second, 20.5 + second)
    assert window.size == 1
    rounds = 0
    while window.size < 64:
        for _ in range(max(1, int(window.size))):
            window.widen()
        rounds += 1
    assert rounds < 40


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "3"}, 3.0),
        ({"retry-after-ms": "250", "Retry-After": "1"}, 0.25),
        ({"Retry-After": "-1"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_retry_after_can_be_a_date() -> None:
    found = retry_after({"Retry-After": formatdate(time.time() + 60, usegmt=True)})
    assert found is not None
    assert 58 <= found <= 60
    assert retry_after({"Retry-After": formatdate(time.time() - 60, usegmt=True)}) == 0.0

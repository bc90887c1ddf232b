from __future__ import annotations

from typing import Any

import pytest

from lema_hub.engines import Failure, Response
from lema_hub.engines.completions import is_same_model, read
from lema_hub.engines.prices import Price

MOST = (500, 500)  # tokens of a prompt and of an answer


def body(*texts: str | None, prompt: int = 0, completion: int = 0, **more: Any) -> dict[str, Any]:
    choices = [
        {"index": number, "finish_reason": "stop", "message": {"content": text}}
        for number, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": prompt, "completion_tokens": completion}
    return {"model": "m", "choices": choices, "usage": usage, **more}


@pytest.mark.parametrize(("prompt", "completion"), [(100, 50), (7, 1), (0, 0), (3, 1000)])
def test_tokens_and_cost_of_samples_sum_to_the_whole(prompt: int, completion: int) -> None:
    price = Price(10, 20)
    texts = ("a" * 40, "b" * 10, "c", "")
    found = read(
        body(*texts, prompt=prompt, completion=completion),
        api="chat",
        model="m",
        price=price,
        most=MOST,
        wanted=4,
    )
    assert isinstance(found, list)
    answers = [answer for answer in found if isinstance(answer, Response)]
    assert [answer.text for answer in answers] == list(texts)
    assert sum(answer.prompt_tokens for answer in answers) == prompt
    assert sum(answer.completion_tokens for answer in answers) == completion
    assert sum(answer.cost_usd or 0 for answer in answers) == pytest.approx(
        price.cost(prompt or MOST[0], completion or 4 * MOST[1])
    )
    if completion == 1000:
        shares = [answer.completion_tokens for answer in answers]
        assert shares == sorted(shares, reverse=True)  # longer texts had more tokens


def test_choices_come_in_the_order_of_their_index_and_more_than_asked_are_ignored() -> None:
    document = body("a", "b", "c")
    document["choices"].reverse()
    found = read(document, api="chat", model="m", price=None, most=MOST, wanted=2)
    assert isinstance(found, list)
    assert [answer.text for answer in found if isinstance(answer, Response)] == ["a", "b"]


def test_one_bad_choice_spares_the_others() -> None:
    document = body("a", None, "c", prompt=10, completion=4)
    document["choices"][2]["finish_reason"] = "content_filter"
    found = read(document, api="chat", model="m", price=None, most=MOST, wanted=3)
    assert isinstance(found, list)
    first, empty, filtered = found
    assert first == Response(text="a", finish_reason="stop", prompt_tokens=10, completion_tokens=4)
    assert isinstance(empty, Failure)
    assert isinstance(filtered, Failure)
    assert (empty.reason, filtered.reason) == ("empty", "content_filter")


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (None, "malformed"),
        ([], "malformed"),
        ({"choices": "none"}, "malformed"),
        ({"choices": []}, "empty"),
        (body("a", model="other"), "wrong_model"),
    ],
)
def test_a_body_without_answers_is_one_failure(document: Any, reason: str) -> None:
    found = read(document, api="chat", model="m", price=None, most=MOST)
    assert isinstance(found, Failure)
    assert found.reason == reason


@pytest.mark.parametrize("usage", [None, "many", {"prompt_tokens": "x"}, {"prompt_tokens": None}])
def test_usage_that_says_nothing_counts_as_nothing(usage: Any) -> None:
    found = read(body("a") | {"usage": usage}, api="chat", model="m", price=None, most=MOST)
    assert isinstance(found, list)
    assert found == [Response(text="a", finish_reason="stop", prompt_tokens=0, completion_tokens=0)]


@pytest.mark.parametrize(
    ("asked", "answered", "same"),
    [
        ("gpt-4o", "gpt-4o", True),
        ("gpt-4o", "gpt-4o-2024-08-06", True),
        ("gpt-4", "gpt-4-0613", True),
        ("gpt-4", "gpt-4-32k", False),
        ("gpt-4o", "gpt-4o-mini", False),
        ("gpt-4o", "gpt-4o-mini-2024-07-18", False),
        ("gpt-4o-2024-08-06", "gpt-4o-2024-11-20", False),
        ("claude-sonnet-latest", "claude-sonnet-20241022", True),
        ("openai/gpt-4o", "gpt-4o-2024-08-06", True),
        ("Qwen/Qwen3-8B", "qwen/qwen3-8b", True),
        ("a/model", "b/model", False),
        ("llama", "", True),
        ("llama", None, True),
    ],
)
def test_whose_answer_it_is(asked: str, answered: str | None, same: bool) -> None:
    assert is_same_model(asked, answered) is same


@pytest.mark.parametrize(
    ("usage", "prompt", "completion"),
    [
        (None, 500, 500),
        ({"prompt_tokens": 30}, 30, 500),
        ({"completion_tokens": 7}, 500, 7),
        ({"prompt_tokens": 30, "completion_tokens": 7}, 30, 7),
        ({"prompt_tokens": -30, "completion_tokens": 7}, 500, 7),
        ({"prompt_tokens": 30, "completion_tokens": 10**12}, 30, 500),
        ({"prompt_tokens": 30, "completion_tokens": True}, 30, 500),
        ({"prompt_tokens": 30, "completion_tokens": 1}, 30, 500),  # for 1,000 characters
        ({"prompt_tokens": 1, "completion_tokens": 100}, 500, 100),  # of a prompt that may have 500
    ],
)
@pytest.mark.parametrize("spoiled", [{}, {"model": "another"}, {"choices": []}])
def test_what_is_not_told_or_not_believed_costs_the_bound(
    usage: Any, prompt: int, completion: int, spoiled: dict[str, Any]
) -> None:
    document = body("a" * 1000) | {"usage": usage} | spoiled
    found = read(document, api="chat", model="m", price=Price(10, 20), most=MOST)
    answer = found[0] if isinstance(found, list) else found
    if spoiled and usage == {"prompt_tokens": 30, "completion_tokens": 1} and completion == 500:
        completion = 500 if usage["completion_tokens"] is True else 1  # without a text one may be the truth
    assert answer.cost_usd == pytest.approx(Price(10, 20).cost(prompt, completion))
    assert isinstance(answer, Failure if spoiled else Response)


@pytest.mark.parametrize(
    "finish_reason", ["stop\x1b[31m", "x" * 1000, "a\nb", {"a": 1}, 7, "Bearer sk-0123456789abcdef"]
)
def test_a_finish_reason_is_a_short_line_or_none(finish_reason: Any) -> None:
    document = body("a")
    document["choices"][0]["finish_reason"] = finish_reason
    found = read(document, api="chat", model="m", price=None, most=MOST)
    assert isinstance(found, list)
    (answer,) = found
    assert isinstance(answer, Response)
    kept = answer.finish_reason
    assert kept is None or (kept.isprintable() and len(kept) <= 200 and "sk-" not in kept)

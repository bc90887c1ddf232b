"""What stands in the body of a completion: texts, tokens, and whose they are.

    {"model": "m-2026-01-31", "choices": [{"message": {"content": "42"}, "finish_reason": "stop"}],
     "usage": {"prompt_tokens": 9, "completion_tokens": 2}}

The trap: usage is reported once for all choices. It is divided among them so that sums stay correct, the prompt
evenly and the completion by the lengths of the texts.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

from lema_hub.engines.endpoint import Api
from lema_hub.engines.engine import Failure, Response, line
from lema_hub.engines.prices import Price
from lema_hub.errors import FormatError
from lema_hub.json_text import loads
from lema_hub.redaction import redact

_LONGEST_TOKEN = 256  # characters: vocabularies hold up to 128
_MOST_TOKENS = 1 << 31
# A name may be answered by one of its dated versions: gpt-4o by gpt-4o-2024-08-06, gpt-4 by gpt-4-0613.
_DATE = re.compile(r"[-@:](\d{4}-\d{2}-\d{2}|\d{8}|\d{6}|\d{4}|\d{3})")


def parse(raw: bytes) -> object:
    """The JSON of a body; None if it is none (`lema_hub.json_text`)."""
    try:
        return loads(raw, source="an answer", limit=len(raw))
    except FormatError:
        return None


def read(
    body: object, *, api: Api, model: str, price: Price | None, most: tuple[int, int], wanted: int = 1
) -> list[Response | Failure] | Failure:
    """The answers in a response body, in the order of its choices.

    Args:
        body: The parsed JSON, None if it was none.
        api: Which API answered.
        model: The model that was asked.
        price: Its price, for the cost.
        most: The most tokens of the prompt and of each answer: the cost is that of the bound where the body does not
            say, or not plausibly, how many tokens were used.
        wanted: How many choices were asked for; more are ignored.

    Returns:
        One answer per choice, or the one failure of the whole body: `malformed` and `empty` are worth another
        try, `wrong_model` is not. Failures of a model with a price have a cost, and leave that try to the ledger.
    """
    usage = body.get("usage") if isinstance(body, dict) else None
    choices = body.get("choices") if isinstance(body, dict) else None
    failure: Failure | None = None
    if body is None:
        failure = Failure(reason="malformed", detail="the answer is not JSON, or not within its bounds")
    elif not isinstance(body, dict) or not isinstance(choices, list):
        failure = Failure(reason="malformed", detail=f"no completion: {_shown(body)}")
    elif not choices:
        failure = _NOTHING
    elif not is_same_model(model, body.get("model")):
        failure = Failure(reason="wrong_model", detail=f"{model!r} was asked, {body['model']!r} answered")
    if failure is not None or not isinstance(choices, list):
        shared = _share([failure or _NOTHING], usage, most, price, asked=wanted)
        return next(answer for answer in shared if isinstance(answer, Failure))
    answers = [_read_choice(choice, api) for choice in sorted(choices, key=_index)[:wanted]]
    return _share(answers, usage, most, price, asked=len(answers))


def is_same_model(asked: str, answered: object) -> bool:
    """Whether an answer is from the model that was asked: by its name, without its owner, or a dated version.

    >>> is_same_model("gpt-4o", "gpt-4o-2024-08-06"), is_same_model("gpt-4o", "gpt-4o-mini")
    (True, False)
    """
    if not isinstance(answered, str) or not answered:
        return True  # many servers do not say
    one, other = asked.lower(), answered.lower()
    if "/" not in one or "/" not in other:
        one, other = one.rpartition("/")[2], other.rpartition("/")[2]
    one = one.removesuffix("-latest")
    return one == other or (other.startswith(one) and _DATE.fullmatch(other[len(one) :]) is not None)


def _index(choice: Any) -> int:
    index = choice.get("index") if isinstance(choice, dict) else None
    return index if isinstance(index, int) else 0


def _read_choice(choice: Any, api: Api) -> Response | Failure:
    try:
        text = choice["message"]["content"] if api == "chat" else choice["text"]
        finish_reason = choice.get("finish_reason")
    except (AttributeError, KeyError, TypeError):
        return Failure(reason="malformed", detail=f"no completion: {_shown(choice)}")
    if finish_reason == "content_filter":
        return Failure(reason="content_filter", detail="the endpoint's filter stopped the answer")
    if not isinstance(text, str) and finish_reason != "length":
        return Failure(
            reason="empty", detail=f"the answer has no text (finish_reason {_shown(finish_reason)})"
        )
    text = text if isinstance(text, str) else ""
    return Response(
        text=redact(text),
        finish_reason=line(finish_reason) if isinstance(finish_reason, str) else None,
        prompt_tokens=0,
        completion_tokens=0,
    )


def _shown(value: object) -> str:
    """The beginning of a value that was not expected; what is not a scalar by its type alone."""
    return (
        repr(value)[:100] if value is None or isinstance(value, str | int | float) else type(value).__name__
    )


def _share(
    answers: Sequence[Response | Failure],
    usage: object,
    most: tuple[int, int],
    price: Price | None,
    *,
    asked: int,
) -> list[Response | Failure]:
    """Give each response its part of the tokens and of the cost, the failures if there is none; the parts sum to the
    whole. A number of tokens that is too small for the text is not believed: then the bound is the cost.
    """
    lengths = [len(answer.text) + 1 if isinstance(answer, Response) else 0 for answer in answers]
    texts = sum(length > 0 for length in lengths)
    weights = lengths if texts else [1] * len(answers)
    total, sharing = sum(weights), texts or len(answers)
    prompt, completion = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    paid = (
        prompt if prompt > most[0] // _LONGEST_TOKEN else most[0],
        completion if completion and completion * _LONGEST_TOKEN >= sum(lengths) else asked * most[1],
    )
    shared: list[Response | Failure] = []
    before, weighed = 0, 0  # answers and weights that had their part
    for answer, weight in zip(answers, weights, strict=True):
        one, own = (before, before + (weight > 0), sharing), (weighed, weighed + weight, total)
        before, weighed = one[1], own[1]
        cost = price.cost(_part(paid[0], *one), _part(paid[1], *own)) if price else None
        if isinstance(answer, Failure):
            again = price is not None and answer.reason in ("malformed", "empty")
            shared.append(dataclasses.replace(answer, cost_usd=cost, again=again))
            continue
        tokens = _part(prompt, *one), _part(completion, *own)
        shared.append(
            dataclasses.replace(answer, prompt_tokens=tokens[0], completion_tokens=tokens[1], cost_usd=cost)
        )
    return shared


def _part(whole: int, begin: int, end: int, of: int) -> int:
    """The part of a whole number between two positions; the parts of a row sum to the whole."""
    return whole * end // of - whole * begin // of


def _count(usage: object, name: str) -> int:
    """A reported number of tokens; 0 if there is none, or it is not a number of tokens."""
    count = usage.get(name) if isinstance(usage, dict) else None
    return (
        count if isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= _MOST_TOKENS else 0
    )


_NOTHING = Failure(reason="empty", detail="the answer has no choices")

"""What stands in the body of a completion: texts, tokens, and whose they are.

    {"model": "m-2026-01-31", "choices": [{"message": {"content": "42"}, "finish_reason": "stop"}],
     "usage": {"prompt_tokens": 9, "completion_tokens": 2}}

The trap: usage is told once for all choices. It is shared out among them so that sums stay right, the prompt
evenly and the completion by the lengths of the texts.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from typing import Any, Literal

from lema_hub.engines.engine import Failure, Response
from lema_hub.engines.prices import Price

Api = Literal["chat", "completions"]
# A name may be answered by one of its dated versions: gpt-4o by gpt-4o-2024-08-06, gpt-4 by gpt-4-0613.
_DATE = re.compile(r"[-@:](\d{4}-\d{2}-\d{2}|\d{8}|\d{6}|\d{4}|\d{3})")


def read(
    body: Any, *, api: Api, model: str, price: Price | None, wanted: int = 1
) -> list[Response | Failure] | Failure:
    """The answers in a response body, in the order of its choices.

    Args:
        body: The parsed JSON, None if it was none.
        api: Which API answered.
        model: The model that was asked.
        price: Its price, for the cost.
        wanted: How many choices were asked for; more are ignored.

    Returns:
        One answer per choice, or the one failure of the whole body: `malformed` and `empty` are worth another
        try, `wrong_model` is not.
    """
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list):
        return Failure(reason="malformed", detail=f"no completion: {json.dumps(body)[:100]}")
    if not choices:
        return Failure(reason="empty", detail="the answer has no choices")
    if not is_same_model(model, body.get("model")):
        return Failure(reason="wrong_model", detail=f"{model!r} was asked, {body['model']!r} answered")
    answers = [_read_choice(choice, api) for choice in sorted(choices, key=_index)[:wanted]]
    usage = body.get("usage")
    tokens = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    return _share(answers, *tokens, price)


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


def _count(usage: Any, name: str) -> int:
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if isinstance(count, int) else 0


def _read_choice(choice: Any, api: Api) -> Response | Failure:
    try:
        text = choice["message"]["content"] if api == "chat" else choice["text"]
        finish_reason = choice.get("finish_reason")
    except (AttributeError, KeyError, TypeError):
        return Failure(reason="malformed", detail=f"no completion: {json.dumps(choice)[:100]}")
    if finish_reason == "content_filter":
        return Failure(reason="content_filter", detail="the endpoint's filter stopped the answer")
    if not isinstance(text, str) and finish_reason != "length":
        return Failure(reason="empty", detail=f"the answer has no text (finish_reason {finish_reason!r})")
    return Response(text=text or "", finish_reason=finish_reason, prompt_tokens=0, completion_tokens=0)


def _share(
    answers: Sequence[Response | Failure], prompt: int, completion: int, price: Price | None
) -> list[Response | Failure]:
    """Give each response its part of the tokens and of the cost; the parts sum to the whole."""
    weights = [len(answer.text) + 1 if isinstance(answer, Response) else 0 for answer in answers]
    total, texts = sum(weights), sum(weight > 0 for weight in weights)
    shared: list[Response | Failure] = []
    before, weighed = 0, 0  # responses and weights that had their part
    for answer, weight in zip(answers, weights, strict=True):
        if isinstance(answer, Failure):
            shared.append(answer)
            continue
        own = prompt * (before + 1) // texts - prompt * before // texts
        new = completion * (weighed + weight) // total - completion * weighed // total
        before, weighed = before + 1, weighed + weight
        cost = price.cost(own, new) if price else None
        shared.append(dataclasses.replace(answer, prompt_tokens=own, completion_tokens=new, cost_usd=cost))
    return shared

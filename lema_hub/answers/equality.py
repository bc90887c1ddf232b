"""Whether two bare answers are the same answer."""

from __future__ import annotations

from dataclasses import dataclass

from lema_hub.answers import algebra
from lema_hub.answers.number import plain
from lema_hub.answers.text import MAX_LENGTH, clean
from lema_hub.records import AnswerStyle, Verdict


@dataclass(frozen=True, slots=True)
class Equality:
    """The verdict on a pair of bare answers and what decided it."""

    verdict: Verdict
    reason: str


def compare(pred: str, gold: str, *, style: AnswerStyle, question: str | None = None) -> Equality:
    """Compare a bare answer with a bare gold answer."""
    left, right = plain(pred), plain(gold)
    if left is not None and right is not None:
        return Equality("correct" if left == right else "wrong", "plain numbers")
    if len(pred) > MAX_LENGTH or len(gold) > MAX_LENGTH:
        return Equality("correct" if pred == gold else "wrong", f"longer than {MAX_LENGTH} characters")
    left, right = clean(pred), clean(gold)
    if left == right:
        return Equality("correct", "same text")
    finding = algebra.compare(right, left)
    if finding.result in ("timeout", "crashed"):
        return Equality("timeout" if finding.result == "timeout" else "crashed", finding.detail)
    return Equality("correct" if finding.result == "equal" else "wrong", f"math-verify: {finding.detail or finding.result}")

r"""Whether two bare answers are the same answer.

The style decides what is compared: option letters, words or mathematics. Mathematics is read into values and
compared exactly (`mathematics`); what cannot be read or settled so goes to math-verify in a worker process.
docs/answers.md has the rules. Those for ambiguous notation are here and in `mathematics.scalars`:

* A percent sign may stand for a hundredth or for the unit of the question; a missing one never multiplies by
  100.
* A unit counts only if both answers have one.
* A decimal stands for a number without a short decimal form if it is its correct rounding to at least four
  places.
* A bare list is unordered unless the question asks for an order; a tuple is ordered.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

from lema_hub.answers.choice import same_option
from lema_hub.answers.mathematics import algebra
from lema_hub.answers.mathematics.comparison import same
from lema_hub.answers.mathematics.lists import branches
from lema_hub.answers.mathematics.number import plain
from lema_hub.answers.mathematics.reading import read
from lema_hub.answers.mathematics.tokens import UnreadableError
from lema_hub.answers.mathematics.values import Scalar, Sequence, Value
from lema_hub.answers.text import MAX_LENGTH, clean, plain_words
from lema_hub.records import AnswerStyle, Verdict

logger = logging.getLogger(__name__)

_MAX_ALGEBRA = 1000
_HOPELESS = re.compile(r"\\(?:sum|prod)(?![a-z]).*(?:10\s?\^|\^\s?\{?\s?\d+\s?\^|\d{6})", re.DOTALL)
_NUMERALS = re.compile(r"(?:[-+.,:/]*\d)+")  # what the comparison of words would strip of its signs
_DECIMAL_COMMA = re.compile(r"-?\d+,\d{1,2}|-?0,\d+")


@dataclass(frozen=True, slots=True)
class Equality:
    """The verdict on a pair of bare answers and what decided it."""

    verdict: Verdict
    reason: str


def parts(answer: str) -> int:
    """How many values an answer lists: the entries of a list, set or tuple, both values of a plus-minus; else 1."""
    try:
        value = read(clean(answer))
    except (UnreadableError, RecursionError):
        return 1
    return max(1, len(value.items) if isinstance(value, Sequence) else len(branches(value)))


def compare(pred: str, gold: str, *, style: AnswerStyle, question: str | None = None) -> Equality:
    """Compare a bare answer with a bare gold answer.

    Args:
        pred: The answer to judge.
        gold: The right answer.
        style: `choice` compares option letters, `text` words; `number` and `math` read mathematics.
        question: The problem's text, which settles order, percent and base.

    Returns:
        The verdict and the rule that decided it.
    """
    left, right = plain(pred), plain(gold)
    if left is not None and right is not None and (left == right or max(len(left), len(right)) < 15):
        return Equality("correct" if left == right else "wrong", "plain numbers")
    if style == "choice":
        return Equality(*same_option(pred, gold, question))
    if len(pred) > MAX_LENGTH or len(gold) > MAX_LENGTH:
        return Equality(
            "correct" if pred.strip() == gold.strip() else "wrong",
            f"over {MAX_LENGTH} characters: as strings",
        )
    left, right = clean(pred), clean(gold)
    if left == right and left:
        return Equality("correct", "same text")
    if style == "text":
        alike = plain_words(left) == plain_words(right)
        if alike or not (re.search(r"\d", left) and re.search(r"\d", right)):
            return Equality("correct" if alike else "wrong", "words")
    try:
        gold_value, pred_value = _read_both(right, left)
        finding = same(gold_value, pred_value, question)
    except (UnreadableError, RecursionError) as error:
        return _by_algebra(left, right, f"not read: {error}")
    except Exception:  # a fault of ours on this row: counted as such, and the other rows go on
        logger.exception("cannot compare %.200r with %.200r", pred, gold)
        return Equality("crashed", "an error in the judge; the log has its traceback")
    if finding == "unknown":
        return _by_algebra(left, right, "not settled exactly")
    kind = type(gold_value).__name__.lower()
    return Equality(
        "correct" if finding == "equal" else "wrong", f"{kind} {'equal' if finding == 'equal' else 'differs'}"
    )


def _read_both(gold: str, pred: str) -> tuple[Value, Value]:
    """Both answers; a comma between digits is a decimal comma where the other answer is one number."""
    values = read(gold), read(pred)
    if isinstance(values[1], Scalar) and _DECIMAL_COMMA.fullmatch(gold):
        return read(gold.replace(",", ".")), values[1]
    if isinstance(values[0], Scalar) and _DECIMAL_COMMA.fullmatch(pred):
        return values[0], read(pred.replace(",", "."))
    return values


def _by_algebra(pred: str, gold: str, why: str) -> Equality:
    """Ask math-verify, in a worker, about what our readers could not settle."""
    if max(len(pred), len(gold)) > _MAX_ALGEBRA:
        return Equality("wrong", f"{why}; over {_MAX_ALGEBRA} characters, so not given to math-verify")
    if "is not mathematics" in why or not (re.search(r"[\d\\]", pred) and re.search(r"[\d\\]", gold)):
        alike = plain_words(pred) == plain_words(gold) and _NUMERALS.findall(pred) == _NUMERALS.findall(gold)
        return Equality("correct" if alike else "wrong", f"{why}; compared as words")
    if _HOPELESS.search(pred) or _HOPELESS.search(gold):
        return Equality("timeout", f"{why}; too many terms for the time limit")
    finding = algebra.compare(gold, pred)
    if finding.result == "timeout":
        return Equality("timeout", f"{why}; {finding.detail}")
    if finding.result == "crashed":
        return Equality("crashed", f"{why}; {finding.detail}")
    return Equality(
        "correct" if finding.result == "equal" else "wrong",
        f"{why}; math-verify: {finding.detail or finding.result}",
    )

r"""The one judge: a whole model output or a bare answer against a bare gold answer.

    >>> judge("9 eggs at $2 are $18. The answer is 18.", "18").verdict
    'correct'
    >>> judge(r"Hence the sum is $\boxed{\frac{2}{4}}$.", r"\frac12", style="math").verdict
    'correct'
    >>> judge("I am not sure.", "18").verdict
    'unparsed'

Nothing that a model wrote is executed: text is read by our own parsers, and what they cannot settle is
compared by math-verify in a process of its own that is killed after 0.7 seconds. docs/answers.md has every
rule with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lema_hub.answers import equality
from lema_hub.answers.extract import find
from lema_hub.errors import FormatError
from lema_hub.records import AnswerStyle, Verdict


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, the answer it is about (None if none was found), and what decided it."""

    verdict: Verdict
    extracted: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Item:
    """One answer to judge: `output` is a whole text, or a bare answer if `bare`."""

    output: str
    gold: str
    style: AnswerStyle = "number"
    finish_reason: str | None = None
    question: str | None = None
    bare: bool = False


def _bare(gold: str, style: AnswerStyle) -> str:
    """A gold answer without the box, the `####` or the solution that it came with."""
    if "\\boxed" not in gold and "####" not in gold:
        return gold
    return find(gold, style=style, finish_reason="stop").answer or gold


def judge_answer(
    pred: str, gold: str, *, style: AnswerStyle = "number", question: str | None = None
) -> Judgement:
    """Judge a bare answer against a bare gold answer.

    Args:
        pred: The answer alone, as `extract` gives it.
        gold: The gold answer alone.
        style: What kind of answer the problem asks for.
        question: The problem's text; it settles what the answers alone leave open (order, percent, base).

    Returns:
        `correct`, `wrong`, `unparsed` (empty), or `timeout` and `crashed` if the algebra had to be killed.
    """
    if not pred.strip():
        return Judgement("unparsed", None, "empty answer")
    if pred.strip() == gold.strip():
        return Judgement("correct", pred, "same text")
    answer = _bare(pred, style) if pred.lstrip().startswith("\\boxed") else pred
    verdict = equality.compare(answer, _bare(gold, style), style=style, question=question)
    return Judgement(verdict.verdict, pred, verdict.reason)


def judge(
    output: str,
    gold: str,
    *,
    style: AnswerStyle = "number",
    finish_reason: str | None = None,
    question: str | None = None,
) -> Judgement:
    """Judge a whole model output against a bare gold answer.

    Args:
        output: What the model wrote, of any length and content.
        gold: The gold answer alone (`gold_answer` takes it from an annotated solution).
        style: What kind of answer the problem asks for.
        finish_reason: Why generation stopped; `length` makes an output without a complete answer `truncated`.
        question: The problem's text, where at hand.

    Returns:
        The verdict with the extracted answer and the reason.

    Example:
        >>> judge("There are 3 + 4 = 7 pens. The answer is 7.", "7").verdict
        'correct'
    """
    if finish_reason != "length" and output.strip() and output.strip() == gold.strip():
        return Judgement("correct", output.strip(), "same text")
    found = find(output, style=style, finish_reason=finish_reason, question=question)
    if found.cut:
        return Judgement("truncated", None, "the output ends before its answer does")
    if found.answer is None or not found.answer.strip():
        return Judgement("unparsed", None, "no answer found")
    gold = _bare(gold, style)
    answer = _boxed_together(found.boxes, gold) or found.answer
    verdict = equality.compare(answer, gold, style=style, question=question)
    return Judgement(verdict.verdict, answer, f"{found.marker}: {verdict.reason}")


def _boxed_together(boxes: tuple[str, ...], gold: str) -> str | None:
    """All boxes of an output as one answer, if the gold answer has as many parts and no box lists several."""
    if len(boxes) < 2 or equality.parts(gold) != len(boxes) or any(equality.parts(box) > 1 for box in boxes):
        return None
    return ", ".join(boxes)


def judge_many(items: Iterable[Item]) -> list[Judgement]:
    """Judge many answers, in order; equal items are judged once."""
    seen: dict[Item, Judgement] = {}
    judgements = []
    for item in items:
        judgement = seen.get(item)
        if judgement is None:
            if item.bare:
                judgement = judge_answer(item.output, item.gold, style=item.style, question=item.question)
            else:
                judgement = judge(
                    item.output,
                    item.gold,
                    style=item.style,
                    finish_reason=item.finish_reason,
                    question=item.question,
                )
            seen[item] = judgement
        judgements.append(judgement)
    return judgements


def equivalent(a: str, b: str, *, style: AnswerStyle = "number", question: str | None = None) -> bool:
    """Whether two bare answers are the same answer, in either direction."""
    return any(
        equality.compare(pred, gold, style=style, question=question).verdict == "correct"
        for pred, gold in ((a, b), (b, a))
    )


def gold_answer(solution: str, *, style: AnswerStyle = "number") -> str:
    r"""The gold answer of an annotated solution: what follows `####`, or the content of its last box.

    Raises:
        FormatError: The solution has no answer that can be found.

    Example:
        >>> gold_answer("She has 16 - 7 = <<16-7=9>>9 eggs.\n#### 9")
        '9'
    """
    answer = find(solution, style=style).answer
    if answer is None:
        raise FormatError(
            f"no answer in the gold solution ending {solution[-60:]!r}; expected '#### 18' or '\\boxed{{18}}'"
        )
    return answer

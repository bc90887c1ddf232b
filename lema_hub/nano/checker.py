"""The exact checker: reads a solution of a nano problem and finds its first wrong step and the type of its error.

A step is read by its equation; its words carry no weight. It is right when it computes a step of the program whose
operands are known by then, in either order where the operation allows. The first step that does not is the first
wrong step, and what it did instead decides the type (`ErrorType`, LEMMA's taxonomy). A solution that reaches the
right answer by correct equations over known numbers in another order is right as well.

    >>> from lema_hub.nano.problems import load
    >>> problem = load("nano/train/s2-0")
    >>> check(problem, ("The answer is 7.",)).error_type
    'MS'
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lema_hub.nano.problems import NanoProblem
from lema_hub.nano.program import Misreading, Op, Operand, Step, compute
from lema_hub.records import ErrorType
from lema_hub.steps import ANSWER_STEP

_NUMBER = r"\d{1,6}"
_EQUATION = re.compile(
    rf"(?P<left>{_NUMBER}(?:\s*[-+*/x×÷−]\s*{_NUMBER})+)\s*=\s*(?P<value>{_NUMBER})(?![\d.])"
)
_TOKEN = re.compile(rf"{_NUMBER}|[-+*/x×÷−]")
_OPS: dict[str, Op] = {"+": "+", "-": "-", "−": "-", "*": "*", "x": "*", "×": "*", "/": "/", "÷": "/"}
_KNOWN_CONSTANTS = frozenset((2, 7, 12))


@dataclass(frozen=True, slots=True)
class Deviation:
    """What the first wrong step did instead of a step of the program.

    Attributes:
        expected: The program step that should stand here; None where only the answer was due.
        wrong: The number that is wrong (an operand or a result), if the error is one of a number.
        right: The operand, or the result, that should stand there.
        misreading: The misreading that the step follows.
    """

    expected: Step | None
    wrong: int | None = None
    right: Operand | int | None = None
    misreading: Misreading | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """The verdict on a solution.

    Attributes:
        ok: The solution is right.
        first_wrong: The 1-based number of the first wrong step; None if `ok`.
        error_type: Its type; None if `ok`.
        done: Indices of the program steps that were right before it.
        deviation: What the wrong step did.
    """

    ok: bool
    first_wrong: int | None = None
    error_type: ErrorType | None = None
    done: tuple[int, ...] = ()
    deviation: Deviation | None = None


@dataclass(frozen=True, slots=True)
class Equation:
    """`x op y = value` as it stands in a step; a chain gives one for each operation."""

    x: int
    op: Op
    y: int
    value: int


def check(problem: NanoProblem, steps: Sequence[str]) -> Check:
    """Finds the first wrong step of a solution.

    Args:
        problem: The problem that was solved.
        steps: Its steps without `Step k:` headers; the last one is to read `The answer is ...`.
    """
    done: list[int] = []
    verdict: Check | None = None
    for number, text in enumerate(steps, start=1):
        found = _read_step(problem, text, done)
        if isinstance(found, tuple):
            verdict = Check(False, number, found[0], tuple(sorted(done)), found[1])
            break
        if found == "answered":
            return Check(True, done=tuple(sorted(done)))
    else:
        verdict = Check(False, len(steps) + 1, "MS", tuple(sorted(done)), Deviation(_due(problem, done)))
    return Check(True, done=verdict.done) if _right_by_another_route(problem, steps) else verdict


def equations(text: str) -> list[Equation]:
    """The equations of a step, `*` and `/` before `+` and `-`; the last of a chain has the stated value.

    >>> equations("She has 2 + 3 * 4 = 14 pens.")
    [Equation(x=3, op='*', y=4, value=12), Equation(x=2, op='+', y=12, value=14)]
    """
    found: list[Equation] = []
    for match in _EQUATION.finditer(text):
        tokens: list[int | Op] = [int(t) if t.isdigit() else _OPS[t] for t in _TOKEN.findall(match["left"])]
        for level in (("*", "/"), ("+", "-")):
            k = 1
            while k < len(tokens) - 1:
                if tokens[k] not in level:
                    k += 2
                    continue
                x, op, y = tokens[k - 1 : k + 2]
                last = len(tokens) == 3
                value = int(match["value"]) if last else compute(x, op, y)  # type: ignore[arg-type]
                if value is None:
                    return found
                found.append(Equation(x, op, y, value))  # type: ignore[arg-type]
                tokens[k - 1 : k + 2] = [value]
    return found


def _read_step(problem: NanoProblem, text: str, done: list[int]) -> tuple[ErrorType, Deviation] | str | None:
    """The error of a step, `answered` for the right answer, or None for a right step (added to `done`)."""
    answer = ANSWER_STEP.search(text)
    found = equations(text)
    for equation in found:
        error = _read_equation(problem, equation, done)
        if error is not None:
            return error
    if answer is None:
        return None if found else ("NO", Deviation(_due(problem, done)))
    digits = re.search(_NUMBER, answer["answer"].replace(",", ""))
    if len(done) < len(problem.steps):
        return "MS", Deviation(_due(problem, done))
    if digits is None or int(digits[0]) != problem.steps[-1].value:
        stated = int(digits[0]) if digits else None
        return "CS", Deviation(None, wrong=stated, right=problem.steps[-1].value)
    return "answered"


def _read_equation(
    problem: NanoProblem, equation: Equation, done: list[int]
) -> tuple[ErrorType, Deviation] | None:
    x, op, y, value = equation.x, equation.op, equation.y, equation.value
    ready = [k for k in range(len(problem.steps)) if k not in done and _is_ready(problem.steps[k], done)]
    for k in ready:
        step = problem.steps[k]
        if step.op == op and _same((x, y), step):
            if value != step.value:
                return "CA", Deviation(step, wrong=value, right=step.value)
            done.append(k)
            return None
    if any(
        _same((x, y), problem.steps[k]) and problem.steps[k].op == op and problem.steps[k].value == value
        for k in done
    ):
        return None
    due = _due(problem, done)
    for misreading in problem.misreadings:
        if misreading.op == op and _same((x, y), misreading) and misreading.at not in done:
            return misreading.error_type, Deviation(problem.steps[misreading.at], misreading=misreading)
    for k in ready:
        if _same((x, y), problem.steps[k], any_order=True):
            return "OP", Deviation(problem.steps[k])
    known = {*problem.facts, *problem.distractors, *(problem.steps[k].value for k in done), *_KNOWN_CONSTANTS}
    for k in ready:
        step = problem.steps[k]
        if step.op != op:
            continue
        for wrong, right in _half_matches((x, y), step):
            if right.kind == "constant":
                return "UC", Deviation(step, wrong=wrong, right=right)
            if wrong not in known:
                return "HA", Deviation(step, wrong=wrong, right=right)
            return ("CV" if right.kind == "fact" else "PV"), Deviation(step, wrong=wrong, right=right)
    for k, step in enumerate(problem.steps):
        if k not in done and k not in ready and step.op == op and _half_matches((x, y), step):
            return "MS", Deviation(due)
    stranger = next((n for n in (x, y) if n not in known), None)
    if stranger is not None:
        return "HA", Deviation(due, wrong=stranger)
    return "QM", Deviation(due)


def _is_ready(step: Step, done: Sequence[int]) -> bool:
    return all(operand.kind != "step" or operand.index in done for operand in (step.x, step.y))


def _due(problem: NanoProblem, done: Sequence[int]) -> Step | None:
    """The first program step that is not done yet."""
    return next((step for k, step in enumerate(problem.steps) if k not in done), None)


def _same(pair: tuple[int, int], step: Step | Misreading, *, any_order: bool = False) -> bool:
    expected = (step.x.value, step.y.value)
    return pair == expected or ((any_order or step.op in "+*") and pair == expected[::-1])


def _half_matches(pair: tuple[int, int], step: Step) -> list[tuple[int, Operand]]:
    """(wrong number, operand that should stand there) for each way in which one of the two operands is right."""
    x, y = pair
    ways = [(x, step.x, y, step.y), (y, step.y, x, step.x)]
    if step.op in "+*":
        ways += [(x, step.y, y, step.x), (y, step.x, x, step.y)]
    return [(wrong, right) for kept, place, wrong, right in ways if kept == place.value]


def _right_by_another_route(problem: NanoProblem, steps: Sequence[str]) -> bool:
    """Every equation holds over known numbers, and the answer is right."""
    known = {*problem.facts, *_KNOWN_CONSTANTS}
    for text in steps[:-1]:
        found = equations(text)
        if not found:
            return False
        for e in found:
            if e.x not in known or e.y not in known or compute(e.x, e.op, e.y) != e.value:
                return False
            known.add(e.value)
    answer = ANSWER_STEP.search(steps[-1]) if steps else None
    return (
        answer is not None
        and answer["answer"].strip(" .") == problem.problem.answer
        and int(problem.problem.answer) in known
    )

"""Plausible errors of a given type, made on purpose (LEMMA, section 3.2, in the exact world).

An injected solution is right up to one step, errs there with the given type, goes on consistently with what
it found, and ends in a wrong answer. The checker finds the error where and as what it was injected, or the
draw is thrown away.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from lema_hub.nano.checker import check
from lema_hub.nano.problems import NanoProblem
from lema_hub.nano.program import LARGEST, OPS, Op, Operand, Step, compute
from lema_hub.records import ErrorType

INJECTABLE: tuple[ErrorType, ...] = ("CA", "CV", "PV", "HA", "UC", "OP", "FC", "MS", "CS", "QM", "CC", "NO")
_DRAWS = 12
_Wrong = tuple[int, Op, int, int, str]  # x op y = value, and the wording


def inject(problem: NanoProblem, error_type: ErrorType, rng: Random) -> tuple[str, ...] | None:
    """Steps of a wrong solution with one error of that type, or None where the problem has no room for it.

    Args:
        problem: The problem to err on.
        error_type: One of `INJECTABLE`; a problem without conversions has no room for `UC`, and so on.
        rng: Draws the place, the numbers and the wordings.
    """
    for _ in range(_DRAWS):
        at = rng.randrange(len(problem.steps))
        steps = _draw(problem, error_type, at, rng)
        if steps is None or steps[-1] == f"The answer is {problem.problem.answer}.":
            continue
        found = check(problem, steps)
        if (found.first_wrong, found.error_type) == (_place(problem, error_type, at), error_type):
            return steps
    return None


def inject_any(
    problem: NanoProblem, rng: Random, *, weights: dict[ErrorType, float] | None = None
) -> tuple[ErrorType, tuple[str, ...]]:
    """A wrong solution with an error of a drawn type; at last `CA`, for which there is always room."""
    types = list(weights or dict.fromkeys(INJECTABLE, 1.0))
    shares = [weights[t] for t in types] if weights else None
    for _ in range(_DRAWS):
        drawn = rng.choices(types, shares)[0]
        if (steps := inject(problem, drawn, rng)) is not None:
            return drawn, steps
    while (steps := inject(problem, "CA", rng)) is None:
        pass
    return "CA", steps


def _place(problem: NanoProblem, error_type: ErrorType, at: int) -> int:
    """The number of the wrong step when the error is made at program step `at`."""
    n = len(problem.steps)
    if error_type == "CS":
        return n + 1
    if error_type == "MS":  # the first step that needs the missing one; all numbers are one less by then
        return next((k for k in range(at + 1, n) if _needs(problem.steps[k], at)), n)
    return at + 1


def _needs(step: Step, at: int) -> bool:
    return any(operand.kind == "step" and operand.index == at for operand in (step.x, step.y))


def _draw(problem: NanoProblem, error_type: ErrorType, at: int, rng: Random) -> tuple[str, ...] | None:
    values = [step.value for step in problem.steps]
    if error_type == "CS":
        stated = near(values[-1], rng) if rng.random() < 0.5 or len(values) == 1 else rng.choice(values[:-1])
        return (*_continue(problem, values, 0, rng), f"The answer is {stated}.")
    before = tuple(_continue(problem, values, 0, rng))[:at]
    if error_type == "NO":
        stated = rng.choice([*problem.facts, *values[:at]])
        remark = rng.choice(
            (
                f"Now we look for {problem.steps[at].what}.",
                "So it is as the question says.",
                "That is easy to see.",
            )
        )
        return (*before, remark, f"The answer is {stated}.")
    if error_type == "MS":
        step = problem.steps[at]
        values[at] = rng.choice((step.x, step.y)).value
        if not _propagate(problem, values, at + 1):
            return None
        return (*before, *_continue(problem, values, at + 1, rng), f"The answer is {values[-1]}.")
    wrong = rng.choice(list(_wrong_equations(problem, error_type, at, rng)) or [None])
    if wrong is None:
        return None
    x, op, y, value, says = wrong
    if not 1 <= value <= LARGEST:
        return None
    values[at] = value
    if not _propagate(problem, values, at + 1):
        return None
    erring = says.replace("@", f"{x} {op} {y} = {value}")
    return (*before, erring, *_continue(problem, values, at + 1, rng), f"The answer is {values[-1]}.")


def _wrong_equations(problem: NanoProblem, error_type: ErrorType, at: int, rng: Random) -> Iterator[_Wrong]:
    """Candidates for a wrong equation at a step."""
    step = problem.steps[at]
    x, op, y, says = step.x.value, step.op, step.y.value, rng.choice(step.says)
    if error_type == "CA":
        yield x, op, y, near(step.value, rng), says
    elif error_type == "OP":
        for other in OPS:
            if other != op and (value := compute(x, other, y)) is not None:
                yield x, other, y, value, says
        return
    if error_type in ("QM", "CC", "FC"):
        for misreading in problem.misreadings:
            if misreading.at == at and misreading.error_type == error_type:
                m, n = misreading.x.value, misreading.y.value
                if (value := compute(m, misreading.op, n)) is not None:
                    yield m, misreading.op, n, value, rng.choice(misreading.says)
    if error_type in ("CV", "PV", "HA", "UC", "FC"):
        for replaced, operand in ((0, step.x), (1, step.y)):
            if not _may_be_mistaken(operand, error_type):
                continue
            for number in _strangers(problem, operand, error_type, at, rng):
                m, n = (number, y) if replaced == 0 else (x, number)
                if (value := compute(m, op, n)) is not None:
                    yield m, op, n, value, says


def _may_be_mistaken(operand: Operand, error_type: ErrorType) -> bool:
    if operand.kind == "constant":
        return error_type == operand.error_type
    return error_type == "HA" or error_type == ("CV" if operand.kind == "fact" else "PV")


def _strangers(
    problem: NanoProblem, operand: Operand, error_type: ErrorType, at: int, rng: Random
) -> list[int]:
    """Numbers that a step may take by mistake in place of an operand."""
    known = [*problem.facts, *problem.distractors, *(step.value for step in problem.steps[:at])]
    if error_type == "HA":
        return [n for n in (rng.randint(2, 30) for _ in range(3)) if n not in known]
    if error_type in ("UC", "FC"):
        return [n for n in (3, 4, 5, 6, 8, 10, 24) if n != operand.value]
    return [n for n in known if n != operand.value]


def near(value: int, rng: Random) -> int:
    """A number that a slip of arithmetic gives: off by one or two, or by ten."""
    return rng.choice(
        [n for n in (value - 1, value + 1, value - 2, value + 2, value - 10, value + 10) if 1 <= n <= LARGEST]
    )


def _propagate(problem: NanoProblem, values: list[int], start: int) -> bool:
    """Recomputes the values from `start` on; False where one leaves the numbers of the nano world."""
    for k in range(start, len(problem.steps)):
        x, y = (_value(operand, values) for operand in (problem.steps[k].x, problem.steps[k].y))
        value = compute(x, problem.steps[k].op, y)
        if value is None or not 1 <= value <= LARGEST:
            return False
        values[k] = value
    return True


def _continue(problem: NanoProblem, values: list[int], start: int, rng: Random) -> list[str]:
    """The program's steps from `start` on, told with these values."""
    return [_tell(step, values, k, rng) for k, step in enumerate(problem.steps) if k >= start]


def _tell(step: Step, values: list[int], k: int, rng: Random) -> str:
    x, y = _value(step.x, values), _value(step.y, values)
    return rng.choice(step.says).replace("@", f"{x} {step.op} {y} = {values[k]}")


def _value(operand: Operand, values: list[int]) -> int:
    return values[operand.index] if operand.kind == "step" else operand.value

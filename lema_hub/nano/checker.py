"""The exact checker: reads a solution of a nano problem, finds its first wrong step and its error type.

A step is read by its equations; its words carry no weight. It is right when it computes a step of the
program whose operands are known by then, in either order where the operation allows. The first step that does
not is the first wrong step, and what it did instead decides the type (`ErrorType`, LEMMA's taxonomy).

A solution that goes another way is right as well if its equations hold and its way leads to the answer
whatever the numbers of the question are: an answer that is right by the luck of the numbers is not.

    >>> from lema_hub.nano.problems import load
    >>> problem = load("nano/train/s2-0")
    >>> check(problem, ("The answer is 7.",)).error_type
    'MS'

Trap: of a wrong solution that also goes another way, the step that leaves the program is called wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lema_hub.nano.equations import Equation, Number, equations, exact, stated_number
from lema_hub.nano.problems import NanoProblem
from lema_hub.nano.program import Misreading, Op, Operand, Step
from lema_hub.records import ErrorType, digest
from lema_hub.steps import ANSWER_STEP

_KNOWN_CONSTANTS = frozenset((2, 7, 12))
_PRIME = 2**61 - 1
_MOST_PRODUCTS = 20_000
"""Of meanings with meanings; a solution that a person would write stays below 200."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """What the first wrong step did instead of a step of the program.

    Attributes:
        expected: The program step that should stand here; None where only the answer was due.
        wrong: The number that is wrong (an operand or a result), if the error is one of a number.
        right: The operand, or the result, that should stand there.
        misreading: The misreading that the step follows.
        swapped: The step subtracts or divides the right numbers the wrong way round.
    """

    expected: Step | None
    wrong: Number | None = None
    right: Operand | int | None = None
    misreading: Misreading | None = None
    swapped: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """The verdict on a solution.

    Attributes:
        ok: The solution is right.
        first_wrong: The 1-based number of the first wrong step, one more than there are steps if the end is
            missing; None if `ok`.
        error_type: Its type; None if `ok`.
        done: Indices of the program steps that the steps before the wrong one computed; empty if `ok`.
        deviation: What the wrong step did.
    """

    ok: bool
    first_wrong: int | None = None
    error_type: ErrorType | None = None
    done: tuple[int, ...] = ()
    deviation: Deviation | None = None


_Error = tuple[ErrorType, Deviation]


def check(problem: NanoProblem, steps: Sequence[str]) -> Check:
    """Finds the first wrong step of a solution.

    Args:
        problem: The problem that was solved.
        steps: Its steps without `Step k:` headers; the last one is to read `The answer is ...`.
    """
    wrong = _first_wrong(problem, steps)
    if wrong is None or _right_by_another_route(problem, steps):
        return Check(True)
    return wrong


def _first_wrong(problem: NanoProblem, steps: Sequence[str]) -> Check | None:
    """The verdict on the first step that is not the program's; None if there is none."""
    done: list[int] = []
    answered = False
    for number, text in enumerate(steps, start=1):
        before = tuple(sorted(done))
        error = _read_step(problem, text, done, answered)
        if error is not None:
            return Check(False, number, error[0], before, error[1])
        answered = answered or ANSWER_STEP.search(text) is not None
    if answered:
        return None
    return Check(False, len(steps) + 1, "MS", tuple(sorted(done)), Deviation(_due(problem, done)))


def _read_step(problem: NanoProblem, text: str, done: list[int], answered: bool) -> _Error | None:
    """The error of a step, or None for a right one; the program steps that it computes join `done`."""
    found = equations(text)
    for equation in found:
        error = _read_equation(problem, equation, done)
        if error is not None:
            return error
    answer = ANSWER_STEP.search(text)
    due = _due(problem, done)
    if answer is None:
        return None if found or answered else ("NO", Deviation(due))
    if due is not None:
        return "MS", Deviation(due)
    stated, right = stated_number(answer["answer"]), problem.steps[-1].value
    return None if stated == right else ("CS", Deviation(None, wrong=stated, right=right))


def _read_equation(problem: NanoProblem, equation: Equation, done: list[int]) -> _Error | None:
    x, op, y, value = equation.x, equation.op, equation.y, equation.value
    ready = [k for k in range(len(problem.steps)) if k not in done and _is_ready(problem.steps[k], done)]
    for k in ready:
        step = problem.steps[k]
        if step.op == op and _same((x, y), step):
            if value != step.value:
                return "CA", Deviation(step, wrong=value, right=step.value)
            done.append(k)
            return None
    for k in done:
        step = problem.steps[k]
        if step.op == op and _same((x, y), step):  # said again
            return None if value == step.value else ("CS", Deviation(step, wrong=value, right=step.value))
    for misreading in problem.misreadings:
        if misreading.op == op and _same((x, y), misreading) and misreading.at not in done:
            return misreading.error_type, Deviation(problem.steps[misreading.at], misreading=misreading)
    for k in ready:
        step = problem.steps[k]
        if _same((x, y), step, any_order=True):
            return "OP", Deviation(step, swapped=step.op == op)
    return _with_wrong_number(problem, equation, done, ready)


def _with_wrong_number(
    problem: NanoProblem, equation: Equation, done: Sequence[int], ready: Sequence[int]
) -> _Error:
    """The error of an equation that is no step's, not even with its operator or its numbers exchanged."""
    x, op, y = equation.x, equation.op, equation.y
    due = _due(problem, done)
    known = {*problem.facts, *problem.distractors, *(problem.steps[k].value for k in done), *_KNOWN_CONSTANTS}
    for k in ready:
        step = problem.steps[k]
        if step.op != op:
            continue
        for wrong, right in _half_matches((x, y), step):
            if right.kind == "constant":
                return right.error_type, Deviation(step, wrong=wrong, right=right)
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


def _same(pair: tuple[Number, Number], step: Step | Misreading, *, any_order: bool = False) -> bool:
    expected = (step.x.value, step.y.value)
    return pair == expected or ((any_order or step.op in "+*") and pair == expected[::-1])


def _half_matches(pair: tuple[Number, Number], step: Step) -> list[tuple[Number, Operand]]:
    """(wrong number, operand that should stand there) for each way in which one of the two is right."""
    x, y = pair
    ways = [(x, step.x, y, step.y), (y, step.y, x, step.x)]
    if step.op in "+*":
        ways += [(x, step.y, y, step.x), (y, step.x, x, step.y)]
    return [(wrong, right) for kept, place, wrong, right in ways if kept == place.value]


def _right_by_another_route(problem: NanoProblem, steps: Sequence[str]) -> bool:
    """Every equation holds, and the answer follows from the question as it does from the program.

    Each number of the question gets a random residue modulo a prime, and every equation is worked out on residues
    too. Two ways agree on those only if they agree on all numbers, up to a chance of 2^-50
    (Schwartz-Zippel), so the luck of the numbers does not count. Numbers that are equal cannot be told apart
    in a text: each value keeps all that it may mean.
    """
    answers = [match["answer"] for text in steps if (match := ANSWER_STEP.search(text)) is not None]
    gold = problem.steps[-1].value
    if not answers or any(stated_number(stated) != gold for stated in answers):
        return False
    residues = [int(digest("fact", k), 16) % _PRIME for k in range(len(problem.facts))]
    meanings: dict[Number, set[int]] = {}
    answer: set[int] | None = None
    products = 0
    for fact, residue in zip(problem.facts, residues, strict=True):
        meanings.setdefault(fact, set()).add(residue)
    for e in (equation for text in steps for equation in equations(text)):
        if exact(e.x, e.op, e.y) != e.value:
            return False
        for number in (e.x, e.y):  # it may be just itself, as the 12 of a dozen is
            if number in _KNOWN_CONSTANTS or number not in meanings:
                meanings.setdefault(number, set()).add(_residue(number))
        products += len(meanings[e.x]) * len(meanings[e.y])
        if products > _MOST_PRODUCTS:
            return False
        new = {_modular(x, e.op, y) for x in meanings[e.x] for y in meanings[e.y]}
        meanings.setdefault(e.value, set()).update(new)
        if e.value == gold:  # the last equation that finds the answer must mean it
            answer = new
    return _program_residue(problem, residues) in (meanings.get(gold, set()) if answer is None else answer)


def _program_residue(problem: NanoProblem, facts: Sequence[int]) -> int:
    """The answer where the facts are these residues."""
    found: list[int] = []
    for step in problem.steps:
        x, y = (
            o.value if o.kind == "constant" else (facts if o.kind == "fact" else found)[o.index]
            for o in (step.x, step.y)
        )
        found.append(_modular(x, step.op, y))
    return found[-1]


def _residue(number: Number) -> int:
    return _modular(number.numerator, "/", number.denominator)


def _modular(x: int, op: Op, y: int) -> int:
    if op == "/":
        return x * pow(y, -1, _PRIME) % _PRIME if y else 0
    return (x + y if op == "+" else x - y if op == "-" else x * y) % _PRIME

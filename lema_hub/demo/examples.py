"""The demo's problems, real wrong solutions of each, and the nano problem behind a question's text.

>>> problem = shown()[0]
>>> recognise(problem.problem.question) == problem == recognise(problem.problem.problem_id)
True
"""

from __future__ import annotations

from functools import cache
from random import Random

from lema_hub.errors import InputError
from lema_hub.nano import INJECTABLE, NanoProblem, generate, inject, load, solve
from lema_hub.nano.problems import SPLITS
from lema_hub.records import ErrorType
from lema_hub.steps import join_steps

_KNOWN = 1_500  # problems of each split whose text is recognised
_LONGEST = 160  # characters of a question that is shown in the list


@cache
def shown() -> tuple[NanoProblem, ...]:
    """Held-out problems for the list: of each family the first short one of three steps or more."""
    first: dict[str, NanoProblem] = {}
    for problem in generate("test", 400, steps=(3, 4)):
        if len(problem.problem.question) <= _LONGEST:
            first.setdefault(str(problem.problem.subject), problem)
    return tuple(first[family] for family in sorted(first))


@cache
def mistakes(problem_id: str) -> dict[ErrorType, str]:
    """A wrong solution of a nano problem for every error type that it has room for, always the same ones."""
    problem = load(problem_id)
    found = {kind: inject(problem, kind, Random(f"demo:{problem_id}:{kind}")) for kind in INJECTABLE}
    return {kind: join_steps(steps) for kind, steps in found.items() if steps is not None}


def right_solution(problem_id: str) -> str:
    """A right solution of a nano problem, always the same one."""
    return join_steps(solve(load(problem_id), Random(f"demo:{problem_id}")))


def recognise(question: str) -> NanoProblem | None:
    """The nano problem with that text, or with that id; None where it is neither.

    The first problems of every split are known by their text, spaces and case aside.
    """
    text = _normal(question)
    if text.startswith("nano/"):
        problem_id = text
    else:
        known = _index().get(text)
        if known is None:
            return None
        problem_id = known
    try:
        return load(problem_id)
    except InputError:
        return None


def draw(rng: Random) -> NanoProblem:
    """A held-out problem that `recognise` knows."""
    return load(f"nano/test/s{rng.choice((2, 3, 4))}-{rng.randrange(_KNOWN // 3)}")


@cache
def _index() -> dict[str, str]:
    """Normalised question -> problem id."""
    problems = (problem for split in SPLITS for problem in generate(split, _KNOWN))
    return {_normal(p.problem.question): p.problem.problem_id for p in problems}


def _normal(text: str) -> str:
    return " ".join(text.split()).casefold()

"""What the gates catch, against the truth of the nano world: a corrector that errs in one way at a time."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from lema_hub import nano
from lema_hub.build.corrections import build_corrections
from lema_hub.build.gates import GATES
from lema_hub.engines import Ledger, Request
from lema_hub.engines.exact import ExactEngine
from lema_hub.records import Correction, Problem, ReasoningPath
from lema_hub.steps import CorrectionText, format_correction, parse_correction, split_steps

from .conftest import Scripted

Mistaken = tuple[list[Problem], list[ReasoningPath]]
Err = Callable[[CorrectionText, tuple[str, ...]], tuple[int, tuple[str, ...]]]


def wrong_answer(right: CorrectionText, _: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """Ends in another number."""
    return right.incorrect_step, (*right.steps[:-1], "The answer is 12345.")


def false_equation(right: CorrectionText, _: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """Slips in a step, and still states the right answer."""
    slipped = re.sub(r"= (\d+)", lambda m: f"= {int(m[1]) + 7}", right.steps[0])
    return right.incorrect_step, (slipped, *right.steps[1:])


def restatement(right: CorrectionText, original: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """Repeats the wrong step before it goes on rightly."""
    return right.incorrect_step, (original[right.incorrect_step - 1], *right.steps)


def no_such_step(right: CorrectionText, original: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """Names a step behind the last one."""
    return len(original) + 3, right.steps


def late_step(right: CorrectionText, original: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """Names the step after the first wrong one, and keeps the wrong one."""
    return min(right.incorrect_step + 1, len(original)), right.steps


def erring(err: Err) -> Scripted:
    def answer(request: Request) -> str:
        ((_, found),) = ExactEngine().generate([request])
        right = parse_correction(found.text)  # type: ignore[union-attr]
        original = split_steps(request.prompt.split("Original Solution:\n{\n")[1].split("\n}\n")[0])
        step, steps = err(right, original)
        return format_correction(step, right.explanation, steps)

    return Scripted(answer, model=err.__name__)


def is_right(row: Correction) -> bool:
    """Whether a row names the first wrong step and its solution is right, step by step."""
    problem = nano.load(row.problem.problem_id)
    named = nano.check(problem, row.path.steps).first_wrong == row.incorrect_step
    return named and nano.check(problem, split_steps(row.correct_solution)).ok


@pytest.mark.parametrize(
    ("err", "gate"),
    [
        (wrong_answer, "answer"),
        (false_equation, "arithmetic"),
        (restatement, "changed"),
        (no_such_step, "step_exists"),
    ],
)
def test_a_gate_catches_every_error_of_its_kind(
    err: Err, gate: str, mistaken: Mistaken, ledger: Ledger
) -> None:
    built = build_corrections(*mistaken, erring(err), ledger)
    wrong = [row for row in built.rows if not is_right(row)]
    assert not wrong
    changed = sum(built.stages[0].dropped.values())
    assert built.stages[0].dropped.get(gate, 0) >= 0.9 * changed > 0


def test_no_gate_drops_a_right_correction(mistaken: Mistaken, ledger: Ledger) -> None:
    built = build_corrections(*mistaken, ExactEngine(), ledger, require=GATES[:-1])
    assert len(built.rows) == len(mistaken[1])
    assert all(is_right(row) for row in built.rows)


def test_a_late_step_with_the_right_answer_passes(mistaken: Mistaken, ledger: Ledger) -> None:
    # The limit of these gates: that an earlier step is wrong can only be known by solving the problem. Whoever
    # corrects with a language model has to expect such rows; their share is what a second corrector's vote is for.
    built = build_corrections(*mistaken, erring(late_step), ledger)
    assert sum(not is_right(row) for row in built.rows) > len(mistaken[1]) / 2

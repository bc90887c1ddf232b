"""Naming the first wrong step: the measurement and its two controls, on exact nano mistakes."""

from __future__ import annotations

from random import Random

import pytest

from lema_hub import nano
from lema_hub.errors import InputError
from lema_hub.evals.localisation import Case, first_difference, localise, named_step
from lema_hub.steps import format_correction, join_steps


def cases(n: int) -> list[Case]:
    """Wrong solutions with one injected error, the exact corrector's answer, and a right solution as re-solving."""
    rng = Random(0)
    made = []
    for problem in nano.generate("test", n):
        _, wrong = nano.inject_any(problem, rng)
        found = nano.check(problem, wrong)
        assert found.first_wrong is not None
        text = nano.correct(problem, wrong, rng)
        made.append(
            Case(
                item_id=problem.problem.problem_id,
                true_step=found.first_wrong,
                correction=format_correction(text.incorrect_step, text.explanation, text.steps),
                solution=wrong,
                resolved=join_steps((*wrong[: found.first_wrong - 1], "something else.")),
            )
        )
    return made


def test_the_exact_corrector_names_every_step() -> None:
    exact = cases(60)
    found = localise(exact)
    assert (found.n, found.named.value, found.unparsed) == (60, 1.0, 0)
    assert found.resolved is not None
    assert found.resolved.value == 1.0
    assert found.over_resolved is not None
    assert found.over_resolved.p == 1.0
    steps = [case.true_step for case in exact]
    assert found.commonest.value == max(steps.count(step) for step in steps) / 60
    assert found.over_commonest.difference == pytest.approx(1 - found.commonest.value)
    assert found.over_commonest.p < 0.001
    assert sum(count for count, _ in found.by_step.values()) == 60


def test_a_constant_answer_beats_nothing() -> None:
    exact = cases(60)
    common = localise(exact).commonest_step
    constant = [
        Case(item_id=case.item_id, true_step=case.true_step, solution=case.solution,
             correction=f" Step {common}.\nExplanation: e\nCorrect Solution:\n{{\nStep 1: s\n}}")
        for case in exact
    ]  # fmt: skip
    found = localise(constant)
    assert found.resolved is None
    assert found.over_resolved is None
    assert found.named == found.commonest
    assert (found.over_commonest.difference, found.over_commonest.p) == (0.0, 1.0)


def test_what_cannot_be_read_is_a_miss_and_counted() -> None:
    broken = Case(item_id="a", true_step=1, correction="I see no mistake.", solution=("x",))
    right = Case(
        item_id="b",
        true_step=1,
        correction=" Step 1.\nExplanation: e\nCorrect Solution:\n{\nStep 1: s\n}",
        solution=("x",),
    )
    found = localise([broken, right])
    assert (found.named.value, found.unparsed, found.by_step) == (0.5, 1, {1: (2, 1)})
    assert named_step(broken.correction) is None


def test_the_constant_can_come_from_elsewhere() -> None:
    case = Case(item_id="a", true_step=1, correction="", solution=("x",))
    assert localise([case], commonest_step=2).commonest.value == 0.0


@pytest.mark.parametrize(
    ("solution", "other", "step"),
    [
        (("a b", "c", "The answer is 3."), "Step 1: A  b\nStep 2: c\nStep 3: The answer is 4.", 3),
        (("a", "b"), "Step 1: x\nStep 2: b", 1),
        (("a", "b"), "Step 1: a", 2),
        (("a", "b"), "Step 1: a\nStep 2: b\nStep 3: c", None),
        (("a",), "", 1),
    ],
)
def test_the_first_line_that_differs(solution: tuple[str, ...], other: str, step: int | None) -> None:
    assert first_difference(solution, other) == step


def test_bad_cases_are_refused() -> None:
    case = Case(item_id="a", true_step=1, correction="", solution=("x",))
    other = Case(item_id="b", true_step=1, correction="", solution=("x",), resolved="y")
    with pytest.raises(InputError, match="no cases"):
        localise([])
    with pytest.raises(InputError, match="'a' occurs 2 times"):
        localise([case, case])
    with pytest.raises(InputError, match="1 of 2 cases were solved once more"):
        localise([case, other])

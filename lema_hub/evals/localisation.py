r"""How well a model names the first wrong step of a wrong solution, compared with two simple controls.

A model that was fine-tuned on corrections gets its own held-out mistakes in LeMa's correction prompt; the step that it
names is compared with the true one. Three rates over the same cases, each with its interval:

- `named`: the share of cases whose true first wrong step the model named; a correction that cannot be read is a miss;
- `commonest`: the share that always naming the same step gets: the step that is right most often;
- `resolved`: the share that re-solving gets: the model solves the problem once more, and the first line in which the
  new solution differs from the wrong one is named; no difference is a miss.

    >>> text = " Step 2.\nExplanation: x\nCorrect Solution:\n{\n...\nStep 2: y\n}"
    >>> case = Case(item_id="a", true_step=2, correction=text, solution=("a", "b"), resolved="Step 1: a\nStep 2: c")
    >>> localise([case]).named.value, localise([case]).resolved.value
    (1.0, 1.0)

The trap: where a model errs most often in the last steps, a constant answer scores high. A hit rate without the
controls says nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lema_hub.errors import FormatError, InputError
from lema_hub.stats import Comparison, Estimate, compare_outcomes, estimate
from lema_hub.steps import parse_correction, split_steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A wrong solution with what is known and what the model said of it.

    Attributes:
        item_id: The problem; it pairs the three measurements.
        true_step: Number of the first wrong step, from 1.
        correction: What the model wrote after the correction prompt.
        solution: The steps of the wrong solution.
        resolved: What the model wrote when it solved the problem once more; None if it was not asked.
    """

    item_id: str
    true_step: int
    correction: str
    solution: tuple[str, ...]
    resolved: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Localisation:
    """Hit rates on the same `n` cases, and what separates the model from the controls.

    Attributes:
        n: Cases.
        named: The model.
        unparsed: Cases whose correction names no step that can be read; they are misses.
        commonest: Always `commonest_step`.
        commonest_step: The step that is right most often; unless it was given, it is taken from the cases themselves,
            which flatters the control.
        resolved: Re-solving; None if the model was not asked.
        over_commonest: The model against the constant answer.
        over_resolved: The model against re-solving.
        by_step: True step -> (cases, hits of the model).
    """

    n: int
    named: Estimate
    unparsed: int
    commonest: Estimate
    commonest_step: int
    resolved: Estimate | None
    over_commonest: Comparison
    over_resolved: Comparison | None
    by_step: dict[int, tuple[int, int]]


def localise(cases: Sequence[Case], *, commonest_step: int | None = None) -> Localisation:
    """Measure the naming of the first wrong step.

    Args:
        cases: One per wrong solution; a problem may have several, told apart by `item_id`.
        commonest_step: The constant answer of the control, such as the commonest step of the training data.

    Raises:
        InputError: There are no cases, an id occurs twice, or only some cases were solved once more.
    """
    if not cases:
        raise InputError("no cases; expected at least one wrong solution with its first wrong step")
    ids = Counter(case.item_id for case in cases)
    if (twice := ids.most_common(1)[0])[1] > 1:
        raise InputError(f"case {twice[0]!r} occurs {twice[1]} times; give every wrong solution an id")
    asked = sum(case.resolved is not None for case in cases)
    if asked not in (0, len(cases)):
        raise InputError(f"{asked} of {len(cases)} cases were solved once more; expected all or none")
    steps = Counter(case.true_step for case in cases)
    if commonest_step is None:
        commonest_step = max(sorted(steps), key=lambda step: steps[step])
    predicted = {case.item_id: named_step(case.correction) for case in cases}
    named = {case.item_id: float(predicted[case.item_id] == case.true_step) for case in cases}
    constant = {case.item_id: float(commonest_step == case.true_step) for case in cases}
    resolved = {
        case.item_id: float(first_difference(case.solution, case.resolved) == case.true_step)
        for case in cases
        if case.resolved is not None
    }
    return Localisation(
        n=len(cases),
        named=estimate(named),
        unparsed=sum(step is None for step in predicted.values()),
        commonest=estimate(constant),
        commonest_step=commonest_step,
        resolved=estimate(resolved) if resolved else None,
        over_commonest=compare_outcomes(constant, named),
        over_resolved=compare_outcomes(resolved, named) if resolved else None,
        by_step={
            step: (count, int(sum(named[case.item_id] for case in cases if case.true_step == step)))
            for step, count in sorted(steps.items())
        },
    )


def named_step(correction: str) -> int | None:
    """The step that a correction names; None if it is not in LeMa's format."""
    try:
        return parse_correction(correction).incorrect_step
    except FormatError:
        return None


def first_difference(solution: Sequence[str], other: str) -> int | None:
    """The number of the first step in which another solution differs, spacing and case aside; None if it does not.

    A solution that ends early differs in the step that it lacks.
    """
    ours, theirs = [_plain(step) for step in solution], [_plain(step) for step in split_steps(other)]
    for number, step in enumerate(ours, start=1):
        if number > len(theirs) or step != theirs[number - 1]:
            return number
    return None


def _plain(step: str) -> str:
    return " ".join(step.lower().split())

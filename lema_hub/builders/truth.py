"""What gates catch, against the truth: in the nano world, what is wrong with a correction is known exactly.

    step         another step than the first wrong one is named
    answer       the corrected solution ends in a wrong answer
    solution     a corrected step is wrong, although the answer is right
    numbering    the corrected steps begin at another step than the one that is named
    restated     the step that is called wrong is written again
    explanation  the explanation names an error that was not made
    malformed    the text is not a correction

The last four are known of the noisy corrector only, which says what it did.

Each wrong correction counts once, by the first of these that it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lema_hub import nano
from lema_hub.artifacts.figures import GateTruth
from lema_hub.builders.gates import ASKED, GATES, Checked, GateName
from lema_hub.nano.noisy import Noise
from lema_hub.records import Problem, ReasoningPath
from lema_hub.steps import CorrectionText

_TOLD: dict[Noise | None, str] = {"misnumbered": "numbering", "restated": "restated"}


@dataclass(frozen=True, slots=True)
class Examined:
    """A corrector's text beside the mistake that it is about, read and checked.

    `checked` and `correction` are None if it is not a correction; then `fault` says why.
    """

    problem: Problem
    path: ReasoningPath
    text: str
    cost_usd: float | None
    correction: CorrectionText | None
    checked: Checked | None
    fault: str = ""


def wrong_with(examined: Examined, noise: Noise | None = None) -> str | None:
    """What is wrong with a correction of a nano problem, None if it is right; `noise` is what was done to it."""
    if examined.correction is None or examined.checked is None:
        return "malformed" if noise in (None, "malformed") else None
    if noise in _TOLD:
        return _TOLD[noise]
    problem = nano.load(examined.problem.problem_id)
    if nano.check(problem, examined.path.steps).first_wrong != examined.correction.incorrect_step:
        return "step"
    if examined.checked.judgement.verdict != "correct":
        return "answer"
    if not nano.check(problem, examined.checked.solution).ok:
        return "solution"
    return "explanation" if noise == "wrong_explanation" else None


def gate_truth(
    examined: Sequence[Examined], noises: Sequence[Noise | None], *, require: Sequence[GateName]
) -> tuple[GateTruth, ...]:
    """What each gate caught of what is wrong.

    Args:
        examined: All corrections, with the verdicts of all gates that they were put before.
        noises: What was done to each, where it is known.
        require: The gates that rows must pass.

    Returns:
        `format`, then each gate that was put to use, then `required`: all that a row must pass.
    """
    faults = [wrong_with(each, noise) for each, noise in zip(examined, noises, strict=True)]
    read = [(each.checked, fault) for each, fault in zip(examined, faults, strict=True) if each.checked]
    rows = [
        _row("format", [(each.checked is None, fault) for each, fault in zip(examined, faults, strict=True)])
    ]
    for name in GATES:
        rows.append(_row(name, [(name in checked.details, fault) for checked, fault in read]))
    for name in ASKED:
        asked = [(c, fault) for c, fault in read if name in {gate.name for gate in c.gates}]
        if asked:
            rows.append(_row(name, [(name in checked.details, fault) for checked, fault in asked]))
    dropped = [each.checked is None or each.checked.failed(require) is not None for each in examined]
    return (*rows, _row("required", list(zip(dropped, faults, strict=True))))


def _row(name: str, outcomes: Sequence[tuple[bool, str | None]]) -> GateTruth:
    made = Counter(fault for _, fault in outcomes if fault)
    caught = Counter(fault for failed, fault in outcomes if failed and fault)
    return GateTruth(
        gate=name,
        asked=len(outcomes),
        failed=sum(failed for failed, _ in outcomes),
        right=sum(failed and fault is None for failed, fault in outcomes),
        made=dict(sorted(made.items())),
        caught=dict(sorted(caught.items())),
    )

"""The gates that a correction passes before it becomes a row; each verdict is stored, passed or not.

    step_exists   the incorrect step is a step of the solution
    numbering     the corrected steps begin at the incorrect step, or repeat the steps before it unchanged
    answer        the corrected solution ends in the gold answer (LeMa, section 2.1)
    changed       the correction is not a restatement: its first step differs from the incorrect one
    arithmetic    no equation in the corrected steps is false (`lema_hub.builders.arithmetic`)
    seam          the corrected steps use a result of the kept ones (what LeMa calls excellent, not only good)
    vote          a second corrector names the same step (`lema_hub.builders.votes`); its score, by how many
    seam_judge    a model finds the correction excellent or good (`lema_hub.builders.seam_judge`)

The first five are required unless a recipe says otherwise. The score of `seam` is the share of kept results
that are used. The last two are asked of models, and only where a recipe names one. A correction that cannot be
parsed never comes this far; it is dropped with the reason `format`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lema_hub import tasks
from lema_hub.answers import Judgement, judge
from lema_hub.builders.arithmetic import equations, numbers, result
from lema_hub.records import Gate, Problem, ReasoningPath
from lema_hub.steps import CorrectionText, join_steps, put_together, same_steps

GateName = Literal[
    "step_exists", "numbering", "answer", "changed", "arithmetic", "seam", "vote", "seam_judge"
]
ASKED: tuple[GateName, ...] = ("vote", "seam_judge")
"""The gates that models are asked about."""

GATES: tuple[GateName, ...] = ("step_exists", "numbering", "answer", "changed", "arithmetic", "seam")
"""The gates that are rules."""

REQUIRED: tuple[GateName, ...] = GATES[:-1]


@dataclass(frozen=True, slots=True)
class Checked:
    """A correction put together with the solution it corrects, and what the gates say of it.

    `correct_steps` are the corrected steps from the incorrect one on; `solution` is the whole right solution.
    `details` says for a failed gate what was wrong.
    """

    correct_steps: tuple[str, ...]
    solution: tuple[str, ...]
    judgement: Judgement
    gates: tuple[Gate, ...]
    details: dict[str, str]

    def failed(self, require: Sequence[GateName]) -> GateName | None:
        """The first required gate that it fails; `numbering` if there is nothing left to require of."""
        first = next((name for name in (*GATES, *ASKED) if name in require and name in self.details), None)
        return first or (None if self.correct_steps else "numbering")

    def and_asked(self, opinion: Opinion) -> Checked:
        """With what a model says of it."""
        details = {**self.details, opinion.gate.name: opinion.detail} if opinion.detail else self.details
        return replace(self, gates=(*self.gates, opinion.gate), details=details)


@dataclass(frozen=True, slots=True)
class Opinion:
    """A gate that a model was asked about; `detail` says why it does not pass, empty if it does."""

    gate: Gate
    detail: str = ""


def check(problem: Problem, path: ReasoningPath, correction: CorrectionText) -> Checked:
    """Run all gates on a parsed correction of a wrong path."""
    number = correction.incorrect_step
    corrected = put_together(path.steps, correction)
    kept, steps, solution = corrected.kept, corrected.steps, corrected.solution
    details: dict[str, str] = {}
    if not 1 <= number <= len(path.steps):
        details["step_exists"] = f"step {number} of {len(path.steps)}"
    if corrected.rewritten:
        details["numbering"] = f"steps 1 to {number - 1} are rewritten"
    elif corrected.fault:
        details["numbering"] = corrected.fault
    style = tasks.get(problem.task).style
    judgement = judge(join_steps(solution), problem.answer, style=style, question=problem.question)
    if judgement.verdict != "correct":
        details["answer"] = f"{judgement.verdict}: {judgement.extracted!r}, gold {problem.answer!r}"
    if steps and number <= len(path.steps) and same_steps(steps[:1], path.steps[number - 1 : number]):
        details["changed"] = f"step {number} is repeated unchanged"
    stated = [equation for step in steps for equation in equations(step)]
    if wrong := [equation.text for equation in stated if not equation.holds]:
        details["arithmetic"] = f"false: {'; '.join(wrong)}"
    scores: dict[str, float] = {}
    if stated:
        scores["arithmetic"] = 1 - len(wrong) / len(stated)
    if results := {value for step in kept if (value := result(step)) is not None}:
        used = results & {number for step in steps for number in numbers(step)}
        scores["seam"] = len(used) / len(results)
        if not used:
            details["seam"] = "no result of the kept steps is used"
    gates = tuple(_gate(name, details, scores) for name in GATES)
    return Checked(steps, solution, judgement, gates, details)


def _gate(name: GateName, details: dict[str, str], scores: dict[str, float]) -> Gate:
    if name in ("arithmetic", "seam") and name not in scores:
        return Gate(name, "skipped")
    return Gate(name, "fail" if name in details else "pass", scores.get(name))

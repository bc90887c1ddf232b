"""The exact corrector: names the first wrong step of a nano solution, says why, and corrects the rest.

It is to the nano world what GPT-4 is to LeMa (section 2.1), except that it never errs: the step, its type
and the right continuation come from the checker and the program. Its wording varies.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from lema_hub.errors import InputError
from lema_hub.nano.checker import Check, check
from lema_hub.nano.equations import Number
from lema_hub.nano.problems import NanoProblem, say
from lema_hub.nano.program import Operand, Step
from lema_hub.steps import CorrectionText

_DO = {"+": "added", "-": "subtracted", "*": "multiplied", "/": "divided"}


def correct(problem: NanoProblem, steps: Sequence[str], rng: Random) -> CorrectionText:
    """The correction of a wrong solution.

    Args:
        problem: The problem that was solved.
        steps: The wrong solution without `Step k:` headers.
        rng: Draws the wordings.

    Raises:
        InputError: The solution is right.
    """
    found = check(problem, steps)
    if found.first_wrong is None:
        raise InputError(
            f"the solution of {problem.problem.problem_id} is right; only wrong solutions are corrected"
        )
    rest = [say(step, rng) for k, step in enumerate(problem.steps) if k not in found.done]
    return CorrectionText(
        incorrect_step=found.first_wrong,
        explanation=explain(problem, found, rng),
        first=found.first_wrong,
        steps=(*rest, f"The answer is {problem.problem.answer}."),
    )


def explain(problem: NanoProblem, found: Check, rng: Random) -> str:
    """Why the first wrong step is wrong, in one of several wordings."""
    deviation = found.deviation
    if deviation is None:
        raise InputError(
            f"there is nothing to explain: the solution of {problem.problem.problem_id} is right"
        )
    step, right = deviation.expected, deviation.right
    wrong = None if deviation.wrong is None else _said(deviation.wrong)
    if deviation.misreading is not None:
        return f"{deviation.misreading.why[0].upper()}{deviation.misreading.why[1:]}."
    if step is None:
        return _answer_due(problem, found, wrong, rng)
    sum_ = f"{step.x.value} {step.op} {step.y.value}"
    if found.error_type == "CS":
        return f"The result of {sum_} was found before, and it is {right}, not {wrong}."
    if deviation.swapped:
        return f"The numbers are the wrong way round: it must be {sum_}."
    if found.error_type == "CA":
        return rng.choice(
            (
                f"The result of {sum_} is {right}, not {wrong}.",
                f"It is calculated wrongly: {sum_} = {right}, not {wrong}.",
            )
        )
    if found.error_type == "OP":
        return rng.choice(
            (
                f"To find {step.what}, {step.x.value} and {step.y.value} must be {_DO[step.op]}.",
                f"The wrong operation is used: {step.x.value} and {step.y.value} must be {_DO[step.op]}.",
            )
        )
    if isinstance(right, Operand):
        return _wrong_operand(step, right, wrong, found, rng)
    if found.error_type == "MS":
        return rng.choice(
            (
                f"A step is missing: {step.what} must be found first.",
                f"Before this, {step.what} must be found.",
            )
        )
    if found.error_type == "HA":
        return f"The number {wrong} is not given anywhere; {step.what} must be found."
    if found.error_type == "NO":
        return f"This step calculates nothing; {step.what} must be found."
    return rng.choice(
        (
            f"This is not what the question asks for; {step.what} must be found.",
            f"The question needs {step.what} here.",
        )
    )


def _answer_due(problem: NanoProblem, found: Check, wrong: str | None, rng: Random) -> str:
    """What is wrong where all steps of the program are done and only the answer was due."""
    right = problem.problem.answer
    if found.error_type == "MS":
        return f"The answer is not stated; it is {right}, which was found before."
    if found.error_type != "CS":
        return f"The last step found {right}, which is the answer; nothing more must be calculated."
    if wrong is None:
        return f"The last step found {right}, but the answer states no number."
    return rng.choice(
        (
            f"The last step found {right}, but the answer says {wrong}.",
            f"The answer should be {right}, which was found before, not {wrong}.",
        )
    )


def _said(number: Number) -> str:
    """A number as one writes it."""
    return str(number) if isinstance(number, int) else f"{float(number):g}"


def _wrong_operand(step: Step, right: Operand, wrong: str | None, found: Check, rng: Random) -> str:
    if right.kind == "constant":
        return f"The number {wrong} is wrong: {right.note}."
    if found.error_type == "HA":
        return f"The number {wrong} is not given anywhere; it must be {right.value}."
    if right.kind == "fact":
        return rng.choice(
            (
                f"The step takes {wrong} where the question says {right.value}.",
                f"To find {step.what}, {right.value} must be used, not {wrong}.",
            )
        )
    return rng.choice(
        (
            f"The step takes {wrong} where {right.value} was found before.",
            f"To find {step.what}, the result {right.value} must be used, not {wrong}.",
        )
    )

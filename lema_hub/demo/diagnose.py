"""`diagnose`: one wrong solution in, its first wrong step, the reason and a corrected solution out.

The corrector names the step, explains and corrects (LeMa, arXiv 2310.20689, section 2.1). Where the question
is a nano problem, the exact checker knows the truth, and the diagnosis says whether the corrector found it.

    >>> from lema_hub.demo.correctors import exact
    >>> question = "nano/test/s2-0"  # or the problem's text
    >>> found = diagnose(question, "Paul has 16 - 10 = 6 shells. The answer is 6.", corrector=exact())
    >>> found.incorrect_step, found.error_type, found.verdict
    (2, 'MS', 'correct')

The trap: LeMa's prompt says that the solution is wrong, so a model names a step of a right solution as well.
Only in the nano world can a right solution be told.
"""

from __future__ import annotations

import logging
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lema_hub.answers import extract, judge
from lema_hub.demo.examples import recognise
from lema_hub.engines import Failure, Ledger, Request, Response
from lema_hub.errors import EngineError, FormatError, InputError
from lema_hub.nano import NanoProblem, check
from lema_hub.prompts import load as load_prompt
from lema_hub.records import ErrorType, Verdict
from lema_hub.redaction import redact
from lema_hub.steps import (
    Corrected,
    CorrectionText,
    join_steps,
    parse_correction,
    put_together,
    split_steps,
    with_answer_step,
)

if TYPE_CHECKING:
    from lema_hub.demo.correctors import Corrector

MAX_QUESTION = 2_000
MAX_SOLUTION = 4_000
"""Characters that are read; a longer text is refused, not cut."""

MAX_STEPS = 40
_QUOTED = 120  # characters of an answer that cannot be read
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What a corrector says of a solution.

    Attributes:
        corrector: The name of the corrector.
        steps_original: The solution that was given.
        steps_corrected: The whole corrected solution, kept steps included; the original one if it is right.
        incorrect_step: The 1-based number of the first wrong step; one more than there are steps if one is
            missing at the end; None if the solution is right.
        error_type: The type of the error, where it is known.
        explanation: Why the step is wrong.
        answer: The answer of the corrected solution; None if it has none.
        verdict: The judge's verdict on that answer; None if the right answer is not known.
        exact_step: Where the exact checker finds the first wrong step, for nano problems and models that can
            be wrong about it; else None.
        seconds: What it took.
        note: What the reader must know before trusting it; may be empty.
    """

    corrector: str
    steps_original: tuple[str, ...]
    steps_corrected: tuple[str, ...]
    incorrect_step: int | None
    error_type: ErrorType | None
    explanation: str
    answer: str | None
    verdict: Verdict | None
    exact_step: int | None
    seconds: float
    note: str


def diagnose(
    question: str,
    solution: str,
    *,
    corrector: Corrector,
    ledger: Path | None = None,
    budget_usd: float | None = None,
) -> Diagnosis:
    """Finds, explains and corrects the first wrong step of a solution.

    Args:
        question: The problem's text, or the id of a nano problem.
        solution: The wrong solution, with or without `Step k:` headers.
        corrector: Whom to ask.
        ledger: Where answers are remembered, so that the same question is not asked twice; None asks anew.
        budget_usd: A hard limit on the cost of everything in the ledger.

    Raises:
        InputError: The question or the solution cannot be used, or is nothing for this corrector.
        EngineError: The corrector gave no answer, or one that cannot be read.

    Example:
        >>> from lema_hub.demo.correctors import exact
        >>> solution = "Paul has 16 - 10 = 6 shells. The answer is 6."
        >>> diagnose("nano/test/s2-0", solution, corrector=exact()).explanation
        'Before this, the total of Ella and Paul must be found.'
    """
    started = time.perf_counter()
    question, steps = _read(question, solution)
    problem = recognise(question)
    if problem is None and corrector.world == "nano-exact":
        raise InputError(
            "The exact corrector knows only the problems of the nano world, and this is none of them. "
            "Choose a problem from the list, or another corrector."
        )
    truth = check(problem, steps) if problem else None
    if truth is not None and truth.ok:
        return Diagnosis(
            corrector="Exact checker",
            steps_original=steps,
            steps_corrected=steps,
            incorrect_step=None,
            error_type=None,
            explanation="Every step follows, and the answer is right.",
            answer=extract(join_steps(steps)),
            verdict="correct",
            exact_step=None,
            seconds=time.perf_counter() - started,
            note="",
        )
    request = Request(
        prompt=load_prompt(corrector.prompt).render(
            question=problem.problem.question if problem else question, solution=join_steps(steps)
        ),
        sampling=corrector.sampling,
        problem_id=problem.problem.problem_id if problem else None,
    )
    answer = _ask(corrector, request, ledger, budget_usd)
    correction = _parse(answer, steps, corrector)
    together = put_together(steps, correction)
    corrected = together.solution
    agrees = truth is not None and truth.first_wrong == correction.incorrect_step
    return Diagnosis(
        corrector=corrector.name,
        steps_original=steps,
        steps_corrected=corrected,
        incorrect_step=correction.incorrect_step,
        error_type=truth.error_type if truth and agrees else None,
        explanation=correction.explanation,
        answer=extract(join_steps(corrected), style="number" if problem else "math"),
        verdict=judge(join_steps(corrected), problem.problem.answer).verdict if problem else None,
        exact_step=truth.first_wrong if truth and corrector.world != "nano-exact" else None,
        seconds=time.perf_counter() - started,
        note=_note(corrector, problem, steps, together),
    )


def _read(question: str, solution: str) -> tuple[str, tuple[str, ...]]:
    """The question, and the solution's steps with the answer in a separate step."""
    question, solution = question.strip(), solution.strip()
    if not question:
        raise InputError("The problem is empty. Type one, or choose one from the list.")
    if not solution:
        raise InputError("The solution is empty. Type its steps, one on each line.")
    for name, text, limit in (("problem", question, MAX_QUESTION), ("solution", solution, MAX_SOLUTION)):
        if len(text) > limit:
            raise InputError(
                f"The {name} has {len(text):,} characters, but at most {limit:,} are read. Shorten it."
            )
    steps = split_steps(solution)
    if not any(re.search(r"\w", step) for step in steps):
        raise InputError(
            "This solution has no steps. Write its steps in words and numbers, one on each line."
        )
    steps = with_answer_step(steps, extract(solution, style="number"))
    if len(steps) > MAX_STEPS:
        raise InputError(
            f"The solution has {len(steps)} steps, but at most {MAX_STEPS} are read. Shorten it."
        )
    return question, steps


def _ask(corrector: Corrector, request: Request, ledger: Path | None, budget_usd: float | None) -> Response:
    if ledger is None:
        answer = next((answer for _, answer in corrector.engine.generate([request])), None)
    else:
        with Ledger(ledger) as book:  # opened here: SQLite's connections belong to the thread that made them
            (answer,) = book.run(corrector.engine, [request], stage="demo", budget_usd=budget_usd)
    if isinstance(answer, Response):
        return replace(answer, text=redact(answer.text))
    reason = (
        f"{answer.reason.replace('_', ' ')}: {answer.detail}" if isinstance(answer, Failure) else "no answer"
    )
    raise EngineError(f"{corrector.name} gave no answer ({reason}). Try again, or choose another corrector.")


def _parse(answer: Response, steps: tuple[str, ...], corrector: Corrector) -> CorrectionText:
    """The correction in an answer, if it fits the solution."""
    try:
        correction = parse_correction(answer.text)
    except FormatError as error:
        _logger.info("unreadable correction of %s: %s", corrector.name, error)
        written = " ".join(answer.text.split())
        begins = f"it begins: {written[:_QUOTED]!r}" if written else "it is empty"
        raise EngineError(
            f"{corrector.name} gave an answer that is not a correction; {begins}. "
            "Try another solution or corrector."
        ) from error
    named = correction.incorrect_step
    if not 1 <= named <= len(steps) + 1:
        raise EngineError(
            f"{corrector.name} names step {named}, but the solution has {len(steps)} steps. "
            "Try another solution or corrector."
        )
    if fault := put_together(steps, correction).fault:
        raise EngineError(
            f"{corrector.name} gave steps that do not fit the solution ({fault}). Try another solution or corrector."
        )
    return correction


def _note(
    corrector: Corrector, problem: NanoProblem | None, steps: tuple[str, ...], corrected: Corrected
) -> str:
    notes = []
    if problem is None and corrector.world == "nano":
        notes.append("This model was trained on nano problems only; do not rely on it for other problems.")
    if corrected.rewritten:
        notes.append("The corrector also rewrote the steps before it; the original ones are shown.")
    if corrected.solution == steps:
        notes.append("The corrected solution is the same as the original one: the corrector changed nothing.")
    return " ".join(notes)

"""A corrector that errs at set rates and says how: in its laboratory, gates are tested against the truth.

Each kind of noise is one that people found in GPT-4's corrections (LeMa, section 4) or that a language
model's text shows: a wrong step named, a wrong explanation, a wrong step in a solution that still ends in
the right answer, a wrong answer, a text that is not a correction, a step named that the solution does not have,
corrected steps that begin at another number, the wrong step repeated before the right ones.

    >>> from random import Random
    >>> from lema_hub.nano.problems import load
    >>> problem = load("nano/train/s2-0")
    >>> correct_noisily(problem, ("The answer is 7.",), Random(0), rates={"wrong_step": 1.0}).noise
    'wrong_step'
"""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from lema_hub.errors import InputError
from lema_hub.nano.checker import Check, Deviation, check
from lema_hub.nano.corrector import correct, explain
from lema_hub.nano.injector import near
from lema_hub.nano.problems import NanoProblem, say
from lema_hub.steps import CorrectionText, format_correction

Noise = Literal[
    "wrong_step",
    "wrong_explanation",
    "wrong_continuation",
    "wrong_answer",
    "malformed",
    "no_such_step",
    "misnumbered",
    "restated",
]
_RESULT = re.compile(r"= ([0-9]+)")
_NUMBER = re.compile(r"^Step [0-9]+: ", re.MULTILINE)
NOISES: tuple[Noise, ...] = typing.get_args(Noise)


@dataclass(frozen=True, slots=True)
class NoisyCorrection:
    """What the noisy corrector wrote.

    Attributes:
        text: Its text, in LeMa's format unless `noise` is `malformed`.
        noise: What was done to it; None if it is the exact correction.
        exact: The exact correction.
    """

    text: str
    noise: Noise | None
    exact: CorrectionText


def correct_noisily(
    problem: NanoProblem, steps: Sequence[str], rng: Random, *, rates: Mapping[Noise, float]
) -> NoisyCorrection:
    """The correction of a wrong solution, with noise of at most one kind.

    Args:
        problem: The problem that was solved.
        steps: The wrong solution without `Step k:` headers.
        rng: Draws the noise and the wordings.
        rates: How often each kind of noise occurs; the rest is exact. A solution of one step has no other
            step that could be named, so there `wrong_step` names the one after it.

    Raises:
        InputError: The solution is right, or the rates are unknown, negative or of a sum above 1.
    """
    check_rates(rates)
    exact = correct(problem, steps, rng)
    drawn, noise = rng.random(), None
    for kind in NOISES:
        drawn -= rates.get(kind, 0.0)
        if drawn < 0:
            noise = kind
            break
    made = exact
    if noise == "wrong_step":
        made = _other_step(problem, steps, exact, rng)
    elif noise == "wrong_explanation":
        made = replace(exact, explanation=_other_explanation(problem, check(problem, steps), rng))
    elif noise == "wrong_continuation":
        made = replace(exact, steps=_with_a_wrong_step(problem, exact.steps, rng))
    elif noise == "wrong_answer":
        made = replace(exact, steps=_with_a_wrong_end(problem, exact.steps, rng))
    elif noise == "no_such_step":
        made = replace(exact, incorrect_step=len(steps) + rng.randint(2, 4))
    elif noise == "restated":  # of what the solution does not say, its last step
        made = replace(exact, steps=(steps[min(exact.incorrect_step, len(steps)) - 1], *exact.steps))
    text = format_correction(made.incorrect_step, made.explanation, made.steps)
    if noise == "misnumbered":
        text = _misnumbered(made)
    return NoisyCorrection(_malformed(text, rng) if noise == "malformed" else text, noise, exact)


def check_rates(rates: Mapping[str, float] | Mapping[Noise, float]) -> dict[Noise, float]:
    """Rates of noise that can be drawn from.

    Raises:
        InputError: A kind is unknown, a rate is negative, or their sum is above 1.
    """
    checked = {kind: rates[kind] for kind in NOISES if kind in rates}
    if len(checked) < len(rates) or min(rates.values(), default=0.0) < 0 or sum(rates.values()) > 1 + 1e-9:
        raise InputError(
            f"rates are {dict(rates)}; expected shares of at most 1 in all for {', '.join(NOISES)}"
        )
    return checked


def _other_step(
    problem: NanoProblem, steps: Sequence[str], exact: CorrectionText, rng: Random
) -> CorrectionText:
    """Another step is named, and the right steps go on from there."""
    others = [k for k in range(1, len(steps) + 1) if k != exact.incorrect_step] or [exact.incorrect_step + 1]
    named = rng.choice(others)
    done = check(problem, steps[: min(named, exact.incorrect_step) - 1]).done
    rest = [say(step, rng) for k, step in enumerate(problem.steps) if k not in done]
    return replace(
        exact, incorrect_step=named, first=named, steps=(*rest, f"The answer is {problem.problem.answer}.")
    )


def _other_explanation(problem: NanoProblem, found: Check, rng: Random) -> str:
    """An explanation of an error that was not made."""
    step = rng.choice(problem.steps)
    if found.error_type in ("CA", "CS"):  # the operations were right
        return explain(problem, replace(found, error_type="OP", deviation=Deviation(step)), rng)
    slip = Deviation(step, wrong=near(step.value, rng), right=step.value)  # the arithmetic was right
    return explain(problem, replace(found, error_type="CA", deviation=slip), rng)


def _with_a_wrong_step(problem: NanoProblem, right: tuple[str, ...], rng: Random) -> tuple[str, ...]:
    """One step gets a wrong result; the others and the answer stay as they are."""
    if len(right) == 1:
        right = (say(problem.steps[-1], rng), *right)
    at = rng.randrange(len(right) - 1)
    return (*right[:at], _slipped(right[at], rng), *right[at + 1 :])


def _with_a_wrong_end(problem: NanoProblem, right: tuple[str, ...], rng: Random) -> tuple[str, ...]:
    """The answer is wrong, and so is the step that leads to it."""
    wrong = near(problem.steps[-1].value, rng)
    led = [_RESULT.sub(f"= {wrong}", step) for step in right[-2:-1]]
    return (*right[:-2], *led, f"The answer is {wrong}.")


def _misnumbered(made: CorrectionText) -> str:
    """The steps are numbered from the one after the incorrect step, so that it stays as it was."""
    text = format_correction(made.incorrect_step + 1, made.explanation, made.steps)
    return text.replace(f" Step {made.incorrect_step + 1}.", f" Step {made.incorrect_step}.", 1)


def _slipped(step: str, rng: Random) -> str:
    """A step with a slip of arithmetic in its result."""
    return _RESULT.sub(lambda match: f"= {near(int(match[1]), rng)}", step)


def _malformed(text: str, rng: Random) -> str:
    """A text from which no correction can be read."""
    head, label, solution = text.partition("Correct Solution:")
    return rng.choice(
        (
            head.rstrip(),  # cut off by a token limit
            head + label + _NUMBER.sub("", solution),
            text.replace("Explanation: ", ""),
            " The solution looks right to me.",
        )
    )

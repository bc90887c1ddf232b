"""Solutions as numbered steps, and the texts of both papers, read and written.

LeMa (arXiv 2310.20689, appendix A) numbers a solution `Step 1: ...`, and its correction reads, after the
words `Incorrect Step:` that end the prompt,

     Step 2.
    Explanation: Tom gives pens away, so they must be subtracted.
    Correct Solution:
    {
    ...
    Step 2: Tom has 5 - 3 = 2 pens.
    Step 3: The answer is 2.
    }

where the line `...` is literal: the steps before the incorrect one are not copied. LEMMA (arXiv 2503.17439,
section 3.3) has no step headers; its trajectory is a wrong prefix, a turn and a right continuation in one
text.

Trap: a step may span several lines; a new step begins only where a line starts with `Step k:`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lema_hub.errors import FormatError

_HEADER = re.compile(r"^[ \t]*\**Step[ \t]+([0-9]{1,4})[ \t]*[:.)]\**[ \t]*", re.IGNORECASE | re.MULTILINE)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z$\\(])")
# Possessive quantifiers (`*+`): models write thousands of newlines, and time must stay linear in the text.
_FIELDS = re.compile(
    r"\A\s*+(?:Incorrect Step\s*+:)?\s*+(?:Step\s++)?(?P<step>[0-9]{1,4})\s*+[.:]?\s*+"
    r"Explanation\s*+:(?P<explanation>.*?)"
    r"^[ \t]*+Correct Solution\s*+:(?P<solution>.*)\Z",
    re.IGNORECASE | re.DOTALL | re.MULTILINE,
)
_ELLIPSIS = re.compile(r"\A\s*+(?:\.\.\.|…)[ \t]*+\n?")
_CLOSED = re.compile(r"^[ \t]*\}[ \t]*$", re.MULTILINE)
ANSWER_STEP = re.compile(r"The answer is:?\s*+(?P<answer>.*[^\s.])[\s.]*+\Z", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class CorrectionText:
    """The three fields of a LeMa correction; `steps` are the corrected steps from `first` on."""

    incorrect_step: int
    explanation: str
    first: int
    steps: tuple[str, ...]


def split_steps(text: str) -> tuple[str, ...]:
    r"""The steps of a solution without their `Step k:` headers.

    A text without headers is split into its lines, and a single line into its sentences, which is how LeMa
    makes steps of free-form paths (appendix A).

    >>> split_steps("Step 1: Tom has 2 + 3 = 5 pens.\nStep 2: The answer is 5.")
    ('Tom has 2 + 3 = 5 pens.', 'The answer is 5.')
    """
    headers = list(_HEADER.finditer(text))
    if headers:
        lead = text[: headers[0].start()].strip()
        ends = [following.start() for following in headers[1:]] + [len(text)]
        steps = [text[header.end() : end].strip() for header, end in zip(headers, ends, strict=True)]
        steps = [lead, *steps] if lead else steps
    else:
        steps = [line.strip() for line in text.splitlines()]
        if len([step for step in steps if step]) == 1:
            steps = [sentence.strip() for sentence in _SENTENCE_END.split(text.strip())]
    return tuple(step for step in steps if step)


def join_steps(steps: Sequence[str], *, first: int = 1) -> str:
    """The steps as `Step k: ...` lines, numbered from `first`; the inverse of `split_steps`."""
    return "\n".join(f"Step {number}: {step}" for number, step in enumerate(steps, start=first))


def with_answer_step(steps: Sequence[str], answer: str | None) -> tuple[str, ...]:
    """The steps, ending in LeMa's `The answer is ...` step; an existing one is kept.

    A last step that is the bare answer (as in annotated data) becomes the answer step.
    """
    steps = tuple(steps)
    if answer is None or (steps and ANSWER_STEP.search(steps[-1])):
        return steps
    if steps and steps[-1].strip(" $.") == answer.strip(" $."):
        steps = steps[:-1]
    return (*steps, f"The answer is {answer}.")


def format_correction(incorrect_step: int, explanation: str, steps: Sequence[str]) -> str:
    """LeMa's correction output (appendix A); `steps` are those from `incorrect_step` on.

    Raises:
        FormatError: `incorrect_step` is below 1 or there is no step.
    """
    if incorrect_step < 1 or not steps:
        raise FormatError(
            f"a correction needs incorrect_step >= 1 and at least one step, got {incorrect_step} and "
            f"{len(steps)}; number steps from 1"
        )
    lead = "...\n" if incorrect_step > 1 else ""
    return (
        f" Step {incorrect_step}.\nExplanation: {explanation}\nCorrect Solution:\n"
        f"{{\n{lead}{join_steps(steps, first=incorrect_step)}\n}}"
    )


def parse_correction(text: str) -> CorrectionText:
    """The fields of a LeMa correction, with or without its leading `Incorrect Step:`.

    What is clearly meant is understood: missing braces, `Step 2:` for `Step 2.`, a solution written from
    step 1, text that runs on after the closing brace.

    Raises:
        FormatError: A field is missing, a step has number 0 or no words, or the solution has no numbered
            steps or gaps in their numbers.
    """
    match = _FIELDS.match(text)
    if match is None:
        found = [name for name in ("Explanation:", "Correct Solution:") if name.lower() in text.lower()]
        raise FormatError(
            f"no correction in {text[:60]!r}; expected ' Step k.', 'Explanation:' and 'Correct Solution:' "
            f"(found: {', '.join(found) or 'none'})"
        )
    body = match["solution"].strip()
    if body.startswith("{"):
        closed = _CLOSED.search(body)
        body = body[1 : closed.start()] if closed else body[1:].removesuffix("}")
    body = _ELLIPSIS.sub("", body.removesuffix("\n}").strip())
    headers = [int(header[1]) for header in _HEADER.finditer(body)]
    if not headers:
        raise FormatError(f"no 'Step k:' in the correct solution {body[:60]!r}; number its steps")
    numbers = ", ".join(map(str, headers[:20]))
    if headers != list(range(headers[0], headers[0] + len(headers))):
        raise FormatError(f"the steps of the correct solution are numbered {numbers}; expected no gaps")
    if headers[0] < 1 or int(match["step"]) < 1:
        raise FormatError("there is a step 0 in the correction; number steps from 1")
    start = _HEADER.search(body)
    steps = split_steps(body[start.start() :] if start else body)
    if len(steps) != len(headers):
        raise FormatError(
            f"a step of {numbers} in the correct solution has no words; write it or leave it out"
        )
    return CorrectionText(
        incorrect_step=int(match["step"]),
        explanation=match["explanation"].strip(),
        first=headers[0],
        steps=steps,
    )


def format_trajectory(prefix: Sequence[str], turn: str, continuation: Sequence[str], *, first: int) -> str:
    """LEMMA's trajectory on numbered steps: the wrong prefix, the turn on its own line, the continuation.

    Args:
        prefix: Steps 1 to k of the wrong solution, the first wrong one last.
        turn: Transition phrase and reflection (`Wait, ...`).
        continuation: The right steps.
        first: The number of the first continued step: k for fix & continue, 1 for fresh & restart.
    """
    return f"{join_steps(prefix)}\n{turn}\n{join_steps(continuation, first=first)}"

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

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from lema_hub import json_text
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
_LABEL = re.compile(  # in bold, as a heading, in a list; `Corrected Solution` and `Correct Steps` are said too
    r"\A[ \t]*(?:[-•>*][ \t]+|#{1,6}[ \t]*)?[*_]{0,3}(?P<label>Incorrect Step|Explanation"
    r"|(?P<solution>Correct(?:ed)? (?:Solution|Steps)))[*_]{0,3}[ \t]*(?::[*_]{0,3}|\Z)[ \t]*(?P<rest>.*)\Z",
    re.IGNORECASE,
)
_STEP = re.compile(
    r"\A[ \t]*(?:[-•>*][ \t]+|#{1,6}[ \t]*)?[*_]{0,3}Step[ \t]+#?(?P<step>[0-9]{1,4})[*_]{0,3}"
    r"[ \t]*(?:[:.)][*_]{0,3}|[-–—](?=[ \t])|\Z)[ \t]*(?P<rest>.*)\Z",
    re.IGNORECASE,
)
_HEAD = re.compile(
    r"\A\s*+(?:Incorrect Step:)?\s*+[*_]{0,3}(?:Step\s++)?#?(?P<step>[0-9]{1,4})\b[^\n]*+\s*+Explanation:",
    re.IGNORECASE,
)
_AFTERWORD = re.compile(r"\A(?P<step>The answer is[^\n]*+)\n[ \t]*\n.*\Z", re.IGNORECASE | re.DOTALL)
_ELLIPSIS = re.compile(r"\A\s*+(?:\.\.\.|…)[ \t]*+\n?")
_CLOSED = re.compile(r"^[ \t]*\}[ \t]*$", re.MULTILINE)
_BARE_STEP = re.compile(r"\A[ \t]*(?:[Ss]tep[ \t]+)?#?(?P<step>[0-9]{1,4})\b(?![.,]?[0-9])")
_LETTER = re.compile(r"\A\s*+(?:Incorrect Step:)?\s*+Step [0-9]+\.\s*\n", re.IGNORECASE)
ANSWER_STEP = re.compile(r"The answer is:?\s*+(?P<answer>.*[^\s.])[\s.]*+\Z", re.IGNORECASE | re.DOTALL)

CORRECTION_SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {
            "incorrect_step": {"type": "integer"},
            "explanation": {"type": "string"},
            "correct_steps": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["incorrect_step", "explanation", "correct_steps"],
        "additionalProperties": False,
    },
    sort_keys=True,
)
"""A correction as a JSON Schema, for endpoints with structured output."""


Repair = Literal["header", "braces", "trailing", "markup", "json"]
"""What had to be understood of a corrector's text: `Step 2:` for `Step 2.`, missing braces, words after the
end, bold labels, headings, lists or code fences, step numbers inside JSON."""


@dataclass(frozen=True, slots=True)
class CorrectionText:
    """The three fields of a LeMa correction; `steps` are the corrected steps from `first` on.

    `repairs` are what was mended to read it; they do not change what it says.
    """

    incorrect_step: int
    explanation: str
    first: int
    steps: tuple[str, ...]
    repairs: tuple[Repair, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Corrected:
    """A solution put together from kept and corrected steps.

    Attributes:
        kept: The steps of the original solution before the incorrect one.
        steps: The corrected steps from the incorrect one on.
        rewritten: Whether the correction also writes the kept steps, in other words; the original ones are kept.
        fault: Why the corrected steps do not fit the solution; empty if they do.
    """

    kept: tuple[str, ...]
    steps: tuple[str, ...]
    rewritten: bool
    fault: str

    @property
    def solution(self) -> tuple[str, ...]:
        """The whole corrected solution."""
        return (*self.kept, *self.steps)


def put_together(original: Sequence[str], correction: CorrectionText) -> Corrected:
    """The corrected solution of a wrong one, as rows and the page show it.

    The corrected steps begin at the incorrect step, or at step 1 with the steps before it written again.

    >>> put_together(["a", "b"], CorrectionText(2, "No.", 1, ("A.", "c"))).solution
    ('a', 'c')
    """
    number, first = correction.incorrect_step, correction.first
    kept = tuple(original[: number - 1])
    restated = correction.steps[: number - 1] if first == 1 else ()
    steps = correction.steps[len(restated) :]
    fault = ""
    if first not in (1, number):
        fault = f"corrected from step {first}, incorrect is step {number}"
    elif not steps:
        fault = f"no corrected step {number}"
    return Corrected(kept, steps, bool(restated) and not same_steps(restated, kept), fault)


def same_steps(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether steps are equal up to spacing, case and final full stops."""
    return [_plain(step) for step in one] == [_plain(step) for step in other]


def _plain(step: str) -> str:
    return " ".join(step.lower().split()).rstrip(".")


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

    What is clearly meant is understood, and named in `repairs`: missing braces, `Step 2:` for `Step 2.`, text
    that runs on after the end, labels in bold or as headings, code fences. A solution written from step 1 is
    read as it stands.

    Raises:
        FormatError: A field is missing, a step has number 0 or no words, or the solution has no numbered
            steps or gaps in their numbers.
    """
    try:
        return _parse(text)
    except FormatError as error:
        plain = _without_markup(text)
        if plain == text:
            raise
        try:
            read = _parse(plain)
        except FormatError:
            raise error from None
    return replace(read, repairs=("markup", *read.repairs))


def parse_json_correction(text: str) -> CorrectionText:
    """The fields of a correction written as JSON (`CORRECTION_SCHEMA`).

    Raises:
        FormatError: It is not a JSON object of exactly these fields, or one is empty.
    """
    try:
        found = json_text.value(text)
    except ValueError as error:
        raise FormatError(
            f"no JSON in {text[:60]!r} ({error}); expected the fields of a correction"
        ) from error
    if not isinstance(found, dict) or set(found) != {"incorrect_step", "explanation", "correct_steps"}:
        raise FormatError(
            f"{text[:60]!r} is not a correction; expected the fields incorrect_step, explanation, correct_steps"
        )
    number, explanation, steps = (found[key] for key in ("incorrect_step", "explanation", "correct_steps"))
    if type(number) is not int or number < 1:
        raise FormatError(f"incorrect_step is {str(number)[:20]!r}; expected a number from 1 on")
    if not isinstance(explanation, str) or not isinstance(steps, list) or not steps:
        raise FormatError("explanation is no text or correct_steps no list of steps; expected both")
    if not all(isinstance(step, str) and step.strip() for step in steps):
        raise FormatError("a correct step is no text or has no words; write it or leave it out")
    headers = [_HEADER.match(step) for step in steps]
    first = int(headers[0][1]) if headers[0] else number
    repairs: tuple[Repair, ...] = ()
    if any(headers):
        numbers = [int(header[1]) if header else 0 for header in headers]
        if numbers != list(range(first, first + len(steps))) or first < 1:
            raise FormatError(f"the correct steps are numbered {numbers[:20]}; expected no gaps")
        steps = [
            step[header.end() :] if header else step for step, header in zip(steps, headers, strict=True)
        ]
        repairs = ("json",)
    if not all(step.strip() for step in steps):
        raise FormatError("a correct step has no words; write it or leave it out")
    return CorrectionText(number, explanation.strip(), first, tuple(step.strip() for step in steps), repairs)


def incorrect_step(text: str) -> int | None:
    r"""The step that the beginning of a correction names, None if it names none; all that a vote needs.

    >>> incorrect_step(" Step 3.\nExplanation: ..."), incorrect_step("**Incorrect Step:** 2"), incorrect_step("No.")
    (3, 2, None)
    """
    for line in text.splitlines():
        said = _STEP.match(line) or _BARE_STEP.match(line)
        label = _LABEL.match(line)
        if label and label["label"].lower() == "incorrect step":
            said = _STEP.match(label["rest"]) or _BARE_STEP.match(label["rest"])
        if said:
            return int(said["step"]) or None
        if line.strip() and not label:
            return None
    return None


def _parse(text: str) -> CorrectionText:
    match = _FIELDS.match(text)
    if match is None:
        found = [name for name in ("Explanation:", "Correct Solution:") if name.lower() in text.lower()]
        raise FormatError(
            f"no correction in {text[:60]!r}; expected ' Step k.', 'Explanation:' and 'Correct Solution:' "
            f"(found: {', '.join(found) or 'none'})"
        )
    repairs: list[Repair] = [] if _LETTER.match(text) else ["header"]
    body = match["solution"].strip()
    closed = _CLOSED.search(body) if body.startswith("{") else None
    if closed is None:
        repairs.append("braces")
        if body.endswith("```"):
            body = body.rstrip("`").rstrip()
            repairs.append("markup")
    elif body[closed.end() :].strip():
        repairs.append("trailing")
    if body.startswith("{"):
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
    if closed is None and (last := _AFTERWORD.match(steps[-1])):
        steps = (*steps[:-1], last["step"])
        repairs.append("trailing")
    return CorrectionText(
        incorrect_step=int(match["step"]),
        explanation=match["explanation"].strip(),
        first=headers[0],
        steps=steps,
        repairs=tuple(repairs),
    )


def _without_markup(text: str) -> str:
    """The text with its labels and step numbers as LeMa writes them, and nothing before the first label."""
    lines: list[str] = []
    for line in text.splitlines():
        if line.strip().startswith("```"):
            continue
        if label := _LABEL.match(line):
            name = "Correct Solution" if label["solution"] else label["label"]
            line = f"{name}: {label['rest']}"
            if name.lower() == "incorrect step" and not any(_LABEL.match(earlier) for earlier in lines):
                lines = []  # what stands before it is small talk
        elif step := _STEP.match(line):
            line = f"Step {step['step']}: {step['rest']}"
        lines.append(line)
    plain = "\n".join(lines)
    return _HEAD.sub(lambda head: f" Step {head['step']}.\nExplanation:", plain)


def format_trajectory(prefix: Sequence[str], turn: str, continuation: Sequence[str], *, first: int) -> str:
    """LEMMA's trajectory on numbered steps: the wrong prefix, the turn on its own line, the continuation.

    Args:
        prefix: Steps 1 to k of the wrong solution, the first wrong one last.
        turn: Transition phrase and reflection (`Wait, ...`).
        continuation: The right steps.
        first: The number of the first continued step: k for fix & continue, 1 for fresh & restart.
    """
    return f"{join_steps(prefix)}\n{turn}\n{join_steps(continuation, first=first)}"

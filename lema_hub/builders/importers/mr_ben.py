"""MR-Ben: three models' solutions of MMLU's maths, physics and chemistry questions, with the first wrong step, the
reason and the rectified step by two people each.

Source: arXiv 2406.13975, https://github.com/dvlab-research/Mr-Ben (`math.json`, `physics.json`, `chemistry.json`),
MIT. A file holds question id -> solutions; a solution has `Question`, `Options`, `Ground_Truth_Answer_Modified` (the
answer as the annotators corrected it), `Model_Solution_Steps`, `Model_Solution_First_Error_Step` (the number that the
step bears), and two each of `Model_Solution_Error_Reason` and `Model_Solution_Rectified_First_Error_Step`.

How a solution becomes a LeMa correction: the explanation and the corrected step are those of the first annotator whose
rectified step reaches the right answer: its last sentence names the option, or the step is the last one before the
answer and ends in the option's value. Most rectified steps stop before the answer (`unfinished`): they are not
whole corrections, but a corrector of the recipe may write one.

Refused are solutions whose question has no single right option (`no_gold`), that name no single option
(`no_final_answer`), whose steps are not numbered 1, 2, 3, ... (`unnumbered`), and wrong ones with the right answer
(`right_answer`), which must not pass for right solutions.

The traps: every question is an MMLU test question, so whoever trains on them must not score MMLU: the recipe has to
say so (`mmlu_scored: false`), and nothing is taken without that word. And MMLU took its high-school mathematics from
MATH: 63 of these 222 questions hold a MATH test question, which only the comparison with MATH's test set finds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lema_hub.answers import extract, judge_answer
from lema_hub.answers.choice import options
from lema_hub.builders.annotated import Annotation, Refused, sentence
from lema_hub.builders.importers.entry import Given, Recorded, Unusable, stated_path
from lema_hub.builders.importers.line import Line
from lema_hub.errors import FormatError
from lema_hub.json_text import read_json_file
from lema_hub.records import Problem
from lema_hub.steps import CorrectionText
from lema_hub.tasks import get, split_of

LICENSE = "mit"
ANNOTATOR = "mr-ben-annotator"
STATED = (
    "its questions are MMLU test questions; a model that is trained on these rows must not be scored on MMLU"
)
"""What everybody who uses the rows has to know; it goes into manifest and card."""

MODELS: Mapping[str, str] = {
    "Claude2": "anthropic/claude-2",
    "GPT3.5": "openai/gpt-3.5-turbo",
    "mistral-medium": "mistralai/mistral-medium",
}
"""What the file calls the models -> who they are, for their terms."""

_TEXTS = ("Question_UUID", "Subject", "Question", "Options", "Ground_Truth_Answer_Modified", "Sampled_Model",
          "Model_Solution_Correctness")  # fmt: skip
_HEADER = re.compile(r"\AStep\s*(\d+)\s*[:.]\s*", re.IGNORECASE)
_CHOICE = re.compile(r"Choice[\s_\\]*\(?([A-J])\b")
_SEVERAL = re.compile(r"Choice[\s_\\]*\(?[A-J]\)?\s*(?:[/,&]|and\b|or\b)\s*(?:Choice[\s_\\]*)?\(?[A-J]\b")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_NAMES = re.compile(
    r"\b(?i:answer|option|choice|solution)(?:\s+is|\s*:)?\s*(?i:option|choice)?[\s_]*\(?([A-J])\b\)?"
    r"(?=\s*(?:[.,:(]|\Z|is\s+(?:the\s+)?(?:correct|right|answer|best)|matches))"
)
_DOUBT = re.compile(
    r"\b(?:if|whether|not|incorrect|wrong|false|eliminat\w*|exclud\w*|statement)\b|n't\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Row:
    """One annotated solution; `reasons` and `rectified` are empty for a right one."""

    question_id: str
    subject: str
    question: str
    answer: str
    model: str
    steps: tuple[str, ...]
    is_correct: bool
    error_step: int | None
    reasons: tuple[str, ...]
    rectified: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Solution:
    """A solution that can be used: its steps, the option it names, and the annotation if it is wrong."""

    steps: tuple[str, ...]
    answer: str
    annotation: Annotation | None


def read(file: Path) -> list[Row]:
    """The solutions of one of MR-Ben's files.

    Raises:
        InputError: The file cannot be read, or a solution is not of that format.
    """
    questions = read_json_file(file, remedy="give one of MR-Ben's files")
    if not isinstance(questions, dict) or not all(isinstance(rows, list) for rows in questions.values()):
        raise FormatError(
            f"{file.name} is not an object of lists; expected MR-Ben's question id -> solutions"
        )
    rows = [row for solutions in questions.values() for row in solutions]
    return [_row(row, index, file) for index, row in enumerate(rows)]


def _row(row: Any, index: int, file: Path) -> Row:
    line = Line(row, f"solution {index} of {file.name}", "MR-Ben's format")
    for name in _TEXTS:
        line.text(name)
    fields = get("mr-ben").read(row)
    is_correct = row["Model_Solution_Correctness"] == "correct"
    number = str(row.get("Model_Solution_First_Error_Step"))
    if not is_correct and not (number.isdecimal() and int(number[:9]) > 0):
        raise FormatError(
            f"{line.where} is incorrect, but its error step is {number[:20]!r}; expected a number"
        )
    return Row(
        question_id=line.text("Question_UUID"),
        subject=line.text("Subject"),
        question=fields.question,
        answer=fields.answer,
        model=MODELS.get(line.text("Sampled_Model"), line.text("Sampled_Model")),
        steps=tuple(step.strip() for step in line.texts("Model_Solution_Steps", least=0) if step.strip()),
        is_correct=is_correct,
        error_step=None if is_correct else int(number[:9]),
        reasons=() if is_correct else line.texts("Model_Solution_Error_Reason"),
        rectified=() if is_correct else line.texts("Model_Solution_Rectified_First_Error_Step"),
    )


def entries(file: Path, given: Given) -> Iterator[Recorded | Unusable]:
    """The solutions of the file, refused or with their annotation; all of test questions if MMLU is scored.

    Raises:
        InputError: The file cannot be read, or a solution is not of that format.
    """
    task = get("mr-ben")
    for row in read(file):
        problem = Problem(
            problem_id=f"mr-ben/{row.question_id}",
            task=task.name,
            split="test" if given.scored else split_of(row.question),
            question=row.question,
            answer=row.answer,
            gold_solution="",
            level=None,
            subject=row.subject,
            source_repo=task.source_repo,
            source_revision=given.revision,
            license=LICENSE,
        )
        found = solution(row)
        if isinstance(found, Refused):
            yield Unusable(problem.problem_id, found, "\n".join(row.steps))
            continue
        path = stated_path(problem, found.steps, found.answer, model=row.model, origin="other_model")
        yield Recorded(problem, path, row.is_correct, found.annotation)


def solution(row: Row) -> Solution | Refused:
    """A row as a solution with what its annotators wrote, or why it can be neither."""
    letters = options(row.question)
    if row.answer not in letters:
        return Refused(
            "no_gold", f"the annotators' answer is {row.answer!r}, the options are {', '.join(letters)}"
        )
    named = set(_CHOICE.findall(row.steps[-1])) if row.steps else set()
    if len(named) != 1 or _SEVERAL.search(row.steps[-1]) or not named <= set(letters):
        last = row.steps[-1] if row.steps else ""
        return Refused("no_final_answer", f"the solution ends in {last[:120]!r}")
    (answer,) = named
    verdict = judge_answer(answer, row.answer, style="choice", question=row.question).verdict
    if row.is_correct != (verdict == "correct"):
        said = "right" if row.is_correct else "wrong"
        return Refused(
            "disputed" if row.is_correct else "right_answer", f"a {said} solution that ends in {answer}"
        )
    steps = _numbered(row.steps)
    if steps is None or (row.error_step or 1) > len(steps):
        return Refused("unnumbered", "its steps are not numbered 1, 2, 3, ...")
    return Solution(
        steps, answer, None if row.error_step is None else _annotation(row, row.error_step, steps)
    )


def _numbered(lines: tuple[str, ...]) -> tuple[str, ...] | None:
    """The steps without their headers and the line of the solution; lines between headers belong to the step before."""
    steps: list[str] = []
    for line in lines:
        header = _HEADER.match(line)
        if header is not None:
            if int(header[1]) != len(steps) + 1:
                return None
            steps.append(" ".join(line[header.end() :].split()))
        elif line.startswith("Solution"):
            break
        elif not steps:
            return None
        else:
            steps[-1] = f"{steps[-1]} {' '.join(line.split())}"
    return tuple(steps) if steps and all(steps) else None


def _annotation(row: Row, number: int, steps: tuple[str, ...]) -> Annotation:
    for reason, rectified in zip(row.reasons, row.rectified, strict=False):
        step = _HEADER.sub("", " ".join(rectified.split()))
        explanation = sentence(reason)
        if explanation and step and _reaches(step, row, is_last=number == len(steps)):
            corrected = (step, f"The answer is {row.answer}.")
            return Annotation(ANNOTATOR, CorrectionText(number, explanation, number, corrected))
    detail = f"the rectified step {number} of {len(steps)} does not reach the answer"
    return Annotation(ANNOTATOR, None, "unfinished", detail)


def _reaches(step: str, row: Row, *, is_last: bool) -> bool:
    """Whether a rectified step ends in the right option and no other."""
    last = _SENTENCE.split(step)[-1]
    named = set(_NAMES.findall(last))
    if named or _DOUBT.search(last):
        return named == {row.answer} and not _DOUBT.search(last)
    value = extract(last, style="math") if is_last else None
    if value is None:
        return False
    bare = value.rsplit("=", 1)[-1].strip(" $.")
    equal = [
        letter
        for letter, option in options(row.question).items()
        if judge_answer(bare, option, style="math").verdict == "correct"
    ]
    return equal == [row.answer]

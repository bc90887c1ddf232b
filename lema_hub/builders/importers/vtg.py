"""Verify-then-Generate: 1,002 wrong solutions of GSM8K problems whose first wrong step teachers marked.

Source: arXiv 2407.09136, https://github.com/eth-lre/verify-then-generate, CC BY-SA 4.0. A row of `dataset.json` holds
the student model's steps, the 0-based index of the first wrong one, its category, the teacher's description, and the
reference solution.

How a row becomes a LeMa correction:

- `incorrect_step` is the index plus one.
- `explanation` is the teacher's description. Where there is none, it is a sentence for the category; the corrector of
  such a row is `vtg-category` instead of `vtg-teacher`, so that it can be told apart and left out.
- The corrected steps are those of the reference solution. It was written apart from the student's solution and starts
  at the beginning: its first steps are dropped as long as the kept steps of the student have found their results
  already. `student_correct_response` is not used: it is prose, and a twentieth of it ends in no clear answer.
- Where several teachers marked the same solution, the step of their majority counts, with its longest description;
  without a majority the row is refused (`annotators_disagree`).
- Where a teacher writes that the question or its gold answer is wrong, the row is refused (`disputed`).

The trap: the file does not say which of its questions are test questions; GSM8K has to be loaded beside it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lema_hub import tasks
from lema_hub.builders.annotated import Annotation, sentence
from lema_hub.builders.arithmetic import result
from lema_hub.builders.importers.entry import Given, Recorded
from lema_hub.builders.importers.line import Line
from lema_hub.builders.mistakes import judged_path
from lema_hub.errors import FormatError, InputError
from lema_hub.json_text import read_json_file
from lema_hub.records import ErrorType
from lema_hub.steps import CorrectionText, split_steps, with_answer_step

LICENSE = "cc-by-sa-4.0"
STUDENT, TEACHER, CATEGORY = "vtg-student", "vtg-teacher", "vtg-category"

ERROR_TYPES: Mapping[str, ErrorType] = {
    "Misunderstanding of a question": "QM",
    "Calculation error easily solved by a calculator": "CA",
    "Unit conversion error": "UC",
}
"""The categories that are a type of LEMMA's taxonomy; the others cut across it."""

_EXPLANATIONS = {
    "Misunderstanding of a question": "This step misunderstands what the question says.",
    "Extra quantity or Missing quantity": "This step leaves out a quantity or uses one that does not belong.",
    "Missing / Wrong factual knowledge": "This step rests on a fact that is wrong or missing.",
    "Calculation error easily solved by a calculator": "The calculation in this step is wrong.",
    "Unit conversion error": "This step converts the units wrongly.",
    "Reached correct solution but proceeded further": "The answer was found before this step.",
}
_DISPUTES = re.compile(
    r"no error|n[o']t think the student has made|correct solution (?:is|contradicts)|wrongly specified"
    r"|solution seems wrong|badly-worded|worded the problem|question (?:has an error|is mathem|unclear)"
    r"|correct answer in a different|answer is correct",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Row:
    """One annotated solution; `incorrect_index` is 0-based."""

    problem: str
    reference_steps: tuple[str, ...]
    student_steps: tuple[str, ...]
    incorrect_index: int
    error_category: str
    description: str


def read(file: Path) -> list[Row]:
    """The rows of `dataset.json`.

    Raises:
        InputError: The file cannot be read, or a row is not of that format.
    """
    rows = read_json_file(file, remedy="give VtG's dataset.json")
    if not isinstance(rows, list):
        raise FormatError(f"{file.name} is {type(rows).__name__}; expected VtG's list of rows")
    return [_row(row, index, file) for index, row in enumerate(rows)]


def _row(row: Any, index: int, file: Path) -> Row:
    line = Line(row, f"row {index} of {file.name}", "VtG's format")
    problem, reference = line.text("problem"), split_steps(line.text("reference_solution"))
    steps = tuple(step.strip() for step in line.texts("student_incorrect_solution"))
    number = line.number("incorrect_index", least=0)
    if number >= len(steps):
        raise FormatError(f"{line.where}: incorrect_index is {number} of {len(steps)} steps")
    return Row(
        problem=problem,
        reference_steps=reference,
        student_steps=steps,
        incorrect_index=number,
        error_category=line.text("error_category"),
        description=(line.optional("error_description") or "").strip(),
    )


def entries(file: Path, given: Given) -> Iterator[Recorded]:
    """The solutions of the file, each with what all of its teachers wrote of it.

    Raises:
        InputError: The file cannot be read, a row is not of that format, or a question is not in GSM8K.
    """
    if not given.known:
        raise InputError(
            "vtg does not say which of its questions are test questions; load GSM8K first (train and test)"
        )
    rows = read(file)
    groups: dict[tuple[str, tuple[str, ...]], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.problem, row.student_steps), []).append(row)
    for index, row in enumerate(rows):
        problem = given.known.get(tasks.question_key(row.problem))
        if problem is None:
            raise InputError(
                f"row {index} of {file.name} has a question that is not in GSM8K: {row.problem[:60]!r}"
            )
        problem = replace(problem, license=LICENSE)
        judged = judged_path(problem, "\n".join(row.student_steps), model=STUDENT)
        same = groups[row.problem, row.student_steps]
        steps = with_answer_step(row.student_steps, judged.answer)
        error_type = ERROR_TYPES.get((chosen(same) or row).error_category)
        path = replace(judged, steps=steps, error_type=error_type)
        yield Recorded(problem, path, False, annotation(same, steps, problem.answer))


def chosen(rows: Sequence[Row]) -> Row | None:
    """The row that stands for several on the same solution: the majority's step, its longest description."""
    index, votes = Counter(row.incorrect_index for row in rows).most_common(1)[0]
    if votes * 2 <= len(rows):
        return None
    return max((row for row in rows if row.incorrect_index == index), key=lambda row: len(row.description))


def annotation(rows: Sequence[Row], steps: Sequence[str], answer: str) -> Annotation:
    """What the teachers wrote of one path as its correction, or as a refusal; `rows` are all about that
    path.
    """
    disputes = [row.description for row in rows if _DISPUTES.search(row.description)]
    if disputes:
        return Annotation(TEACHER, None, "disputed", disputes[0])
    row = chosen(rows)
    if row is None:
        marked = ", ".join(str(row.incorrect_index + 1) for row in rows)
        return Annotation(TEACHER, None, "annotators_disagree", f"they mark the steps {marked}")
    corrector = TEACHER if row.description else CATEGORY
    explanation = sentence(row.description) or _EXPLANATIONS.get(row.error_category)
    if explanation is None:
        return Annotation(
            corrector, None, "no_explanation", f"category {row.error_category!r}, no description"
        )
    number = row.incorrect_index + 1
    reference = with_answer_step(row.reference_steps, answer)
    correct = continued(steps[: number - 1], reference)
    return Annotation(corrector, CorrectionText(number, explanation, number, correct))


def continued(kept: Sequence[str], reference: Sequence[str]) -> tuple[str, ...]:
    """The steps of a reference solution from the first one whose result the kept steps have not found.

    >>> reference = ["900 * 3 = 2700", "2700 + 1800 = 4500", "The answer is 4500."]
    >>> continued(["The beds cost 900 * 3 = $2700."], reference)
    ('2700 + 1800 = 4500', 'The answer is 4500.')
    """
    found = {value for step in kept if (value := result(step)) is not None}
    first = 0
    while first < len(reference) - 2 and result(reference[first]) in found:
        first += 1
    return tuple(reference[first:])

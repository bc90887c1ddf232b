"""PRMBench: step errors that GPT-4o wrote into right solutions of MATH training questions, with reasons.

Source: arXiv 2501.03124, https://github.com/ssmisya/PRMBench (`prm800k_train_p1_first400_4o_*.jsonl`, one file
per kind of error), Apache-2.0; the right solutions are PRM800K's. A row holds `question` (as MATH has it),
`original_process` and `modified_process` (lists of steps), `error_steps` (1-based) and `reason`; `modified_question`
differs where the error is in the question.

How a row becomes a LeMa correction: the path is the modified process, the incorrect step its first error step, the
explanation the reason, and the corrected steps are those of the original process from that step on. Both get their
final answer as the last step; a trailing remark (`Right.`, `And we are done.`) is left out.

Most rows are refused, each with its reason:

- `question_changed`: the modified question is another one, so the MATH answer says nothing about it.
- `original_unproven`: the original process does not end in the MATH answer, so it is not a corrected solution.
- `prefix_changed`: steps before the first error step were rewritten too, so the original does not go on from them.
- `right_answer`: the modified process ends in the right answer. By its answer it is not a mistake, and by its
  steps it is not a right solution: a CoT builder must never see it.
- `gives_itself_away`: a modified step speaks of its own error ("incorrectly", "hallucination"): no student writes so.
- `no_final_answer`: the modified process does not end as the original one does, with an answer that can be read.

The trap: reasons are GPT-4o's, written with the error in mind; some praise the injection rather than explain the
mistake. They are taken as they are, under a corrector of their own, so that they can be told apart and left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lema_hub import tasks
from lema_hub.answers import extract, judge, judge_answer
from lema_hub.builders.annotated import Annotation, Refused, sentence
from lema_hub.builders.importers.entry import Given, Recorded, Unusable, stated_path
from lema_hub.builders.importers.line import Line
from lema_hub.errors import InputError
from lema_hub.json_text import read_jsonl
from lema_hub.records import Problem
from lema_hub.steps import CorrectionText, with_answer_step

LICENSE = "apache-2.0"
STUDENT = CORRECTOR = "openai/gpt-4o (PRMBench)"
"""Who wrote the errors into the solutions, and the reasons."""

_ALIKE = 0.5
"""The share of words that the last steps of both processes must have in common."""

_STATES = re.compile(r"[\d$\\]")
_NUMBERING = re.compile(r"(?:Step\s+)?(\d+)\s*[.:)]\s+", re.IGNORECASE)
_FORMULA = re.compile(r"\$[^$]*\$|\\[a-zA-Z]+")
_WORD = re.compile(r"[A-Za-z]{2,}")
_AWAY = re.compile(
    r"\b(?:incorrect|erroneous|mistak|mislead|misinterpret|misunder|mistreat|wrong|flaw|errors?\b|contradict|conflict"
    r"|pretend|counterfactual|hallucinat|inconsisten|invalid|inaccura|false|decept|improper|unjustif|miscalculat"
    r"|miscomput|overlook|introduc|apolog|forgot|confident)\w*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Row:
    """One solution with its error; `error_steps` are 1-based and in order."""

    question: str
    original_question: str
    modified_question: str
    original_steps: tuple[str, ...]
    modified_steps: tuple[str, ...]
    error_steps: tuple[int, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Mistake:
    """A row that can be used: the wrong steps, their final answer, and the correction."""

    steps: tuple[str, ...]
    answer: str
    annotation: Annotation


def read(file: Path) -> list[Row]:
    """The rows of one of PRMBench's files.

    Raises:
        InputError: The file cannot be read, or a row is not of that format.
    """
    return [_row(row, index, file) for index, row in enumerate(read_jsonl(file))]


def _row(row: dict[str, Any], index: int, file: Path) -> Row:
    line = Line(row, f"row {index} of {file.name}", "PRMBench's format")
    errors = row.get("error_steps")
    if (
        not isinstance(errors, list)
        or not errors
        or not all(type(step) is int and step > 0 for step in errors)
    ):
        raise line.misfit("error_steps", "numbers from 1")
    return Row(
        question=line.text("question"),
        original_question=line.text("original_question"),
        modified_question=line.text("modified_question"),
        original_steps=_plain(line.texts("original_process")),
        modified_steps=_plain(line.texts("modified_process")),
        error_steps=tuple(sorted(errors)),
        reason=line.text("reason"),
    )


def entries(file: Path, given: Given) -> Iterator[Recorded | Unusable]:
    """The rows of the file, as mistakes with their corrections or refused.

    Raises:
        InputError: The file cannot be read, a row is not of that format, or no MATH problem is known.
    """
    if not given.known:
        raise InputError("prmbench does not bring MATH's answers; load MATH first (train and test)")
    for row in read(file):
        keys = [tasks.question_key(question) for question in (row.question, row.original_question)]
        problem = given.known.get(keys[0]) or given.known.get(keys[1])
        text = "\n".join(row.modified_steps)
        if problem is None:
            refused = Refused("unknown_question", f"no MATH question that was loaded: {row.question[:80]!r}")
            yield Unusable("", refused, text)
            continue
        found = mistake(row, problem)
        if isinstance(found, Refused) and problem.split != "test":
            yield Unusable(problem.problem_id, found, text)
            continue
        answer = None if isinstance(found, Refused) else found.answer
        steps = row.modified_steps if isinstance(found, Refused) else found.steps
        problem = replace(problem, license=LICENSE)
        path = stated_path(problem, steps, answer, model=STUDENT, origin="injected")
        yield Recorded(problem, path, annotation=None if isinstance(found, Refused) else found.annotation)


def _plain(steps: Sequence[str]) -> tuple[str, ...]:
    """Steps on one line each, without the numbers that some of them begin with."""
    lines = [" ".join(step.split()) for step in steps]
    return tuple(
        line[match.end() :] if (match := _NUMBERING.match(line)) and int(match[1]) == number else line
        for number, line in enumerate(lines, start=1)
    )


def mistake(row: Row, problem: Problem) -> Mistake | Refused:
    """A row as a mistake with its correction, or why it cannot be used; `problem` is its MATH problem."""
    if row.modified_question != row.original_question:
        return Refused("question_changed", f"the modified question is {row.modified_question[:120]!r}")
    original, modified = _stated(row.original_steps), _stated(row.modified_steps)
    proven = original and _final(original[-1], problem)
    if not proven or not _is_right(proven, problem):
        return Refused("original_unproven", f"it ends in {proven!r}, the MATH answer is {problem.answer!r}")
    number = row.error_steps[0]
    if number > len(modified) or modified[: number - 1] != original[: number - 1]:
        return Refused("prefix_changed", f"the steps before step {number} are not the original ones")
    answer = _final(modified[-1], problem)
    if answer and _is_right(answer, problem):
        return Refused("right_answer", f"the modified process ends in {answer!r}, which is right")
    told = {word.lower() for step in modified[number - 1 :] for word in _AWAY.findall(step)}
    if told := told - {word.lower() for step in original for word in _AWAY.findall(step)}:
        return Refused("gives_itself_away", f"a modified step says {sorted(told)[0]!r}")
    if (
        not answer
        or not _are_alike(modified[-1], original[-1])
        or _has_digit(problem.answer) > _has_digit(answer)
    ):
        return Refused("no_final_answer", f"the modified process ends in {modified[-1][:120]!r}")
    corrected = with_answer_step(original[number - 1 :], problem.answer)
    if judge(corrected[-1], problem.answer, style="math", question=problem.question).verdict != "correct":
        corrected = (
            *corrected,
            f"The answer is {problem.answer}.",
        )  # after `So the answer is $10 * 6 = 60$.`
    correction = CorrectionText(number, sentence(row.reason), number, corrected)
    return Mistake(modified, answer, Annotation(CORRECTOR, correction))


def _stated(steps: tuple[str, ...]) -> tuple[str, ...]:
    """The steps up to the last one that states a number or a formula."""
    last = max((index for index, step in enumerate(steps) if _STATES.search(step)), default=-1)
    return steps[: last + 1]


def _final(step: str, problem: Problem) -> str | None:
    """The answer that a last step states: of an equation (`So $m+n=101$.`) its right side."""
    answer = extract(step, style="math")
    if answer and "=" in answer and not _is_right(answer, problem):
        answer = answer.rsplit("=", 1)[1]
    return answer.strip(" $.") if answer else None


def _is_right(answer: str, problem: Problem) -> bool:
    return judge_answer(answer, problem.answer, style="math", question=problem.question).verdict == "correct"


def _are_alike(one: str, other: str) -> bool:
    words = [{word.lower() for word in _WORD.findall(_FORMULA.sub(" ", text))} for text in (one, other)]
    either = words[0] | words[1]
    return not either or len(words[0] & words[1]) >= _ALIKE * len(either)


def _has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)

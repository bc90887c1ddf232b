"""Our own format of recorded solutions: one object per line.

    {"question": "...", "answer": "2", "solution": "Step 1: ...", "model": "people", "license": "mit"}

`answer` is the bare answer. Optional are `problem_id`, `split` (train, dev or test), `gold_solution`, `level`,
`subject`, `source_repo`, `source_revision`, `origin` and `is_correct`; and for annotated mistakes `incorrect_step`
(1-based), `explanation`, `correct_steps` (a list, from the incorrect step on) and `corrector`.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lema_hub import tasks
from lema_hub.builders.annotated import Annotation
from lema_hub.builders.importers.entry import Given, Recorded
from lema_hub.builders.importers.line import Line
from lema_hub.builders.mistakes import judged_path
from lema_hub.errors import FormatError
from lema_hub.json_text import read_jsonl
from lema_hub.records import Origin, Problem, digest
from lema_hub.steps import CorrectionText


def entries(file: Path, given: Given) -> Iterator[Recorded]:
    """The solutions of the file, one for each row.

    Raises:
        InputError: The file cannot be read, a row is not of that format, or two rows give one id to two problems.
    """
    met = {problem.problem_id: (-1, problem) for problem in given.known.values()}
    for index, row in enumerate(read_jsonl(file)):
        line = Line(row, f"row {index} of {file.name}", "the format of lema_hub.builders.importers.jsonl")
        question = line.text("question")
        split = _choice(line, "split", "train", ("train", "dev", "test"))
        problem = given.known.get(tasks.question_key(question)) or _problem(line, split, file, given)
        first, same = met.setdefault(problem.problem_id, (index, problem))
        if (same.question, same.answer, same.split) != (problem.question, problem.answer, problem.split):
            owner = f"row {first}" if first >= 0 else f"a problem of {given.task}"
            raise FormatError(
                f"{line.where} has the problem_id {problem.problem_id!r} of {owner} but another question, answer or "
                "split"
            )
        path = judged_path(
            problem,
            line.text("solution"),
            model=line.text("model"),
            origin=_choice(line, "origin", "other_model", typing.get_args(Origin)),
        )
        yield Recorded(problem, path, line.flag("is_correct"), _annotation(line))


def _problem(line: Line, split: str, file: Path, given: Given) -> Problem:
    question = line.text("question")
    return Problem(
        problem_id=line.optional("problem_id") or f"{given.task}/{split}/{digest(question)[:12]}",
        task=given.task,
        split=tasks.split_of(question) if split == "train" else split,
        question=question,
        answer=line.text("answer"),
        gold_solution=line.optional("gold_solution") or "",
        level=line.optional("level"),
        subject=line.optional("subject"),
        source_repo=line.optional("source_repo") or file.name,
        source_revision=line.optional("source_revision") or given.revision,
        license=line.text("license"),
    )


def _choice(line: Line, name: str, default: str, choices: tuple[str, ...]) -> Any:
    value = line.row.get(name, default)
    if value not in choices:
        raise FormatError(
            f"{line.where} has {name} {str(value)[:60]!r}; expected one of {', '.join(choices)}"
        )
    return value


def _annotation(line: Line) -> Annotation | None:
    if line.row.get("incorrect_step") is None:
        return None
    number = line.number("incorrect_step", least=1)
    correction = CorrectionText(number, line.text("explanation"), number, line.texts("correct_steps"))
    return Annotation(line.optional("corrector") or "annotation", correction)

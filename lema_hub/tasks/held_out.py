"""The held-out questions: every test set that lema_hub scores, and files of one's own.

    sets, missing = load_held_out("gsm8k")
    [(one.name, len(one.questions)) for one in sets]    # [('gsm8k', 1319), ('math', 5000), ...]

What is built for one real task is compared with the test sets of all of them: a model that is trained on it is scored
on all. The nano world is compared with itself only; its generator keeps the splits apart, and its scored problems are
looked for as well.

The trap: a test set that cannot be loaded is not a test set without hits; it is named as missing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lema_hub.errors import FormatError, HubError, InputError
from lema_hub.json_text import read_jsonl
from lema_hub.records import Problem
from lema_hub.tasks.load import SCORED_TASKS, file_revision, get, load_problems
from lema_hub.tasks.nano import SCORED
from lema_hub.tasks.overlap import Index, N, Overlap

logger = logging.getLogger(__name__)

TEXTS = ("question", "gold_solution", "path_text", "completion")
"""The columns of a row that are compared: what a model reads or writes when it is trained on the row."""

_QUESTION_KEYS = ("question", "problem")
_BATCH = 4096  # rows whose equal texts are compared once


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """The questions of one test set.

    Attributes:
        name: The task's name, or the file's.
        repo: Where it comes from, None for a file.
        revision: The commit, or `sha256:` and the hash of the file.
        ids: The questions' ids.
        questions: Their texts, in the same order.
    """

    name: str
    repo: str | None
    revision: str
    ids: tuple[str, ...]
    questions: tuple[str, ...]


HeldOutSets = tuple[Sequence[HeldOut], Mapping[str, str]]
"""Test sets, and for each that could not be loaded the reason, by name."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A test question in a row, or a phrase that they share (`Overlap.is_hit`).

    Attributes:
        held_out: The test set's name.
        test_id: The question's id.
        column: In which of the row's texts.
        overlap: What is shared.
    """

    held_out: str
    test_id: str
    column: str
    overlap: Overlap

    def __str__(self) -> str:
        """Which question, how it was matched, where, and the matched text."""
        how = "whole" if self.overlap.kind == "whole" else "n-gram"
        words = " ".join(self.overlap.text.split())
        return f"{self.test_id} ({how}, {self.overlap.words} words, in {self.column}): {words}"


def find_hits(
    rows: Iterable[Mapping[str, str]], sets: Sequence[HeldOut], *, n: int = N
) -> Iterator[list[Hit]]:
    """For every row what its texts share with the questions of some test sets, the weightiest first.

    Args:
        rows: Texts by column.
        sets: The test sets.
        n: Words in a run (`lema_hub.tasks.overlap`).

    Raises:
        InputError: n is below 3, or a question has no word.
    """
    owners = [(one.name, test_id) for one in sets for test_id in one.ids]
    index = Index([question for one in sets for question in one.questions], n=n)
    rest = iter(rows)
    while batch := list(islice(rest, _BATCH)):
        texts = dict.fromkeys(text for row in batch for text in row.values())
        found = dict(zip(texts, index.find(texts), strict=True))
        for row in batch:
            hits = [
                Hit(*owners[overlap.question], column, overlap)
                for column, text in row.items()
                for overlap in found[text]
            ]
            yield sorted(hits, key=lambda hit: (not hit.overlap.is_hit, -hit.overlap.words))


def scored_with(task: str) -> tuple[str, ...]:
    """The tasks whose test sets a model is scored on that is trained for `task`.

    Raises:
        InputError: There is no such task.
    """
    if get(task).name == "nano":
        return ("nano",)
    return tuple(name for name in SCORED_TASKS if name != "nano")


def load_held_out(task: str, *, loaded: Sequence[Problem] = (), against: Sequence[Path] = ()) -> HeldOutSets:
    """The test sets of all tasks that go with a task, and files of one's own.

    Args:
        task: What is built for.
        loaded: Test problems that are loaded already; their tasks are not loaded again.
        against: JSONL files with a `question` (or `problem`) per line, and an `id` if there is one.

    Returns:
        The sets, and for each that could not be loaded the reason, by name.

    Raises:
        InputError: A file cannot be read or has a line without a question.

    Example:
        >>> sets, missing = load_held_out("nano")
        >>> [(one.name, len(one.questions)) for one in sets], missing
        ([('nano', 1000)], {})
    """
    sets: list[HeldOut] = []
    missing: dict[str, str] = {}
    for name in scored_with(task):
        problems = [problem for problem in loaded if problem.task == name]
        try:
            sets.append(of_problems(name, problems or load_scored(name)))
        except (HubError, InputError) as error:
            missing[name] = str(error).partition(";")[0]  # the remedy is for whoever asked for these problems
            logger.warning("the rows are not compared with the test set %s: %s", name, error)
    return [*sets, *(from_file(file) for file in against)], missing


def load_scored(name: str) -> list[Problem]:
    """The test problems of a task that are scored: all of them, of the endless nano world the first ones."""
    return load_problems(name, "test", limit=SCORED if name == "nano" else None)


def of_problems(name: str, problems: Sequence[Problem]) -> HeldOut:
    """Problems as a test set.

    Raises:
        InputError: There is none.
    """
    if not problems:
        raise InputError(f"the test set of {name} is empty; give the problem set as it is published")
    first = problems[0]
    return HeldOut(
        name=name,
        repo=None if first.source_revision.startswith("sha256:") else first.source_repo,
        revision=first.source_revision,
        ids=tuple(problem.problem_id for problem in problems),
        questions=tuple(problem.question for problem in problems),
    )


def from_file(path: Path) -> HeldOut:
    """The questions of a JSONL file as a test set.

    Raises:
        InputError: The file cannot be read, has no line, or a line has no question.
    """
    ids, questions = [], []
    for number, row in enumerate(read_jsonl(path)):
        question = next((row[key] for key in _QUESTION_KEYS if row.get(key)), None)
        if not isinstance(question, str):
            raise FormatError(
                f"row {number} of {path} has no question (it has: {', '.join(row)[:120]}); expected 'question' or "
                "'problem'"
            )
        ids.append(str(row.get("id") or row.get("problem_id") or f"{path.name}/{number}"))
        questions.append(question)
    if not questions:
        raise InputError(f"{str(path)!r} holds no question; give a JSONL file with some")
    return HeldOut(
        name=path.name, repo=None, revision=file_revision(path), ids=tuple(ids), questions=tuple(questions)
    )

"""Reading the problems of a task: from a Hub at a pinned commit, from a local JSONL file, or from the
generator.

    problems = load_problems("gsm8k", "train", limit=100)
    problems = load_problems("gsm8k", "dev", path=Path("gsm8k/train.jsonl"))

A problem's id names its row in the source (`gsm8k/train/17`); its `split` says on which side it is (`dev`
for a training row that was carved out). Local files have the official format of the task.

The trap: with `path=`, `split` decides whether the file is read as training rows (`train`, `dev`) or as
test rows.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from lema_hub import nano
from lema_hub.errors import FormatError, HubError, InputError
from lema_hub.json_text import read_jsonl
from lema_hub.records import Problem
from lema_hub.tasks.csqa import CSQA
from lema_hub.tasks.gsm8k import GSM8K
from lema_hub.tasks.math import MATH
from lema_hub.tasks.mr_ben import MR_BEN
from lema_hub.tasks.nano import NANO
from lema_hub.tasks.split import split_of
from lema_hub.tasks.task import Split, Task

TASKS: Mapping[str, Task] = {task.name: task for task in (GSM8K, MATH, CSQA, NANO, MR_BEN)}
"""The one list of problem sets: builders, evaluation, contamination checks and help texts read it."""

SCORED_TASKS = tuple(name for name, task in TASKS.items() if "test" in task.splits)
"""Those whose test problems models are scored on."""

MOST_PROBLEMS = 10_000_000
"""Problems that are loaded at once, and the last position to start from."""


def get(name: str) -> Task:
    """The task of that name.

    Raises:
        InputError: There is none.
    """
    if name not in TASKS:
        raise InputError(f"no task {name!r}; choose one of {', '.join(TASKS)}")
    return TASKS[name]


def load_problems(
    task: str, split: Split, *, limit: int | None = None, start: int = 0, path: Path | None = None
) -> list[Problem]:
    """The problems of one side of a task, in the order of the source.

    Args:
        task: A name in `TASKS`.
        split: `train` and `dev` are the two sides of the training rows.
        limit: The most problems to load; the nano world is endless and needs a limit.
        start: How many problems of that side to skip.
        path: Instead of a Hub a local JSONL file in the task's official format, or a folder that holds
            train.jsonl and test.jsonl.

    Raises:
        InputError: An unknown task or split, or a file or row that cannot be read.
        HubError: The Hub refused or could not be reached.

    Example:
        >>> problem = load_problems("nano", "test", limit=1)[0]
        >>> problem.problem_id, problem.answer
        ('nano/test/s2-0', '22')
    """
    chosen = get(task)
    if split not in ("train", "dev", "test"):
        raise InputError(f"no split {split!r} of {task}; choose one of train, dev, test")
    if not 0 <= (limit or 0) <= MOST_PROBLEMS or not 0 <= start <= MOST_PROBLEMS:
        raise InputError(f"limit and start must be from 0 to {MOST_PROBLEMS:,}, got {limit} and {start}")
    if not chosen.splits:
        raise InputError(
            f"{task} has no problems to load: its questions come with recorded solutions (format {task})"
        )
    if task == "nano" and path is None:
        if limit is None:
            raise InputError("the nano world is endless: give a limit")
        return [made.problem for made in nano.generate(split, limit, start=start)]
    side = "test" if split == "test" else "train"
    source = chosen.test_split if split == "test" else "train"
    if path is not None:
        path = path / f"{side}.jsonl" if path.is_dir() else path
        rows, revision = read_jsonl(path), file_revision(path)
    else:
        rows, revision = _from_hub(chosen, source)
    problems = (
        problem
        for problem in _problems(chosen, source, rows, revision, str(path or chosen.source_repo))
        if problem.split == split
    )
    return list(islice(problems, start, None if limit is None else start + limit))


def _problems(
    task: Task, source: str, rows: Iterator[dict[str, Any]], revision: str, where: str
) -> Iterator[Problem]:
    for index, row in enumerate(rows):
        try:
            fields = task.read(row)
        except KeyError as error:
            raise FormatError(
                f"row {index} of {where} has no {error.args[0]!r} (it has: {', '.join(row)[:120]}); "
                f"expected the format of {task.source_repo}"
            ) from error
        except FormatError as error:
            raise FormatError(f"row {index} of {where}: {error}") from error
        yield Problem(
            problem_id=f"{task.name}/{source}/{index}",
            task=task.name,
            split="test" if source == task.test_split else split_of(fields.question),
            question=fields.question,
            answer=fields.answer,
            gold_solution=fields.solution,
            level=fields.level,
            subject=fields.subject,
            source_repo=task.source_repo,
            source_revision=revision,
            license=task.license,
        )


def file_revision(path: Path) -> str:
    """The revision of a local file: `sha256:` and the hash of its bytes.

    Raises:
        InputError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read ({error.strerror}); give a JSONL file") from error


def _from_hub(task: Task, source: str) -> tuple[Iterator[dict[str, Any]], str]:
    """The rows of a source split, and the commit that they are from."""
    from datasets import load_dataset
    from huggingface_hub import HfApi, constants

    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    try:
        if task.revision is not None and constants.HF_HUB_OFFLINE:
            commit = task.revision
        else:  # asked even where it is pinned: a dead endpoint fails here at once, `load_dataset` retries
            commit = str(HfApi().dataset_info(task.source_repo, revision=task.revision).sha)
        parts = [
            load_dataset(task.source_repo, config, split=source, revision=commit) for config in task.configs
        ]
    # The clients raise their own, httpx', fsspec's and built-in errors for one and the same missing dataset.
    except Exception as error:
        raise HubError(
            f"{task.source_repo} at {task.revision or 'main'} could not be loaded from {endpoint} "
            f"({type(error).__name__}); check the endpoint, or give a local file "
            "(problems.path in a recipe, lema sample --problems FILE.jsonl)"
        ) from error
    return (dict(row) for part in parts for row in part), commit

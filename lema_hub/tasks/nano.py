"""The nano world's problems as a task: generated, endless, with a dev split of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lema_hub.nano.problems import LICENSE, REVISION, SOURCE
from lema_hub.tasks.task import Fields, Task

SCORED = 1000
"""How many problems of the endless test split are scored: the first ones."""


def _read(row: Mapping[str, Any]) -> Fields:
    return Fields(
        question=str(row["question"]).strip(), answer=str(row["answer"]), solution=str(row["gold_solution"])
    )


NANO = Task(
    name="nano",
    source_repo=SOURCE,
    revision=REVISION,
    license=LICENSE,
    style="number",
    prompt="lema-cot",
    fewshot="lema-cot",
    corrector="lema-correction",
    splits={"train": None, "dev": None, "test": None},
    configs=(),
    max_new_tokens=160,
    read=_read,
)

r"""MATH: competition problems with LaTeX answers (arXiv 2103.03874).

The first repository was taken down in January 2025; `DigitalLearningGmbH/MATH-lighteval` has its rows, all
subjects in one configuration, and is pinned at a commit that public evaluations name.

    {"problem": "...", "level": "Level 4", "type": "Algebra", "solution": "... we have $b=\\boxed{8}$."}

The trap: one problem stands in train and in test. Builders refuse what is marked `test`, and
`lema_hub.builders` refuses training questions that are test questions of the same set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lema_hub.answers import gold_answer
from lema_hub.tasks.task import Fields, Task


def _read(row: Mapping[str, Any]) -> Fields:
    solution = str(row["solution"]).strip()
    level = str(row.get("level") or "").removeprefix("Level").strip()
    return Fields(
        question=str(row["problem"]).strip(),
        answer=str(row.get("answer") or gold_answer(solution, style="math")),
        solution=solution,
        level=level if level.isdecimal() else None,
        subject=str(row.get("type") or row.get("subject") or "") or None,
    )


MATH = Task(
    name="math",
    source_repo="DigitalLearningGmbH/MATH-lighteval",
    revision="0530c78699ea5e8eb5530600900e1f328b48acad",
    license="mit",
    style="math",
    prompt="lema-cot",
    fewshot="lema-fewshot-math",
    corrector="lema-corrector-math",
    splits={"train": 7500, "test": 5000},
    configs=("default",),
    max_new_tokens=768,
    read=_read,
)

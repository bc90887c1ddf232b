r"""MR-Ben's questions: MMLU's maths, physics and chemistry (arXiv 2406.13975), MIT.

They have no splits of their own to sample or to score: they come with MR-Ben's recorded solutions, which
`lema_hub.builders.importers.mr_ben` reads. A solution's row has its question:

    {"Question_UUID": "...", "Subject": "college_math", "Question": "The ... is", "Options": "A: 4 \nB: 8 \n...",
     "Ground_Truth_Answer_Modified": "A", ...}

The trap: they are MMLU test questions; a model that is trained on them must not be scored on MMLU.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lema_hub.tasks.task import Fields, Task

_OPTION = re.compile(r"^\s*([A-J]):\s*(.*\S)\s*$", re.MULTILINE)


def _read(row: Mapping[str, Any]) -> Fields:
    options = [f"({letter}) {option}" for letter, option in _OPTION.findall(str(row["Options"]))]
    return Fields(
        question="\n".join([str(row["Question"]).strip(), *options]),
        answer=str(row["Ground_Truth_Answer_Modified"]).strip(),
        solution="",
        subject=str(row["Subject"]),
    )


MR_BEN = Task(
    name="mr-ben",
    source_repo="Randolphzeng/Mr-Ben",
    revision=None,
    license="mit",
    style="choice",
    prompt="lema-cot-choice",
    fewshot="lema-fewshot-csqa",
    corrector="lema-corrector-csqa",
    correction="lema-correction-choice",
    splits={},
    configs=(),
    max_new_tokens=512,
    read=_read,
)

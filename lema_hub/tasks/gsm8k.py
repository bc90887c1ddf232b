r"""GSM8K: grade-school word problems with whole-number answers (arXiv 2110.14168).

A row of `openai/gsm8k` (config `main`) is a question and an annotated solution whose last line is the answer:

    {"question": "... How many ...?", "answer": "She has 48/2 = <<48/2=24>>24 clips.\n#### 24"}

The trap: the `<<48/2=24>>` marks are for a calculator, not for people; they are taken out of the solution.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lema_hub.answers import gold_answer
from lema_hub.tasks.task import Fields, Task

_CALCULATOR = re.compile(r"<<[^<>]*>>")


def without_calculator(text: str) -> str:
    """The text without its calculator marks (`<<48/2=24>>`)."""
    return _CALCULATOR.sub("", text)


def _read(row: Mapping[str, Any]) -> Fields:
    solution = str(row["answer"])
    return Fields(
        question=str(row["question"]).strip(),
        answer=gold_answer(solution),
        solution=without_calculator(solution.rsplit("\n####", 1)[0]).strip(),
    )


GSM8K = Task(
    name="gsm8k",
    source_repo="openai/gsm8k",
    revision="cc7b047b6e5bb11b4f1af84efc572db110a51b3c",
    license="mit",
    style="number",
    prompt="lema-cot",
    fewshot="lema-fewshot-gsm8k",
    corrector="lema-corrector-gsm8k",
    splits={"train": 7473, "test": 1319},
    configs=("main",),
    max_new_tokens=512,
    read=_read,
)

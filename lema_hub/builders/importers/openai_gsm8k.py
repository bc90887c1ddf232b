r"""OpenAI's `example_model_solutions.jsonl`: four models' solutions of every GSM8K test question, with `is_correct`.

Source: https://github.com/openai/grade-school-math, MIT. A row holds `question`, `ground_truth` and for each model
an object with `solution` and `is_correct`:

    {"question": "...", "ground_truth": "...\\nA: 18", "6b_finetuning": {"solution": "...", "is_correct": true}, ...}

The trap: every question is a test question. The solutions may be judged and studied, never trained on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lema_hub import tasks
from lema_hub.answers import gold_answer
from lema_hub.builders.importers.entry import Given, Recorded
from lema_hub.builders.importers.line import Line
from lema_hub.builders.mistakes import judged_path
from lema_hub.json_text import read_jsonl
from lema_hub.records import Problem
from lema_hub.tasks.gsm8k import without_calculator

LICENSE = "mit"
MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


def entries(file: Path, given: Given) -> Iterator[Recorded]:
    """The solutions of the file, four for each row.

    Raises:
        InputError: The file cannot be read, or a row is not of that format.
    """
    for index, row in enumerate(read_jsonl(file)):
        line = Line(row, f"row {index} of {file.name}", "the format of example_model_solutions.jsonl")
        question, truth = line.text("question"), line.text("ground_truth")
        problem = given.known.get(tasks.question_key(question)) or Problem(
            problem_id=f"gsm8k/test/{index}",
            task="gsm8k",
            split="test",
            question=question,
            answer=gold_answer(truth),
            gold_solution=without_calculator(truth.rsplit("\nA:", 1)[0]),
            level=None,
            subject=None,
            source_repo=tasks.get("gsm8k").source_repo,
            source_revision=given.revision,
            license=LICENSE,
        )
        for model in MODELS:
            solution = line.within(model)
            path = judged_path(problem, solution.text("solution"), model=f"openai/{model}")
            yield Recorded(problem, path, solution.flag("is_correct"))

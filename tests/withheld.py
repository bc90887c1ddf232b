"""Rows whose sources may not be shared, and the source itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from lema_hub import prompts
from lema_hub.builders.cot import build_cot
from lema_hub.records import Correction, CotExample, ReasoningPath
from lema_hub.steps import format_correction, join_steps
from lema_hub.tasks import load_problems
from tests.built import write_rows

SOLVED = (
    ("Ann packs 4 boxes of 6 pears. How many pears does she pack?", "4 * 6 = <<4*6=24>>24 pears.\n#### 24"),
    ("Bo reads 12 pages a day. How many pages is that in 5 days?", "12 * 5 = <<12*5=60>>60 pages.\n#### 60"),
    ("Cy had 9 coins and lost 4. How many are left?", "9 - 4 = <<9-4=5>>5 coins.\n#### 5"),
)


def write_source(folder: Path) -> Path:
    """The problems in the format of GSM8K."""
    path = folder / "train.jsonl"
    folder.mkdir()
    path.write_text("".join(json.dumps({"question": q, "answer": a}) + "\n" for q, a in SOLVED))
    return path


def closed(path: Path) -> list:
    """The problems of the file, as if their licence let nobody share them."""
    made = [one for split in ("train", "dev") for one in load_problems("gsm8k", split, path=path)]
    return [replace(one, license="unknown", split="train") for one in made]


def cot_rows(path: Path) -> list[CotExample]:
    """The annotated solution of every problem, and a sampled one."""
    problems = closed(path)
    sampled = [
        ReasoningPath.make(
            problem_id=one.problem_id,
            model="lema/nano-backbone",
            engine="transformers",
            text=f"Step 1: We are asked: {one.question}\nStep 2: The answer is {one.answer}.",
            steps=(f"We are asked: {one.question}", f"The answer is {one.answer}."),
            answer=one.answer,
            verdict="correct",
            prompt_id="lema-cot@1",
        )
        for one in problems
    ]
    rows = list(build_cot(problems, sampled).rows)
    assert len(rows) == 6
    return rows


def correction_rows(path: Path) -> list[Correction]:
    rows = []
    for one in closed(path):
        wrong = ("We add.", "The answer is 99.")
        right = ("We follow the question.", f"The answer is {one.answer}.")
        student = ReasoningPath.make(
            problem_id=one.problem_id,
            model="lema/nano-backbone",
            engine="transformers",
            text=join_steps(wrong),
            steps=wrong,
            answer="99",
            verdict="wrong",
            prompt_id="lema-cot@1",
        )
        rows.append(
            Correction(
                problem=one,
                path=student,
                incorrect_step=1,
                error_type="OP",
                explanation="Nothing is added here.",
                correct_solution=join_steps(right),
                correct_steps=right,
                corrector="m",
                corrector_prompt_id="lema-correction@1",
                answer_verdict="correct",
                gates=(),
                cost_usd=None,
                prompt=prompts.load("lema-cot").render(question=one.question),
                completion=format_correction(1, "Nothing is added here.", right),
            )
        )
    return rows


def folder_of(tmp_path: Path, kind: str, rows: list) -> Path:
    from tests.built import manifest

    folder = tmp_path / kind
    write_rows(folder, "gsm8k", "train", rows)
    made = manifest(kind, {"gsm8k": {"train": len(rows)}}, license="other")
    inputs = (replace(made.inputs[0], license="unknown"),)
    replace(made, inputs=inputs, mix=None).write(folder)
    return folder

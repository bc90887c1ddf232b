from __future__ import annotations

from dataclasses import replace

from lema_hub import tasks
from lema_hub.builders.cot import build_cot
from lema_hub.builders.mistakes import judged_path
from tests.builders.test_corrections import PROBLEM

NANO = tasks.load_problems("nano", "train", limit=4)


def test_gold_solutions_come_first_and_end_in_lemas_sentence() -> None:
    right = judged_path(PROBLEM, "First 5 - 3 = 2 pens are left.\nSo 2.", model="m")
    wrong = judged_path(PROBLEM, "5 + 3 = 8", model="m")
    built = build_cot([PROBLEM], [wrong, right])
    gold, sampled = built.rows
    assert gold.prompt == (
        "Please solve the following math problem.\nQuestion: Tom has 5 pens and gives 3 away. How many?\n"
        "Answer: Let's think step by step.\n"
    )
    assert gold.completion == "5 - 3 = 2\nThe answer is 2."
    assert (gold.path.origin, gold.path.verdict) == ("annotated", "correct")
    assert sampled.completion == "First 5 - 3 = 2 pens are left.\nSo 2.\nThe answer is 2."
    assert built.stages[0].dropped == {}


def test_numbered_steps_stay_numbered() -> None:
    built = build_cot(NANO)
    assert [row.completion for row in built.rows] == [problem.gold_solution for problem in NANO]


def test_duplicates_wrong_golds_and_test_questions_are_rejected() -> None:
    problems = [
        PROBLEM,
        replace(PROBLEM, problem_id="gsm8k/train/2"),
        replace(PROBLEM, problem_id="gsm8k/train/3", answer="7", gold_solution="The answer is 2."),
        replace(PROBLEM, problem_id="gsm8k/test/3", split="test"),
    ]
    built = build_cot(problems)
    assert [row.problem.problem_id for row in built.rows] == ["gsm8k/train/1"]
    assert [r.reason for r in built.rejected] == ["duplicate", "gold_wrong", "test_question"]
    assert built.stages[0].rows_in == 4


def test_without_gold_only_paths_are_rows() -> None:
    right = judged_path(PROBLEM, "5 - 3 = 2 pens. The answer is 2.", model="m")
    assert [row.path for row in build_cot([PROBLEM], [right], gold=False).rows] == [right]

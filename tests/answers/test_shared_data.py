"""The judge on real solutions and on the golds of whole data sets; skipped where these are missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lema_hub.answers import Item, extract, gold_answer, judge, judge_answer, judge_many

# Cases of other graders' tests that a rule of ours contradicts, by gold and prediction.
CONTRADICTED = {
    ("4, .1, 2", "0.1, 4, 2"): "a bare list is unordered unless the question asks for an order",
    ("0.0304", "3.04"): "a missing percent sign never multiplies by 100",
}
# MATH solutions with a box for each of several values, of which the data set's answer column keeps the last:
# their answers are lists by our rule (boxes joined by `and` are one list).
SEVERAL_BOXES = 11


def rows(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        pytest.skip(f"{path.name} is not in the shared data")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def test_all_verdicts_on_5276_real_gsm8k_solutions(shared_data: Path) -> None:
    disagreements, count = [], 0
    for row in rows(shared_data / "gsm8k/example_model_solutions.jsonl"):
        gold = gold_answer(row["ground_truth"])
        for model, solution in row.items():
            if isinstance(solution, dict):
                count += 1
                judgement = judge(solution["solution"], gold)
                if (judgement.verdict == "correct") != solution["is_correct"]:
                    disagreements.append((model, gold, judgement))
    assert count == 5276
    assert disagreements == []


@pytest.mark.parametrize("split", ["train", "test"])
def test_gsm8k_golds_are_extracted_and_equal_themselves(shared_data: Path, split: str) -> None:
    for row in rows(shared_data / f"gsm8k/{split}.jsonl"):
        gold = row["answer"].split("####")[1].strip()
        assert gold_answer(row["answer"]) == gold
        assert judge(row["answer"], gold).verdict == "correct"
        assert judge(f"The answer is {gold}.", gold).verdict == "correct"


def test_math_golds_are_extracted_and_equal_themselves(shared_data: Path) -> None:
    missed, count = [], 0
    for split in ("train", "test"):
        for row in rows(shared_data / f"math/{split}.jsonl"):
            count += 1
            if (
                row["answer"]
                and judge_answer(row["answer"], row["answer"], style="math").verdict != "correct"
            ):
                missed.append(row["answer"])
            if judge(row["solution"], row["answer"], style="math").verdict != "correct":
                missed.append(row["answer"])
                found = extract(row["solution"], style="math")
                assert found is not None
                assert ", " in found, (row["answer"], found)
    assert len(missed) == SEVERAL_BOXES
    assert len(missed) <= 0.001 * count


def test_other_graders_cases(shared_data: Path) -> None:
    cases = rows(shared_data / "grader_cases/cases.jsonl")
    missed, contradicted = [], 0
    for case in cases:
        style = "choice" if "abc" in case.get("test", "") else "math"
        judgement = judge(case["pred"], case["gold"], style=style)  # type: ignore[arg-type]
        if (judgement.verdict == "correct") == case["expected"]:
            continue
        if (case["gold"], case["pred"]) in CONTRADICTED:
            contradicted += 1
            continue
        missed.append((case["gold"][:60], case["pred"][-60:], judgement.reason))
    assert contradicted == len(CONTRADICTED)
    assert len(missed) <= 0.03 * len(cases), missed


def test_rho_math_outputs_agree_with_their_recorded_verdicts(shared_data: Path) -> None:
    """Their recorded verdicts are Qwen's grader's; it accepts some wrong answers, so agreement is not complete."""
    outputs = rows(shared_data / "model_outputs/rho-math-7b_gsm8k_test.jsonl")
    items = [Item(row["response"], str(row["gold"]), "number") for row in outputs]
    verdicts = [judgement.verdict for judgement in judge_many(items)]
    agreed = sum(
        (verdict == "correct") == row["correct"] for verdict, row in zip(verdicts, outputs, strict=True)
    )
    assert agreed >= 0.985 * len(outputs)

"""Bare answers against bare gold answers: every family of rewritings and near misses."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from lema_hub.answers import judge, judge_answer

PATH = Path(__file__).parents[1] / "cases" / "answers.jsonl"
CASES: dict[str, list[dict[str, Any]]] = defaultdict(list)
for line in PATH.read_text("utf-8").splitlines():
    case = json.loads(line)
    CASES[case["family"]].append(case)


@pytest.mark.parametrize("family", CASES)
def test_rewritings_are_accepted_and_near_misses_rejected(family: str) -> None:
    for case in CASES[family]:
        judgement = judge_answer(
            case["pred"], case["gold"], style=case["style"], question=case.get("question")
        )
        expected = "correct" if case["same"] else "wrong"
        assert judgement.verdict == expected, (case["pred"], case["gold"], judgement)


def test_there_are_enough_cases_each_with_a_reason() -> None:
    cases = [case for family in CASES.values() for case in family]
    assert len(cases) >= 400
    assert sum(not case["same"] for case in cases) >= 200
    assert all(case["reason"] for case in cases)
    assert len({(case["pred"], case["gold"], case.get("question")) for case in cases}) == len(cases)


def test_every_gold_answer_equals_itself() -> None:
    for family in CASES.values():
        for gold in {case["gold"] for case in family}:
            assert judge_answer(gold, gold, style="math").verdict == "correct"
            assert judge_answer(f"$ {gold} $", gold, style="math").verdict == "correct", gold


SENTENCES = (
    "Thus we get $\\boxed{%s}$.",
    "Hence\n\\[\\boxed{%s}\\]\nas desired.",
    "Let us see.\nThe answer is $%s$.",
    "Final Answer: The final answer is $%s$. I hope it is correct.",
    "Step 1: We compute.\nStep 2: The answer is \\(%s\\).",
    "**Answer:** $%s$",
)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_an_answer_has_the_same_verdict_in_any_sentence(sentence: str) -> None:
    for family in CASES.values():
        for case in family:
            if "$" in case["pred"] or "\\boxed" in case["pred"]:
                continue
            judgement = judge(
                sentence % case["pred"], case["gold"], style=case["style"], question=case.get("question")
            )
            expected = "correct" if case["same"] else "wrong"
            assert judgement.verdict == expected, (case["pred"], case["gold"], judgement)

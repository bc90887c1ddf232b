from __future__ import annotations

import json
from pathlib import Path

import pytest

from lema_hub.answers import extract, gold_answer, judge
from lema_hub.errors import FormatError

CASES = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "cases" / "answers_extraction.jsonl")
    .read_text("utf-8")
    .splitlines()
]


@pytest.mark.parametrize("case", CASES, ids=[case["reason"] for case in CASES])
def test_the_final_answer_is_found(case: dict[str, str]) -> None:
    assert extract(case["output"], style=case["style"]) == case["extracted"]


def test_an_answer_cut_off_by_the_token_limit_is_truncated() -> None:
    for output in (
        "First we add 3 and 4, which",
        "3 + 4 = 7. The answer is 7",
        "so we get \\boxed{12",
        "#### 12",
    ):
        judgement = judge(output, "7", finish_reason="length")
        assert judgement.verdict == "truncated", output
        assert judgement.extracted is None


def test_an_answer_that_was_complete_before_the_limit_counts() -> None:
    assert judge("The answer is 7. Let me check this ag", "7", finish_reason="length").verdict == "correct"
    assert judge("so $\\boxed{12}$ and this", "12", style="math", finish_reason="length").verdict == "correct"
    assert (
        judge("The answer is 7.\n\nQuestion: What is 3 + 5", "7", finish_reason="length").verdict == "correct"
    )


def test_a_box_that_never_closes_is_truncated_unless_the_model_stopped() -> None:
    assert judge("so \\boxed{\\frac{1}{2}", "\\frac12", style="math").verdict == "truncated"
    assert judge("so \\boxed{12", "12", finish_reason="stop").verdict == "correct"


@pytest.mark.parametrize("output", ["", "   \n", "I do not know.", "\\boxed{}", "The answer is", "#### "])
def test_no_answer_is_unparsed_and_never_wrong(output: str) -> None:
    assert judge(output, "18").verdict == "unparsed"


def test_a_gold_answer_is_taken_from_its_annotated_solution() -> None:
    assert gold_answer("16 - 7 = <<16-7=9>>9\n#### 1,080") == "1,080"
    assert gold_answer("so $\\boxed{\\frac{3}{4}}$.", style="math") == "\\frac{3}{4}"
    with pytest.raises(FormatError, match="no answer in the gold solution"):
        gold_answer("there is none")


def test_a_gold_answer_that_came_with_its_solution_is_unwrapped() -> None:
    assert judge("The answer is 9.", "16 - 7 = 9\n#### 9").verdict == "correct"
    assert judge("$\\boxed{9}$", "so it is $\\boxed{9}$", style="math").verdict == "correct"


def test_a_number_inside_a_formula_is_not_accepted() -> None:
    for output, gold in (
        ("The answer is (x+y+z+1)^{200}.", "1"),
        ("The answer is 2^{10}.", "10"),
        ("So \\sqrt{16}.", "16"),
    ):
        assert judge(output, gold).verdict == "wrong", output
    assert judge("The answer is 2^{10}.", "1024").verdict == "correct"

"""Multiple choice: letters, texts, near misses and hostile input."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lema_hub import tasks
from lema_hub.answers import equivalent, extract, judge, judge_answer, majority
from lema_hub.answers.choice import options

QUESTIONS = {
    "money": "Where is money kept?\n"
    "Candidate Answers: (A) bank, (B) library, (C) bank vault, (D) new york, (E) mattress.",
    "health": "What helps against scurvy?\n"
    "Candidate Answers: (A) vitamin C, (B) type A, (C) right food, (D) b, (E) not smoking.",
    "twins": "What is it, if it cannot break?\n"
    "Candidate Answers: (A) unbreakable, (B) durable, (C) glass, (D) unbreakable, (E) soft.",
    "closed": "Is the ice safe?\nCandidate Answers: (A) yes, (B) no, (C) none of the above.",
    "numbers": "What is the shortest distance?\n(A) 4\n(B) -4\n(C) 2\\sqrt{2}\n(D) 16",
}
PATH = Path(__file__).parents[1] / "cases" / "choices.jsonl"
CASES: list[dict[str, Any]] = [json.loads(line) for line in PATH.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['output'][:40]!r}-{case['reason']}")
def test_the_option_that_an_output_names(case: dict[str, Any]) -> None:
    found = judge(case["output"], case["gold"], style="choice", question=QUESTIONS[case["question"]])
    assert (found.verdict, found.extracted) == (case["verdict"], case["extracted"]), found


def test_the_cases_have_near_misses_of_every_verdict() -> None:
    verdicts = Counter(case["verdict"] for case in CASES)
    assert min(verdicts[name] for name in ("correct", "wrong", "unparsed")) >= 8
    assert len({(case["question"], case["output"], case["gold"]) for case in CASES}) == len(CASES)


def test_without_its_question_an_answer_counts_by_its_letter() -> None:
    assert judge("The answer is (B) library.", "B", style="choice").verdict == "correct"
    assert judge("The answer is library.", "B", style="choice").verdict == "unparsed"
    assert judge("The answer is A or B.", "B", style="choice").verdict == "unparsed"
    assert judge_answer("library", "(B) library", style="choice").verdict == "correct"
    assert judge_answer("bank", "(B) library", style="choice").verdict == "wrong"
    assert equivalent("(b)", "B", style="choice")


def test_extracted_answers_are_letters_that_can_vote() -> None:
    outputs = ["The answer is library.", "So (B)", "The answer is A.", "The answer is A or B."]
    letters = [extract(output, style="choice", question=QUESTIONS["money"]) for output in outputs]
    assert letters == ["B", "B", "A", None]
    assert majority(letters, style="choice") == 0


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Which? (A) one, (B) two.", {"A": "one", "B": "two"}),
        ("Which?\n(A) 1, 2\n(B) f(A) (x)", {"A": "1, 2", "B": "f(A) (x)"}),
        ("Let (A) be a set. Which?\n(A) yes\n(B) no", {"A": "yes", "B": "no"}),
        ("Which? (A) one (C) three", {}),
        ("Which? (A) one", {}),
        ("How many?", {}),
    ],
)
def test_the_options_of_a_question(question: str, expected: dict[str, str]) -> None:
    assert options(question) == expected


@pytest.mark.parametrize(
    "text",
    [
        "(A) " * 50_000,
        "A or " * 40_000,
        "The answer is " + "bank or library " * 10_000,
        "not " * 50_000 + "A",
        "(" * 100_000,
        "the answer is " * 15_000,
        "\\text{" * 30_000,
        "a" * 200_000,
    ],
    ids=lambda text: text[:16],
)
def test_hostile_outputs_and_questions_get_a_verdict(text: str) -> None:
    found = judge(text, "B", style="choice", question=QUESTIONS["money"])
    assert found.verdict in ("correct", "wrong", "unparsed", "truncated")
    assert judge("The answer is B.", "B", style="choice", question=text).verdict in ("correct", "unparsed")


def test_real_outputs_that_close_with_one_choice_are_read_so(shared_data: Path) -> None:
    """MR-Ben's models were asked to close with `Solution: Choice_X`; those that did so left no doubt."""
    closing = re.compile(r"Solution: Choice(?:_| |\\_)([A-D])\.?")
    task = tasks.get("mr-ben")
    read = 0
    for name in ("math", "physics", "chemistry"):
        for solutions in json.loads((shared_data / "mr_ben" / f"{name}.json").read_text()).values():
            for row in solutions:
                lines = [line.strip() for line in row["Model_Solution_Steps"] if line.strip()]
                question = task.read(row).question
                closed = closing.fullmatch(lines[-1])
                if closed is None or closed[1] not in options(question):
                    continue
                read += 1
                assert extract("\n".join(lines), style="choice", question=question) == closed[1], lines[-3:]
    assert read > 1500

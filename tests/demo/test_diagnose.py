"""What `diagnose` says, refuses and remembers."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from lema_hub import nano
from lema_hub.answers import judge
from lema_hub.demo import diagnose, examples
from lema_hub.demo.correctors import adapter, exact
from lema_hub.demo.diagnose import MAX_SOLUTION, MAX_STEPS
from lema_hub.errors import EngineError, InputError
from lema_hub.steps import join_steps, split_steps
from tests.demo.conftest import Learned

pytestmark = [
    pytest.mark.xdist_group("demo"),  # one worker trains the small adapter
    # peft reads a property of the model that transformers has deprecated
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]


def test_every_shown_mistake_is_found_named_and_corrected() -> None:
    kinds = set()
    for problem in examples.shown():
        for kind, solution in examples.mistakes(problem.problem.problem_id).items():
            found = diagnose(problem.problem.question, solution, corrector=exact())
            kinds.add(kind)
            assert found.error_type == kind
            assert found.incorrect_step == nano.check(problem, split_steps(solution)).first_wrong
            assert found.steps_original == split_steps(solution)
            assert (
                found.steps_corrected[: found.incorrect_step - 1]
                == found.steps_original[: found.incorrect_step - 1]
            )
            assert nano.check(problem, found.steps_corrected).ok
            assert found.answer == problem.problem.answer
            assert found.verdict == "correct"
            assert found.explanation
    assert len(kinds) >= 8


def test_the_verdict_is_the_judge_s() -> None:
    problem = examples.shown()[0]
    for solution in examples.mistakes(problem.problem.problem_id).values():
        found = diagnose(problem.problem.question, solution, corrector=exact())
        judged = judge(join_steps(found.steps_corrected), problem.problem.answer)
        assert (found.verdict, found.answer) == (judged.verdict, judged.extracted)


def test_a_right_solution_has_no_mistake() -> None:
    problem = examples.shown()[0]
    found = diagnose(
        problem.problem.question, examples.right_solution(problem.problem.problem_id), corrector=exact()
    )
    assert found.incorrect_step is None
    assert found.error_type is None
    assert found.steps_corrected == found.steps_original
    assert found.verdict == "correct"


def test_an_answer_in_the_last_step_counts_as_the_answer() -> None:
    problem = examples.shown()[0]
    *steps, _ = split_steps(examples.right_solution(problem.problem.problem_id))
    found = diagnose(problem.problem.question, "\n".join(steps), corrector=exact())
    assert found.incorrect_step is None
    assert found.steps_original[-1] == f"The answer is {problem.problem.answer}."


def test_a_solution_that_stops_early_misses_its_next_step() -> None:
    problem = examples.shown()[0]
    first = split_steps(examples.right_solution(problem.problem.problem_id))[0]
    found = diagnose(problem.problem.question, first, corrector=exact())
    assert (found.incorrect_step, found.error_type, found.verdict) == (2, "MS", "correct")


@pytest.mark.parametrize(
    ("question", "solution", "said"),
    [
        ("", "Step 1: 1 + 1 = 3.", "The problem is empty"),
        ("nano/test/s2-0", " \n\t ", "The solution is empty"),
        ("nano/test/s2-0", "...\n---\n***", "This solution has no steps"),
        ("nano/test/s2-0", "x" * 10_000, "The solution has 10,000 characters"),
        ("x" * 10_000, "Step 1: 1 + 1 = 3.", "The problem has 10,000 characters"),
        ("nano/test/s2-0", "\n".join(["1 + 1 = 2"] * (MAX_STEPS + 1)), f"at most {MAX_STEPS} are read"),
        ("How many eggs are left?", "Step 1: 1 + 1 = 3.", "The exact corrector knows only"),
        ("nano/test/s9-0", "Step 1: 1 + 1 = 3.", "The exact corrector knows only"),
        ("nano/../../etc/passwd", "Step 1: 1 + 1 = 3.", "The exact corrector knows only"),
    ],
)
def test_bad_input_is_refused_with_one_sentence_or_two(question: str, solution: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        diagnose(question, solution, corrector=exact())
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_the_longest_solution_is_read() -> None:
    solution = "Step 1: " + "1 + 1 = 3. " * 300
    assert len(solution) <= MAX_SOLUTION
    assert diagnose("nano/test/s2-0", solution, corrector=exact()).incorrect_step == 1


def test_an_adapter_finds_what_it_learned_and_the_checker_agrees(learned: Learned) -> None:
    corrector = adapter(str(learned.adapter))
    solution = examples.mistakes(learned.problem.problem.problem_id)[learned.found]
    found = diagnose(learned.problem.problem.question, solution, corrector=corrector)
    assert (
        found.incorrect_step
        == found.exact_step
        == nano.check(learned.problem, split_steps(solution)).first_wrong
    )
    assert found.error_type == learned.found
    assert found.verdict == "correct"
    assert nano.check(learned.problem, found.steps_corrected).ok


def test_an_adapter_that_errs_is_contradicted(learned: Learned) -> None:
    solution = examples.mistakes(learned.problem.problem.problem_id)[learned.missed]
    found = diagnose(learned.problem.problem.question, solution, corrector=adapter(str(learned.adapter)))
    assert found.incorrect_step == 1
    assert found.exact_step == len(found.steps_original)
    assert found.error_type is None
    assert (found.answer, found.verdict) == ("3", "wrong")


def test_an_adapter_that_writes_no_correction_says_so(learned: Learned) -> None:
    with pytest.raises(
        EngineError, match=r"Adapter adapter (gave an answer that is not a correction|names step)"
    ):
        diagnose("How many eggs?", "There are 4 x 3 = 13 eggs.", corrector=adapter(str(learned.adapter)))


def test_a_ledger_remembers_the_answer(learned: Learned, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.sqlite"
    solution = examples.mistakes(learned.problem.problem.problem_id)[learned.found]
    corrector = adapter(str(learned.adapter))
    first, second = (
        diagnose(learned.problem.problem.question, solution, corrector=corrector, ledger=ledger)
        for _ in range(2)
    )
    assert first.steps_corrected == second.steps_corrected
    with sqlite3.connect(ledger) as book:
        assert book.execute("SELECT stage, count(*) FROM responses").fetchall() == [("demo", 1)]
    book.close()

"""The exact corrector: right step, true explanation, a continuation without a seam."""

from __future__ import annotations

from random import Random

import pytest

from lema_hub import nano
from lema_hub.answers import judge
from lema_hub.errors import InputError
from lema_hub.nano import INJECTABLE, NanoProblem
from lema_hub.steps import format_correction, join_steps, parse_correction


def test_every_correction_parses_and_joins_the_kept_steps_to_a_right_solution(
    problems: list[NanoProblem],
) -> None:
    rng = Random(9)
    made = 0
    for problem in problems:
        for kind in INJECTABLE:
            wrong = nano.inject(problem, kind, rng)
            if wrong is None:
                continue
            correction = nano.correct(problem, wrong, rng)
            text = format_correction(correction.incorrect_step, correction.explanation, correction.steps)
            assert parse_correction(text) == correction
            assert correction.incorrect_step == correction.first == nano.check(problem, wrong).first_wrong
            assert correction.steps[-1] == f"The answer is {problem.problem.answer}."
            assert nano.check(problem, (*wrong[: correction.first - 1], *correction.steps)).ok
            made += 1
    assert made > 4000


@pytest.mark.parametrize(
    ("problem_id", "wrong", "explanations"),
    [
        ("nano/train/s2-4", "7 * 6 = 43|The answer is 43.",
         {"The result of 7 * 6 is 42, not 43.", "It is calculated wrongly: 7 * 6 = 42, not 43."}),
        ("nano/train/s2-4", "7 * 6 = 42|42 - 58 = -16|The answer is -16.",
         {"The numbers are the wrong way round: it must be 58 - 42."}),
        ("nano/train/s2-4", "7 * 6 = 42|7 * 6 = 48|58 - 48 = 10|The answer is 10.",
         {"The result of 7 * 6 was found before, and it is 42, not 48."}),
        ("nano/train/s2-4", "7 * 6 = 42|58 - 42 = 16", {"The answer is not stated; it is 16, which was found before."}),
        ("nano/train/s2-4", "7 * 6 = 42|58 - 42 = 16|16 + 6 = 22|The answer is 22.",
         {"The last step found 16, which is the answer; nothing more must be calculated."}),
        ("nano/train/s2-4", "7 * 6 = 42|58 - 42 = 16|The answer is 1.5.",
         {"The last step found 16, but the answer says 1.5.",
          "The answer should be 16, which was found before, not 1.5."}),
        ("nano/train/s2-4", "7 * 6 = 42|58 - 42 = 16|The answer is unknown.",
         {"The last step found 16, but the answer states no number."}),
        ("nano/train/s3-3", "9 * 5 = 45|45 - 7 = 38|38 + 16 = 54|The answer is 54.",
         {"The number 5 is wrong: a week has 7 days."}),
        ("nano/train/s2-21", "7 + 6 = 13|13 - 7 = 6|The answer is 6.",
         {"The question asks for the total, not for the difference."}),
    ],
)  # fmt: skip
def test_explanations_say_what_is_wrong(problem_id: str, wrong: str, explanations: set[str]) -> None:
    problem = nano.load(problem_id)
    said = {nano.correct(problem, wrong.split("|"), Random(seed)).explanation for seed in range(20)}
    assert said == explanations


def test_a_step_of_two_equations_is_written_again_as_a_whole() -> None:
    problem = nano.load("nano/train/s4-5")
    correction = nano.correct(problem, ("11 * 3 = 33 and 4 * 4 = 17", "The answer is 4."), Random(0))
    assert correction.incorrect_step == 1
    assert ["11 * 3 = 33" in correction.steps[0], "4 * 4 = 16" in correction.steps[1]] == [True, True]


def test_wordings_vary_and_follow_the_rng(problems: list[NanoProblem]) -> None:
    problem = problems[-1]
    _, wrong = nano.inject_any(problem, Random(1))
    assert nano.correct(problem, wrong, Random(2)) == nano.correct(problem, wrong, Random(2))
    assert len({nano.correct(problem, wrong, Random(seed)) for seed in range(30)}) > 1


def test_a_right_solution_is_not_corrected() -> None:
    problem = nano.load("nano/train/s2-4")
    with pytest.raises(InputError, match="nano/train/s2-4 is right"):
        nano.correct(problem, nano.solve(problem, Random(0)), Random(0))


def test_the_judge_of_answers_agrees(problems: list[NanoProblem]) -> None:
    rng = Random(10)
    for problem in problems[::20]:
        _, wrong = nano.inject_any(problem, rng)
        correction = nano.correct(problem, wrong, rng)
        whole = join_steps((*wrong[: correction.first - 1], *correction.steps))
        assert judge(whole, problem.problem.answer).verdict == "correct"

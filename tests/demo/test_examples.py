"""The demo's problems and their wrong solutions."""

from __future__ import annotations

from random import Random

from lema_hub import nano
from lema_hub.demo import diagnose, examples
from lema_hub.demo.correctors import exact
from lema_hub.steps import split_steps


def test_a_problem_is_known_by_id_and_whatever_its_spaces_and_case() -> None:
    problem = examples.shown()[2]
    solution = next(iter(examples.mistakes(problem.problem.problem_id).values()))
    spaced = "  " + problem.problem.question.upper().replace(" ", " \n ")
    steps = {
        diagnose(question, solution, corrector=exact()).incorrect_step
        for question in (problem.problem.question, problem.problem.problem_id, spaced)
    }
    assert len(steps) == 1


def test_every_mistake_is_of_its_type_and_the_right_solution_is_right() -> None:
    for problem in examples.shown():
        problem_id = problem.problem.problem_id
        for kind, text in examples.mistakes(problem_id).items():
            assert nano.check(problem, split_steps(text)).error_type == kind
        assert nano.check(problem, split_steps(examples.right_solution(problem_id))).ok


def test_a_drawn_problem_is_recognised() -> None:
    for seed in range(20):
        problem = examples.draw(Random(seed))
        assert examples.recognise(problem.problem.question) == problem

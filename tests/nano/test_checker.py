"""The exact checker against cases worked out by hand, and against texts that nobody would write."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations, product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lema_hub import nano
from lema_hub.answers import judge
from lema_hub.nano import NanoProblem
from lema_hub.nano.program import OPS, Op, compute
from lema_hub.records import ErrorType
from lema_hub.steps import join_steps, split_steps

COOKIES = "nano/train/s2-5"  # 30 - 5 = 25, 25 - 10 = 15; somebody else has 6
SHIRTS = "nano/train/s2-4"  # 7 * 6 = 42, 58 - 42 = 16
WALK = "nano/train/s4-5"  # 11 * 3 = 33, 4 * 4 = 16, 33 + 16 = 49, 53 - 49 = 4; the shop is 7 miles away
WEEKS = "nano/train/s3-3"  # 9 * 7 = 63, 63 - 7 = 56, 56 + 16 = 72
FENCE = "nano/train/s2-1"  # 10 + 8 = 18, 18 * 2 = 36
TEAMS = "nano/train/s3-0"  # 14 + 4 = 18, 18 / 9 = 2, 2 * 9 = 18
PENS = "nano/train/s2-21"  # 7 + 6 = 13, 7 + 13 = 20

WRONG: list[tuple[str, str, int, ErrorType]] = [
    (SHIRTS, "The shirts cost 7 * 6 = 43 dollars.|58 - 43 = 15|The answer is 15.", 1, "CA"),
    (SHIRTS, "7 * 6 = 42|58 - 42 = 26|The answer is 26.", 2, "CA"),
    (SHIRTS, "7 * 6 = 42.5|The answer is 15.5.", 1, "CA"),
    (WALK, "11 * 3 = 33 and 4 * 4 = 17|33 + 17 = 50|53 - 50 = 3|The answer is 3.", 1, "CA"),
    (WALK, "11 * 3 + 4 * 4 = 50|53 - 50 = 3|The answer is 3.", 1, "CA"),
    (WALK, "11 * 4 = 44|4 * 4 = 16|44 + 16 = 60|The answer is 60.", 1, "CV"),
    (WALK, "11 * 7 = 77|The answer is 77.", 1, "CV"),
    (SHIRTS, "7 * 6 = 42|58 - 7 = 51|The answer is 51.", 2, "PV"),
    (PENS, "7 + 6 = 13|7 + 7 = 14|The answer is 14.", 2, "PV"),
    (SHIRTS, "7 * 9 = 63|63 - 58 = 5|The answer is 5.", 1, "HA"),
    (SHIRTS, "7 * 6 = 42|100 - 42 = 58|The answer is 58.", 2, "HA"),
    (WEEKS, "9 * 5 = 45|45 - 7 = 38|38 + 16 = 54|The answer is 54.", 1, "UC"),
    (FENCE, "10 * 8 = 80|The answer is 80.", 1, "FC"),
    (FENCE, "10 + 8 = 18|18 * 4 = 72|The answer is 72.", 2, "FC"),
    (SHIRTS, "7 - 6 = 1|58 - 1 = 57|The answer is 57.", 1, "OP"),
    (SHIRTS, "7 * 6 = 42|58 / 42 = 2|The answer is 2.", 2, "OP"),
    (SHIRTS, "7 * 6 = 42|42 - 58 = -16|The answer is -16.", 2, "OP"),
    (SHIRTS, "7 + 6 = 13|58 - 13 = 45|The answer is 45.", 1, "CC"),
    (PENS, "7 + 6 = 13|13 - 7 = 6|The answer is 6.", 2, "QM"),
    (SHIRTS, "7 * 6 = 42|The answer is 42.", 2, "MS"),
    (WALK, "11 * 3 = 33|53 - 33 = 20|The answer is 20.", 2, "MS"),
    (SHIRTS, "7 * 6 = 42|58 - 42 = 16", 3, "MS"),
    (SHIRTS, "", 1, "MS"),
    (SHIRTS, "7 * 6 = 42|58 - 42 = 16|The answer is 42.", 3, "CS"),
    (SHIRTS, "7 * 6 = 42|58 - 42 = 16|The answer is -16.", 3, "CS"),
    (SHIRTS, "7 * 6 = 42|58 - 42 = 16|The answer is 16.5.", 3, "CS"),
    (SHIRTS, "7 * 6 = 42|58 - 42 = 16|The answer is many dollars.", 3, "CS"),
    (SHIRTS, "7 * 6 = 42|58 - 42 = 16|The answer is 16.|The answer is 42.", 4, "CS"),
    (SHIRTS, "7 * 6 = 42|7 * 6 = 48|58 - 42 = 16|The answer is 16.", 2, "CS"),
    (SHIRTS, "7 * 6 = 42|58 - 42 = 16|16 + 6 = 22|The answer is 22.", 3, "QM"),
    (SHIRTS, "The shirts are nice.|The answer is 7.", 1, "NO"),
    (SHIRTS, "7 * 6 = 42|So she pays.|The answer is 42.", 2, "NO"),
]

RIGHT = [
    (SHIRTS, "7 * 6 = 42|58 - 42 = 16|The answer is 16."),
    (SHIRTS, "6 x 7 = 42.|58 − 42 = 16.|The answer is $16."),
    (SHIRTS, "7 * $6 = $42|$58 - $42 = $16|The answer is 16 dollars."),
    (SHIRTS, "58 - 7 * 6 = 16|The answer is 16."),
    (SHIRTS, "7 * 6 = 42|58 - 42 = 16. The answer is 16."),
    (SHIRTS, "Let us see.|7 * 6 = 42|That is what she pays.|58 - 42 = 16|The answer is 16.|I am sure."),
    (SHIRTS, "7 * 6 = 42|Again: 7 * 6 = 42|58 - 42 = 16|The answer is 16."),
    (WALK, "4 * 4 = 16|11 * 3 = 33|16 + 33 = 49|53 - 49 = 4|The answer is 4."),
    (WALK, "53 - (11 * 3 + 4 * 4) = 4|The answer is 4."),
    (WALK, "11 * 3 = 33|53 - 33 = 20|4 * 4 = 16|20 - 16 = 4|The answer is 4."),
    (COOKIES, "30 - 10 = 20|20 - 5 = 15|The answer is 15."),
    (COOKIES, "She sells 5 + 10 = 15 cookies.|30 - 15 = 15|The answer is 15."),
    (COOKIES, "30 - 5 - 10 = 15|The answer is 15."),
    (FENCE, "10 * 2 = 20|8 * 2 = 16|20 + 16 = 36|The answer is 36."),
    (FENCE, "10 + 8 + 10 + 8 = 36|The answer is 36."),
    (PENS, "2 * 7 = 14|14 + 6 = 20|The answer is 20."),
    (WEEKS, "9 * 7 = 63|16 - 7 = 9|63 + 9 = 72|The answer is 72."),
]

LUCKY: list[tuple[str, str, int, ErrorType]] = [
    (COOKIES, "She sells 5 + 10 = 15 cookies.|The answer is 15.", 1, "QM"),
    (TEAMS, "14 + 4 = 18|The answer is 18.", 2, "MS"),
    (WEEKS, "The answer is 72.", 1, "MS"),
    (WEEKS, "9 * 7 = 63|63 + 9 = 72|The answer is 72.", 2, "QM"),
    (TEAMS, "9 * 2 = 18|The answer is 18.", 1, "MS"),
]


def steps_of(text: str) -> tuple[str, ...]:
    return tuple(text.split("|")) if text else ()


@pytest.mark.parametrize(("problem_id", "text", "step", "kind"), WRONG)
def test_the_first_wrong_step_and_its_type(problem_id: str, text: str, step: int, kind: ErrorType) -> None:
    found = nano.check(nano.load(problem_id), steps_of(text))
    assert (found.ok, found.first_wrong, found.error_type) == (False, step, kind)


@pytest.mark.parametrize(("problem_id", "text"), RIGHT)
def test_a_right_solution_by_whatever_way(problem_id: str, text: str) -> None:
    assert nano.check(nano.load(problem_id), steps_of(text)).ok


@pytest.mark.parametrize(("problem_id", "text", "step", "kind"), LUCKY)
def test_a_right_answer_by_luck_is_not_a_right_solution(
    problem_id: str, text: str, step: int, kind: ErrorType
) -> None:
    problem = nano.load(problem_id)
    assert judge(join_steps(steps_of(text)), problem.problem.answer).verdict == "correct"
    found = nano.check(problem, steps_of(text))
    assert (found.ok, found.first_wrong, found.error_type) == (False, step, kind)


def test_every_wording_of_every_step_is_right(problems: list[NanoProblem]) -> None:
    for made in problems:
        for k, step in enumerate(made.steps):
            for says in step.says:
                told = list(nano.solve(made, Random(0)))
                told[k] = says.replace("@", f"{step.x.value} {step.op} {step.y.value} = {step.value}")
                assert nano.check(made, told).ok, told
                told[k] = says.replace("@", f"{step.x.value} {step.op} {step.y.value} = {step.value + 1}")
                found = nano.check(made, told)
                assert (found.first_wrong, found.error_type) == (k + 1, "CA"), told


def test_steps_may_come_in_any_order_that_their_numbers_allow(problems: list[NanoProblem]) -> None:
    orders = 0
    for made in problems[::3]:
        n = len(made.steps)
        told = nano.solve(made, Random(1))
        for order in permutations(range(n)):
            needs = [{o.index for o in (made.steps[k].x, made.steps[k].y) if o.kind == "step"} for k in order]
            if all(need <= set(order[:place]) for place, need in enumerate(needs)):
                orders += order != tuple(range(n))
                assert nano.check(made, [*(told[k] for k in order), told[-1]]).ok
    assert orders > 10


def test_what_is_right_is_right_for_the_judge_of_answers_too(problems: list[NanoProblem]) -> None:
    for made in problems[::20]:
        told = nano.solve(made, Random(2))
        assert judge(join_steps(told), made.problem.answer).verdict == "correct"
        assert nano.check(made, split_steps(join_steps(told))).ok


FRAGMENTS = st.sampled_from(
    ["5", "3", "30", "25", "15", " ", "+", "-", "*", "/", "=", "x", "(", ")", ".", ",", "$", "The answer is ", "٣", "²",
     "½", "−", "999999", "1e9", "0", "\n", "pens", "Step 2: ", "...", "-", "%", "\x00"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.text(max_size=30), st.lists(FRAGMENTS, max_size=15).map("".join)), max_size=6))
def test_no_text_breaks_the_checker_or_the_corrector(steps: list[str]) -> None:
    problem = nano.load(COOKIES)
    found = nano.check(problem, steps)
    if found.ok:
        assert (found.first_wrong, found.error_type) == (None, None)
    else:
        assert found.first_wrong is not None
        assert 1 <= found.first_wrong <= len(steps) + 1
        assert_corrected(problem, steps, Random(0))


@pytest.mark.parametrize(
    "step",
    ["9 * " * 5000 + "9 = 9", "30 - 5 = " + "9" * 5000, "1 + 1 = 2, " * 5000, "The answer is " * 5000,
     "The answer is " + " " * 20000 + "x", "The answer is" + " ." * 10000, "30 - 5 = 25 " * 3000],
)  # fmt: skip
def test_endless_steps_are_checked_and_corrected(step: str) -> None:
    problem = nano.load(COOKIES)
    for steps in ([step, "The answer is 15."], [step] * 3):
        if not nano.check(problem, steps).ok:
            assert_corrected(problem, steps, Random(0))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 400), st.randoms(use_true_random=False))
def test_a_damaged_solution_is_either_right_or_corrected(index: int, random: Random) -> None:
    problem = nano.generate("dev", 1, start=index, steps=(2, 3, 4))[0]
    steps = list(nano.solve(problem, random))
    for _ in range(random.randint(1, 3)):
        k = random.randrange(len(steps))
        damage = random.choice(("drop", "twice", "swap", "number", "sign"))
        if damage == "drop" and len(steps) > 1:
            del steps[k]
        elif damage == "twice":
            steps.insert(k, random.choice(steps))
        elif damage == "swap":
            steps[k], steps[-1] = steps[-1], steps[k]
        else:
            words = steps[k].split()
            places = [
                i for i, word in enumerate(words) if (word in "+-*/" if damage == "sign" else word.isdigit())
            ]
            if places:
                number = str(random.choice((*problem.facts, random.randint(1, 99))))
                words[random.choice(places)] = random.choice("+-*/") if damage == "sign" else number
            steps[k] = " ".join(words)
    if nano.check(problem, steps).ok:
        assert judge(join_steps(steps), problem.problem.answer).verdict == "correct"
    else:
        assert_corrected(problem, steps, random)


def assert_corrected(problem: NanoProblem, steps: list[str], rng: Random) -> None:
    correction = nano.correct(problem, steps, rng)
    assert correction.explanation
    assert "None" not in correction.explanation
    assert "\n" not in correction.explanation
    whole = [*steps[: correction.first - 1], *correction.steps]
    assert nano.check(problem, whole).ok, (steps, correction)
    assert correction.steps[-1] == f"The answer is {problem.problem.answer}."


def test_an_answer_by_one_step_is_right_only_if_it_is_right_for_all_numbers() -> None:
    lucky = right = 0
    for made in nano.generate("train", 1000, steps=(2, 3)):
        for i, j in product(range(len(made.facts)), repeat=2):
            for op in OPS:
                x, y = made.facts[i], made.facts[j]
                if compute(x, op, y) != made.steps[-1].value:
                    continue
                steps = (f"{x} {op} {y} = {made.problem.answer}", f"The answer is {made.problem.answer}.")
                always = any(
                    follows(made, k, op, m)
                    for k, m in product(range(len(made.facts)), repeat=2)
                    if (made.facts[k], made.facts[m]) == (x, y)
                )
                assert nano.check(made, steps).ok == always, (made.problem.question, steps)
                right += always
                lucky += not always
    assert lucky > 100
    assert right > 0


def follows(made: NanoProblem, i: int, op: Op, j: int) -> bool:
    """Fact `i` `op` fact `j` is the answer, whatever the facts are."""
    rng = Random(0)
    for _ in range(5):
        facts = [Fraction(rng.randint(2, 10**6)) for _ in made.facts]
        found: list[Fraction] = []
        for step in made.steps:
            x, y = (
                Fraction(o.value) if o.kind == "constant" else (facts if o.kind == "fact" else found)[o.index]
                for o in (step.x, step.y)
            )
            found.append(apply(x, step.op, y))
        if apply(facts[i], op, facts[j]) != found[-1]:
            return False
    return True


def apply(x: Fraction, op: Op, y: Fraction) -> Fraction:
    return x + y if op == "+" else x - y if op == "-" else x * y if op == "*" else x / y

"""What a row takes: exact sums after a run, and intervals before it that hold as often as they say."""

from __future__ import annotations

import math
from random import Random

import pytest

from lema_hub.artifacts.manifest import Tokens
from lema_hub.builders import build_corrections
from lema_hub.builders.built import Spent
from lema_hub.builders.pilot import draw
from lema_hub.builders.yields import by_group, sums_of, yields
from lema_hub.engines import Ledger, Request
from lema_hub.engines.exact import ExactEngine
from lema_hub.engines.prices import Price
from lema_hub.records import Problem
from lema_hub.stats import ratio, total
from tests.builders.conftest import Sampled, Scripted


def problem(number: int, level: str | None) -> Problem:
    return Problem(f"math/train/{number}", "math", "train", "q", "1", "s", level, None, "r", "1", "mit")


def test_sums_are_exact_and_charged_to_the_student_and_the_level() -> None:
    problems = [problem(0, "Level 1"), problem(1, "Level 5"), problem(2, "Level 5")]
    spent = [
        Spent("math/train/0", "a", Tokens(prompt=10, completion=5), 0.5),
        Spent("math/train/1", "a", Tokens(prompt=10, completion=5), 0.25),
        Spent("math/train/1", "b", Tokens(prompt=1, completion=1), None),
    ]
    kept = [("math/train/0", "a"), ("math/train/1", "a"), ("math/train/1", "b")]
    rows = {(took.group, took.name): took for took in yields(problems, spent, kept)}
    assert list(rows) == [
        ("all", "all"),
        ("student", "a"),
        ("student", "b"),
        ("level", "Level 1"),
        ("level", "Level 5"),
    ]
    assert (rows["all", "all"].problems, rows["all", "all"].accepted, rows["all", "all"].cost_usd) == (
        3,
        3,
        0.75,
    )
    assert rows["student", "a"].cost_per_row == 0.375
    assert rows["student", "b"].cost_usd is None  # unknown, not nothing
    assert rows["student", "b"].tokens_per_row == 2
    assert (rows["level", "Level 5"].problems, rows["level", "Level 5"].accepted) == (2, 2)
    assert rows["level", "Level 1"].tokens_per_row == 15


def test_ratio_and_total_by_hand() -> None:
    found = ratio([2, 4, 6, 8], [1, 2, 1, 2], population=100)
    assert found is not None
    assert found.value == pytest.approx(20 / 6)
    # residuals a - R b: -4/3, -8/3, 8/3, 4/3; t(3) = 3.1824
    error = math.sqrt(0.96 * (160 / 9 / 3) / 4) / 1.5 / (20 / 6)
    assert (found.low, found.high) == pytest.approx(
        (20 / 6 / math.exp(3.18245 * error), 20 / 6 * math.exp(3.18245 * error)), rel=1e-4
    )
    whole = total([1, 2, 1, 2], population=100)
    half = 3.18245 * 100 * math.sqrt(0.96 * (1 / 3) / 4)
    assert (whole.value, whole.low, whole.high) == pytest.approx((150, 150 - half, 150 + half), rel=1e-4)


def test_a_sample_that_is_the_whole_has_no_doubt_and_none_without_rows() -> None:
    found = ratio([1, 2], [1, 3], population=2)
    assert found is not None
    assert (found.low, found.value, found.high) == (0.75, 0.75, 0.75)
    assert ratio([1, 2], [0, 0], population=10) is None
    assert total([1, 2], population=2).high == 3


def test_intervals_cover_the_truth_in_the_nano_world(sampled: Sampled, ledger: Ledger) -> None:
    """Pilots of the real student's sampling and of a corrector with tokens, at a price list of our own."""
    student, corrector = Price(input=0.1, output=0.4), Price(input=2.0, output=8.0)

    def answer(request: Request) -> str:
        ((_, found),) = ExactEngine().generate([request])
        text: str = found.text  # type: ignore[union-attr]
        return text if request.prompt.count("Step") % 3 else text.replace("answer is", "answer is 9")

    built = build_corrections(sampled.problems, sampled.paths.rows, Scripted(answer), ledger)
    spent = [
        Spent(one.problem_id, one.student, one.tokens, price.cost(one.tokens.prompt, one.tokens.completion))
        for part, price in ((sampled.paths.spent, student), (built.spent, corrector))
        for one in part
    ]
    kept = [(row.problem.problem_id, row.path.model) for row in built.rows]
    truth = yields(sampled.problems, spent, kept)[0]
    covered = {"ratio": 0, "rows": 0, "cost": 0}
    n = len(sampled.problems)
    pilots = 400
    for seed in range(pilots):
        drawn = draw(sampled.problems, 40, seed=seed)
        chosen = {each.problem_id for each in drawn}
        sums = by_group(
            drawn,
            [one for one in spent if one.problem_id in chosen],
            [one for one in kept if one[0] in chosen],
        )["all", "all"]
        rows, costs = sums_of(sums, "accepted"), sums_of(sums, "cost")
        found = ratio(costs, rows, population=n)
        assert found is not None
        for name, estimate, true in (
            ("ratio", found, truth.cost_per_row),
            ("rows", total(rows, population=n), truth.accepted),
            ("cost", total(costs, population=n), truth.cost_usd),
        ):
            covered[name] += estimate.low <= true <= estimate.high  # type: ignore[operator]
    # 95 % of 400, and three standard errors of that count: 380 +- 13.
    assert all(abs(hits - 0.95 * pilots) <= 16 for hits in covered.values()), covered


def test_a_pilot_draws_at_random_by_its_seed_and_without_repeats(sampled: Sampled) -> None:
    drawn = draw(sampled.problems, 50, seed=1)
    assert drawn == draw(sampled.problems, 50, seed=1) != draw(sampled.problems, 50, seed=2)
    assert len({each.problem_id for each in drawn}) == 50
    assert [each for each in sampled.problems if each in drawn] == drawn
    assert draw(sampled.problems, 9999, seed=1) == sampled.problems
    counts = [0] * 240
    rng = Random(0)
    for _ in range(300):
        for each in draw(sampled.problems, 60, seed=rng.randrange(10**9)):
            counts[sampled.problems.index(each)] += 1
    assert 45 < min(counts) < 75 < max(counts) < 110  # every problem has the same chance

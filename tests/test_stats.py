"""Statistics against scipy and against simulations whose truth is known."""

from __future__ import annotations

import doctest
from dataclasses import replace
from itertools import pairwise
from types import ModuleType

import numpy as np
import pytest
from scipy import stats

from lema_hub import stats as st
from lema_hub.errors import InputError
from lema_hub.evals import localisation
from lema_hub.records import Score, Verdict


def score(item: str, verdict: Verdict = "correct", *, seed: int = 0, system: str = "a") -> Score:
    return Score(
        item_id=item, task="nano", system=system, revision="r", checkpoint="", seed=seed, verdict=verdict,
        gold="1", extracted="1", output="", reason="",
    )  # fmt: skip


@pytest.mark.parametrize(("right", "n"), [(0, 10), (3, 10), (10, 10), (500, 1319), (1, 1)])
def test_wilson_is_scipys(right: int, n: int) -> None:
    expected = stats.binomtest(right, n).proportion_ci(method="wilson")
    found = st.estimate([1.0] * right + [0.0] * (n - right))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert found.value == right / n


def test_seeds_of_one_item_are_no_new_items() -> None:
    once = [1.0, 0.0] * 50
    rows = [score(str(i), "correct" if v else "wrong", seed=s) for i, v in enumerate(once) for s in range(4)]
    assert st.estimate(st.outcomes(rows)) == st.estimate(once)


@pytest.mark.parametrize(
    ("only_a", "only_b", "same"), [(0, 0, 5), (3, 9, 100), (12, 12, 3), (1, 30, 0), (70, 110, 900)]
)
def test_p_is_mcnemars_exact(only_a: int, only_b: int, same: int) -> None:
    differences = [-1.0] * only_a + [1.0] * only_b + [0.0] * same
    expected = stats.binomtest(only_b, only_a + only_b).pvalue if only_a + only_b else 1.0
    assert st.sign_flip(differences) == pytest.approx(expected, rel=1e-9)


def test_sign_flip_with_several_seeds_counts_every_sign() -> None:
    differences = np.array([1 / 3, 2 / 3, -1 / 3, 1.0])
    signs = np.array(np.meshgrid(*[[-1, 1]] * 4)).reshape(4, -1).T
    sums = signs @ np.abs(differences)
    expected = np.mean(np.abs(sums) >= abs(differences.sum()) - 1e-9)
    assert st.sign_flip(differences) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("n", "cells", "at_most"),
    [
        (100, (0.40, 0.10, 0.15, 0.35), 0.97),  # both, only a, only b, neither
        (200, (0.70, 0.05, 0.05, 0.20), 0.97),
        (500, (0.30, 0.02, 0.06, 0.62), 0.97),
        (1319, (0.75, 0.05, 0.07, 0.13), 0.97),
        (60, (0.95, 0.01, 0.01, 0.03), 1.0),  # one discordant item on average: wide, never too narrow
    ],
)
def test_the_interval_covers_the_truth(n: int, cells: tuple[float, ...], at_most: float) -> None:
    rng = np.random.default_rng(0)
    truth = cells[2] - cells[1]
    trials, covered = 4000, 0
    for counts in rng.multinomial(n, cells, size=trials):
        differences = np.repeat([0.0, -1.0, 1.0, 0.0], counts)
        low, high = st._bonett_price(differences)
        covered += low <= truth <= high
    assert 0.94 <= covered / trials <= at_most


def test_the_interval_covers_the_truth_with_several_seeds() -> None:
    rng = np.random.default_rng(1)
    n, seeds, trials, covered = 150, 4, 2000, 0
    for _ in range(trials):
        skill = rng.beta(0.5, 0.5, size=n)  # items are easy or hard, so the seeds of an item agree
        a = rng.binomial(seeds, skill) / seeds
        b = rng.binomial(seeds, np.clip(skill + 0.05 * (skill < 0.95), 0, 1)) / seeds
        truth = 0.05 * stats.beta.cdf(0.95, 0.5, 0.5)
        low, high = st._bonett_price(b - a)
        covered += low <= truth <= high
    assert 0.94 <= covered / trials <= 0.98


def test_the_exact_test_keeps_its_level_and_has_the_promised_power() -> None:
    rng = np.random.default_rng(2)
    n, discordance, trials = 400, 0.2, 1500

    def rejected(difference: float) -> float:
        cells = [(1 - discordance), (discordance - difference) / 2, (discordance + difference) / 2]
        draws = rng.multinomial(n, cells, size=trials)
        return float(np.mean([st.sign_flip(np.repeat([0.0, -1.0, 1.0], c)) < 0.05 for c in draws]))

    assert rejected(0.0) <= 0.055
    assert 0.72 <= rejected(st.minimum_detectable(n, discordance)) <= 0.86


def test_two_equal_systems_get_an_interval_with_a_width() -> None:
    rows = [score(str(i)) for i in range(50)]
    result = st.compare(rows, [score(str(i), system="b") for i in range(50)])
    assert (result.difference, result.p, result.only_a, result.only_b) == (0.0, 1.0, 0, 0)
    assert result.low < 0 < result.high
    assert not result.distinguishable


def test_compare_pairs_by_item_and_is_b_minus_a() -> None:
    a = [score(f"i{i}", "wrong" if i < 30 else "correct") for i in range(100)]
    b = [score(f"i{i}", system="b") for i in reversed(range(100))]
    result = st.compare(a, b)
    assert result.n == 100
    assert (result.pass_a, result.pass_b, result.difference) == pytest.approx((0.7, 1.0, 0.3))
    assert (result.only_a, result.only_b) == (0, 30)
    assert 0 < result.low < 0.3 < result.high
    assert result.distinguishable


def test_compare_uses_the_common_items_only() -> None:
    result = st.compare(
        [score("x"), score("y", "unparsed")], [score("y", system="b"), score("z", system="b")]
    )
    assert (result.n, result.left_out, result.pass_a, result.pass_b) == (1, 2, 0.0, 1.0)


def test_compare_without_common_items_says_so() -> None:
    with pytest.raises(InputError, match="no common items"):
        st.compare([score("x")], [score("y")])


def test_rows_that_stand_there_twice_or_of_two_systems_are_refused() -> None:
    with pytest.raises(InputError, match="twice"):
        st.outcomes([score("x"), score("x")])
    with pytest.raises(InputError, match="2 systems"):
        st.outcomes([score("x"), score("y", system="b")])


def test_rows_of_two_tasks_are_refused() -> None:
    with pytest.raises(InputError, match=r"2 tasks \(nano, other\); compare them task by task"):
        st.outcomes([score("x"), replace(score("x"), task="other")])


def test_holm_by_hand() -> None:
    assert st.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert st.holm([]) == []
    adjusted = st.holm([0.5, 0.9, 0.6])
    assert all(p <= 1 for p in adjusted)


def test_gsm8k_needs_four_points_for_two_single_runs() -> None:
    assert 100 * st.minimum_detectable(1319, 2 * 0.815 * 0.185) == pytest.approx(4.2, abs=0.05)


def test_the_best_of_twenty_is_too_high_by_two_standard_errors() -> None:
    rng = np.random.default_rng(3)
    simulated = rng.normal(size=(20000, 20)).max(axis=1).mean()
    assert st.selection_inflation(20) == pytest.approx(simulated, abs=0.02)
    assert st.selection_inflation(1) == pytest.approx(0, abs=1e-9)
    grown = [st.selection_inflation(k) for k in (1, 2, 5, 20)]
    assert all(x < y for x, y in pairwise(grown))


@pytest.mark.parametrize("module", [st, localisation])
def test_the_examples_are_right(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert (found.failed, found.attempted > 0) == (0, True)

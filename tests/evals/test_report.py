"""Comparisons of runs whose truth is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from lema_hub.artifacts.scores import read_items
from lema_hub.errors import InputError
from lema_hub.evals.report import make_report
from lema_hub.stats import compare
from tests.scored import BASE, run, three_runs


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    return three_runs(tmp_path)


def test_a_difference_is_shown_and_chance_is_a_tie(three: list[Path]) -> None:
    better, same = make_report(three).pairs
    assert (better.label, better.outcome, better.baseline) == ("better", "better", "base")
    assert (same.label, same.outcome) == ("same", "tie")
    assert better.comparison == compare(read_items(three[0]), read_items(three[1]))
    reverse = make_report(three[1::-1]).pairs[0]
    assert reverse.outcome == "worse"
    assert reverse.comparison.difference == -better.comparison.difference


def test_p_is_adjusted_for_the_table(three: list[Path]) -> None:
    better, same = make_report(three).pairs
    assert better.p_holm == pytest.approx(min(1, 2 * better.comparison.p))
    assert same.p_holm == max(same.comparison.p, better.p_holm)


def test_checkpoints_of_one_system_are_told_apart(tmp_path: Path) -> None:
    paths = [run(tmp_path / f"c{i}", "s", BASE, checkpoint=f"step-{i}") for i in (100, 200)]
    assert [row.label for row in make_report(paths).rows] == ["s:step-100", "s:step-200"]
    paths = [run(tmp_path / name, "s", BASE) for name in ("one", "two")]
    assert [row.label for row in make_report(paths).rows] == ["s (one)", "s (two)"]


def test_items_that_cannot_be_paired_are_counted(tmp_path: Path) -> None:
    report = make_report([run(tmp_path / "a", "a", BASE), run(tmp_path / "b", "b", BASE[:150])])
    assert report.pairs[0].comparison.n == 150
    assert "items that one of the two did not answer: b 50." in report.notes[0]


def test_a_part_of_the_items_is_named(tmp_path: Path) -> None:
    report = make_report([run(tmp_path / "a", "a", BASE, limit=200)])
    assert report.notes == ("Scored on a part of the items (limit 200).",)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"judge": "k"}, "judged by other code"),
        ({"repo": "other"}, "is other at 1 under lema-cot@1#0, of the baseline r at 1"),
    ],
)
def test_what_cannot_be_compared_is_refused(tmp_path: Path, other: dict[str, str], message: str) -> None:
    a = run(tmp_path / "a", "a", BASE)
    with pytest.raises(InputError, match=message):
        make_report([a, run(tmp_path / "b", "b", BASE, **other)])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="two runs are called 'a \\(a\\)'"):
        make_report([a, a])
    with pytest.raises(InputError, match="no runs"):
        make_report([])

from __future__ import annotations

import pytest

from lema_hub.answers.mathematics.comparison import same
from lema_hub.answers.mathematics.lists import branches, distinct, same_sequence
from lema_hub.answers.mathematics.reading import read
from lema_hub.answers.mathematics.values import Sequence


def finding(gold: str, pred: str, *, ordered: bool = False) -> str:
    left, right = read(gold), read(pred)
    assert isinstance(left, Sequence)
    assert isinstance(right, Sequence)
    return same_sequence(left, right, same, ordered=ordered)


@pytest.mark.parametrize(
    ("gold", "pred", "expected"),
    [
        ("1, 2", "2, 1", "equal"),
        ("1, 2", "1, 2, 2", "equal"),
        ("1, 2, 2", "1, 2", "different"),
        (r"\{1, 2, 2\}", "1, 2", "equal"),
        ("(1, 2)", "(2, 1)", "different"),
        ("(1, 2)", "[1, 2]", "different"),
        ("(1, 2, 3)", "[1, 2, 3]", "equal"),
        ("(1, 2)", r"\{1, 2\}", "different"),
        ("3, 1, 2", "[1, 2, 3]", "equal"),
        ("[1, 2]", "1, 2", "different"),
        (r"(0, \pm 3)", "(0,3), (0,-3)", "equal"),
        ("1, 2", "x = 1, y = 2", "equal"),
        ("1, 2", "x = 2, y = 1", "different"),
    ],
)
def test_what_order_and_repetition_count_for(gold: str, pred: str, expected: str) -> None:
    assert finding(gold, pred) == expected


def test_an_order_that_was_asked_for_counts() -> None:
    assert finding("1, 2", "2, 1", ordered=True) == "different"


def test_both_values_of_a_plus_minus_are_branches() -> None:
    assert len(branches(read(r"x = 2 \pm \sqrt{3}"))) == 2
    assert len(distinct(branches(read(r"\pm 0")), same)) == 1

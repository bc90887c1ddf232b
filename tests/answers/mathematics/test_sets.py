from __future__ import annotations

import pytest

from lema_hub.answers.mathematics.reading import read
from lema_hub.answers.mathematics.sets import same_set, to_set


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("(3,4]", "3 < x \\le 4", True),
        ("(3,4]", "3 < x < 4", False),
        ("x < 2 or x > 3", r"(-\infty,2) \cup (3,\infty)", True),
        ("x > 3, x < 5", "(3,5)", True),
        ("x < 2, x > 3", "x < 2 or x > 3", True),
        ("2x + 1 > 5", r"(2,\infty)", True),
        ("1 - x > 0", "x < 1", True),
        ("x > 1", "y > 1", False),
        (r"(1,3) \cup (2,5)", "(1,5)", True),
        (r"(1,2) \cup (2,5)", "(1,5)", False),
    ],
)
def test_ends_are_kept_apart(one: str, other: str, same: bool) -> None:
    assert same_set(to_set(read(one)), to_set(read(other))) is same


def test_what_cannot_be_ordered_is_not_a_set() -> None:
    assert to_set(read("(a,b)")) is None
    assert to_set(read("(4,3)")) is None
    assert same_set(None, to_set(read("(3,4)"))) is None

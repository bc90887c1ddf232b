from __future__ import annotations

import pytest

from lema_hub.answers.mathematics.comparison import same
from lema_hub.answers.mathematics.equations import assigned
from lema_hub.answers.mathematics.reading import read
from lema_hub.answers.mathematics.values import Relation


def assigned_of(text: str) -> object:
    relation = read(text)
    assert isinstance(relation, Relation)
    return assigned(relation)


def test_a_name_gives_way_to_its_value() -> None:
    assert assigned_of("x = 5") == assigned_of("5 = x") == assigned_of("10/2 = 5") == read("5")
    assert assigned_of("10/3 = 5") is None
    assert assigned_of("x + y = 5") is None


@pytest.mark.parametrize(
    ("one", "other", "finding"),
    [
        ("2x + 4y = 6", "x + 2y - 3 = 0", "equal"),
        ("2x + 4y = 6", "x + 2y - 4 = 0", "different"),
        ("x + y < 1", "1 > x + y", "equal"),
        ("x + y < 1", "-x - y < -1", "different"),
        ("x + y < 1", "-x - y > -1", "equal"),
        ("x + 200000000001y = 0", "2x + 400000000002y = 0", "equal"),
        ("x + 200000000001y = 0", "x + 200000000002y = 0", "unknown"),
        (r"y^2 = x", r"y^2 = \pm x", "unknown"),
    ],
)
def test_equations_are_equal_up_to_a_constant_factor(one: str, other: str, finding: str) -> None:
    assert same(read(one), read(other)) == finding

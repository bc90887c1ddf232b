from __future__ import annotations

from fractions import Fraction

from lema_hub.answers.mathematics.units import measure


def test_units_multiply_and_divide() -> None:
    assert measure([("mph", 1)]) == measure([("miles", 1), ("hour", -1)])
    assert measure([("cents", 1)]) == ((("money", 1),), Fraction(1, 100))
    assert measure([("feet", 2)]) == ((("length", 2),), Fraction("0.3048") ** 2)
    assert measure([("liters", 1)]) == ((("length", 3),), Fraction(1, 1000))


def test_months_are_not_days_and_eggs_are_no_unit() -> None:
    months, days = measure([("months", 1)]), measure([("days", 1)])
    assert months is not None
    assert days is not None
    assert months[0] != days[0]
    assert measure([("eggs", 1)]) is None

"""Equations are read as people write them, in time linear in the text."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lema_hub.nano.equations import equations, exact, stated_number


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tom has 5 + 3 = 8 pens.", [(5, "+", 3, 8)]),
        ("That is 5+3=8.", [(5, "+", 3, 8)]),
        ("2 x 3 = 6", [(2, "*", 3, 6)]),
        ("2 × 3 = 6, then 6 ÷ 2 = 3", [(2, "*", 3, 6), (6, "/", 2, 3)]),
        ("8 − 3 = 5", [(8, "-", 3, 5)]),
        ("He pays 3 * $4 = $12.", [(3, "*", 4, 12)]),
        ("600 * 2 = 1,200 steps", [(600, "*", 2, 1200)]),
        ("10 / 4 = 2.5", [(10, "/", 4, Fraction(5, 2))]),
        ("3 - 5 = -2", [(3, "-", 5, -2)]),
        ("3 - 5 = - 2", [(3, "-", 5, -2)]),
        ("-2 + 5 = 3", [(-2, "+", 5, 3)]),
        ("pens - 5 + 3 = 8", [(5, "+", 3, 8)]),
        ("2 + 3 + 4 = 9", [(2, "+", 3, 5), (5, "+", 4, 9)]),
        ("2 + 3 * 4 = 14", [(3, "*", 4, 12), (2, "+", 12, 14)]),
        ("2 * (5 + 3) = 16", [(5, "+", 3, 8), (2, "*", 8, 16)]),
        ("(5 + 3 = 8)", [(5, "+", 3, 8)]),
        ("20 - 8 - 2 = 10", [(20, "-", 8, 12), (12, "-", 2, 10)]),
        ("5 + 3 = 8 - 2 = 6", [(5, "+", 3, 8), (8, "-", 2, 6)]),
        ("In 4 weeks she saves 4 * 5 = 21 dollars.", [(4, "*", 5, 21)]),
        ("Then 7 5 + 3 = 8", [(5, "+", 3, 8)]),
        ("5 pens + 3 pens = 8 pens", []),
        ("5 + 3 = eight", []),
        ("5 + = 8", []),
        ("4 / 0 = 4", []),
        ("٣ + ٤ = ٧", []),
        ("1234567890123 + 1 = 2", []),
        ("box 3 = 3", []),
        ("", []),
    ],
)
def test_what_is_read(text: str, expected: list[tuple[object, ...]]) -> None:
    assert [(e.x, e.op, e.y, e.value) for e in equations(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7", 7), ("$1,200 in all", 1200), ("7.50", Fraction(15, 2)), ("-7", -7), ("3 + 4 = 7 pens", 7),
        ("7 pens for 3 children", 7), ("seven", None), ("**7**", 7), ("", None), ("x = 7", 7),
    ],
)  # fmt: skip
def test_the_number_that_an_answer_states(text: str, expected: object) -> None:
    assert stated_number(text) == expected


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=8), st.data())
def test_an_expression_is_worked_out_as_python_does(numbers: list[int], data: st.DataObject) -> None:
    signs = [data.draw(st.sampled_from(["+", "-", "*"])) for _ in numbers[1:]]
    expression = str(numbers[0]) + "".join(
        f" {sign} {number}" for sign, number in zip(signs, numbers[1:], strict=True)
    )
    found = equations(f"{expression} = 0")
    assert len(found) == len(signs)
    last = found[-1]
    assert exact(last.x, last.op, last.y) == eval(expression)  # made of numbers and signs above
    assert all(exact(e.x, e.op, e.y) == e.value for e in found[:-1])


@pytest.mark.parametrize(
    "text",
    [
        "1 + " * 20_000,
        "1 + " * 20_000 + "1 = 2",
        "9 * " * 20_000 + "9 = 9",
        "(" * 20_000 + "1 + 2" + ")" * 20_000 + " = 3",
        "1 " * 20_000,
        "1" * 20_000,
        "1" * 20_000 + " + 1 = 2",
        "1,111" * 10_000,
        "-" * 20_000 + "1",
        "1 = " * 20_000,
        "1" + " " * 20_000 + "+",
        "x" * 20_000,
        "1x" * 20_000 + "=1",
    ],
)
def test_long_texts_are_read_quickly(text: str) -> None:
    assert len(equations(text)) <= 1
    stated_number(text)


@given(st.text(alphabet=st.characters(categories=["Nd", "No", "Nl", "Sm", "Zs", "L"]), max_size=60))
def test_no_character_breaks_the_reader(text: str) -> None:
    for e in equations(text):
        assert exact(e.x, e.op, e.y) is not None
    stated_number(text)

from __future__ import annotations

from fractions import Fraction

import pytest

from lema_hub.answers.mathematics.syntax import MAX_DEPTH, parse
from lema_hub.answers.mathematics.tokens import UnreadableError, tokenize
from lema_hub.answers.mathematics.trees import Tree


def tree(text: str) -> Tree:
    return parse(tokenize(text))


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        (r"\frac12", r"\frac{1}{2}"),
        (r"\sqrt10", r"\sqrt{10}"),
        ("-x^2", "-(x^2)"),
        ("2x/3y", "((2*x)/3)*y"),
        (r"\sin 2x \cos x", r"(\sin(2x))*\cos(x)"),
        (r"\sin^{-1} x", r"\arcsin x"),
        ("2^3^2", "2^{(3^2)}"),
        ("3 - -2", "3 + 2"),
        ("x^12", "x^{12}"),
    ],
)
def test_precedence_and_short_arguments(text: str, same_as: str) -> None:
    assert tree(text) == tree(same_as)


def test_a_mixed_number_is_not_a_product() -> None:
    assert tree(r"1\frac{4}{5}") == tree("1 4/5") == ("n", Fraction(9, 5), 0)
    assert tree(r"2\frac{5}{4}")[0] == "*"


def test_repeating_decimals_are_exact() -> None:
    assert tree(r"0.1\overline{6}")[1] == Fraction(1, 6)


@pytest.mark.parametrize(
    "text", ["1 2", "x +", "(", ")", r"\frac{1}", "(" * (MAX_DEPTH + 1) + "1" + ")" * (MAX_DEPTH + 1)]
)
def test_what_is_not_a_formula(text: str) -> None:
    with pytest.raises(UnreadableError):
        tree(text)

from __future__ import annotations

import pytest

from lema_hub.answers.mathematics.exact import TooLargeError, equal_forms, evaluate, same_zeros
from lema_hub.answers.mathematics.syntax import parse
from lema_hub.answers.mathematics.tokens import tokenize
from lema_hub.answers.mathematics.trees import Tree


def tree(text: str) -> Tree:
    return parse(tokenize(text))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (r"\frac{1}{\sqrt{3}}", r"\frac{\sqrt{3}}{3}", True),
        (r"\sqrt{8}", r"2\sqrt{2}", True),
        (r"\sqrt{2} + \sqrt{3}", r"\sqrt{5}", False),
        ("(x+1)^2", "x^2 + 2x + 1", True),
        ("(x+1)^2", "x^2 + 1", False),
        (r"\frac{x^2-1}{x-1}", "x+1", True),
        ("i^2", "-1", True),
        (r"\binom{10}{3}", "120", True),
        ("20!", "2432902008176640001", False),
    ],
)
def test_canonical_forms_need_no_tolerance(one: str, other: str, same: bool) -> None:
    assert equal_forms(evaluate(tree(one)), evaluate(tree(other))) == same


def test_equations_have_the_same_zeros_up_to_a_factor() -> None:
    assert same_zeros(evaluate(tree("2x - 4")), evaluate(tree("x - 2")))
    assert not same_zeros(evaluate(tree("2x - 4")), evaluate(tree("x + 2")))


@pytest.mark.parametrize("text", ["(a+b+c+d+e)^{60}", r"3 \pm 1", r"\infty"])
def test_what_is_too_large_or_two_values_has_no_form(text: str) -> None:
    with pytest.raises(TooLargeError):
        evaluate(tree(text))

from __future__ import annotations

import pytest

from lema_hub.answers.mathematics.reading import read
from lema_hub.answers.mathematics.scalars import same_scalar
from lema_hub.answers.mathematics.values import Scalar


def finding(gold: str, pred: str, question: str | None = None) -> str:
    left, right = read(gold), read(pred)
    assert isinstance(left, Scalar)
    assert isinstance(right, Scalar)
    return same_scalar(left, right, question=question)


@pytest.mark.parametrize(
    ("gold", "pred", "expected"),
    [
        ("27648", "27649", "different"),
        ("1/3", "0.3333", "equal"),
        ("1/3", "0.333", "different"),
        ("0.25", "0.2500001", "different"),
        ("50%", "0.5", "equal"),
        ("50%", "50", "equal"),
        ("0.5", "50", "different"),
        ("1.5%", "1.5", "different"),
        (r"1.5 \text{ m}", r"150 \text{ cm}", "equal"),
        (r"1.5 \text{ m}", r"1.5 \text{ cm}", "different"),
        (r"1.5 \text{ m}", "1.5", "equal"),
        (r"5 \text{ cm}", r"5 \text{ cm}^2", "different"),
        (r"180^\circ", r"\pi", "equal"),
        (r"180^\circ", "180", "equal"),
        (r"180^\circ", r"180 \text{ radians}", "different"),
        (r"2 \pm 1", r"2 \mp 1", "equal"),
        (r"2 \pm 1", "3", "different"),
    ],
)
def test_numbers_with_their_units(gold: str, pred: str, expected: str) -> None:
    assert finding(gold, pred) == expected


def test_a_question_about_a_percentage_settles_what_a_number_means() -> None:
    assert finding("1.5%", "1.5", "What percent is it?") == "equal"
    assert finding("50%", "50", "How many are there?") == "different"

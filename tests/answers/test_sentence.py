from __future__ import annotations

import pytest

from lema_hub.answers.sentence import formula_in, last_number, number_in, words


@pytest.mark.parametrize(
    ("clause", "number"),
    [
        ("$18 per day, because 9 * 2 = 18", "$18"),
        ("not 10 but 12", "12"),
        ("minus 5", "-5"),
        ("5 or 6", "5 or 6"),
        ("x = 3 + 4 = 7", "7"),
        ("5 + 3", "5 + 3"),
        ("5 + tax", None),
        ("**18** eggs", "18"),
        ("(x+y+z+1)^{200}", "(x+y+z+1)^{200}"),
        ("the value n-1 of it", "n-1"),
        ("18 (9*2)", "18"),
        ("nothing", None),
    ],
)
def test_the_number_that_a_sentence_states(clause: str, number: str | None) -> None:
    assert number_in(clause) == number


def test_the_last_number_of_a_line_may_be_a_formula() -> None:
    assert last_number("So 3 of 4 are left with 2^{10}.") == "2^{10}"
    assert last_number("It falls by a -5 degree step") == "-5"


def test_the_formula_that_a_sentence_states() -> None:
    assert formula_in("the sum is $a + b$ because of that") == "$a + b$"
    assert formula_in("the square of our first polynomial expression (x+1)^{20}") == "(x+1)^{20}"
    assert words(r"the \textbf{sum} of $abc$ and def") == 4

from __future__ import annotations

import pytest

from lema_hub.answers.mathematics.tokens import (
    MAX_TOKENS,
    UnreadableError,
    bracket_partners,
    split_outside,
    tokenize,
)


def texts(text: str) -> list[str]:
    return [token.text for token in tokenize(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("xyz", ["x", "y", "z"]),
        ("even", ["even"]),
        ("15 cm", ["15", "cm"]),
        ("sqrt(2)", ["\\sqrt", "(", "2", ")"]),
        ("2pi", ["2", "\\pi"]),
        (r"\text{sq ft}", ["sq", "ft"]),
        (r"\lfloor x \rfloor", ["\\floor", "(", "x", ")"]),
        (r"a \ne b", ["a", "!=", "b"]),
        ("40 min", ["40", "min"]),
        (r"\mathbb{R}", ["\\mathbbR"]),
        ("1.5e3", ["1.5e3"]),
        (r"\cotx", ["\\cot", "x"]),
    ],
)
def test_runs_of_letters_are_words_names_or_products(text: str, expected: list[str]) -> None:
    assert texts(text) == expected


def test_brackets_pair_as_intervals_do() -> None:
    assert bracket_partners(tokenize("(3,4]")) == {0: 4}
    for text in ("(3", "3)", "(3}", r"\begin{matrix}"):
        with pytest.raises(UnreadableError):
            bracket_partners(tokenize(text))


def test_separators_inside_brackets_do_not_count() -> None:
    tokens = tokenize("(1,2),3")
    ranges, found = split_outside(tokens, bracket_partners(tokens), 0, frozenset(","))
    assert (ranges, found) == ([(0, 5), (6, 7)], [","])


def test_an_answer_has_a_limited_number_of_tokens() -> None:
    with pytest.raises(UnreadableError, match=str(MAX_TOKENS)):
        tokenize("+" * (MAX_TOKENS + 1))
    with pytest.raises(UnreadableError, match="is not mathematics"):
        tokenize("\x00")

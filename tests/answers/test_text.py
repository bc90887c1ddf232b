from __future__ import annotations

import pytest

from lema_hub.answers.text import clean, plain_words


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("１８ ｅｇｇｓ", "18 eggs"),
        ("$10{,}080$", "10080"),
        ("32, 349", "32, 349"),
        ("(12,345)", "(12,345)"),
        (r"\dfrac{1}{2}", r"\frac{1}{2}"),
        (r"\left(1, 2\right)", "(1, 2)"),
        (r"\$5", "$5"),
        ("3 ≤ x", r"3 \le x"),
        ("5.", "5"),
        ("5!", "5!"),
        ("3 1/2", "3 1/2"),
    ],
)
def test_one_spelling_for_what_can_be_written_in_many_ways(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_words_are_compared_without_case_articles_and_text_commands() -> None:
    assert plain_words(r"\text{The Library.}") == "library"
    assert plain_words("a") == "a"

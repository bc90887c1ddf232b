from __future__ import annotations

import pytest

from lema_hub.answers.mathematics.number import plain


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("18", "18"), ("018", "18"), ("18.", "18"), ("18.00", "18"), (".5", "0.5"), ("-0", "0"), ("+7", "7"),
        ("$1,200.50", "1200.5"), ("-$3", "-3"), (r"\$5", "5"), ("100000000000000000001", "100000000000000000001"),
    ],
)  # fmt: skip
def test_plain_numbers_have_one_form(text: str, canonical: str) -> None:
    assert plain(text) == canonical


@pytest.mark.parametrize("text", ["", ".", "1,2", "1 200", "1e3", "½", "٣", "5%", "x", "1.2.3", "12,34"])
def test_everything_else_is_read_elsewhere(text: str) -> None:
    assert plain(text) is None

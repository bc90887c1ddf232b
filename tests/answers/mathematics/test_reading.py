from __future__ import annotations

import pytest

from lema_hub.answers.mathematics.reading import read
from lema_hub.answers.mathematics.tokens import UnreadableError


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("18", "Scalar"), ("18 eggs", "Scalar"), ("1, 2", "Sequence"), ("(1, 2)", "Sequence"), ("x = 5", "Relation"),
        ("x < 5", "Relation"), ("x < 2 or x > 3", "Union"), (r"(1,2) \cup (3,4)", "Union"), ("3:8", "Ratio"),
        (r"\begin{pmatrix}1\end{pmatrix}", "Matrix"), ("52_8", "Based"), ("8:34 p.m.", "Clock"), ("even", "Words"),
    ],
)  # fmt: skip
def test_every_kind_of_answer_is_recognised(text: str, kind: str) -> None:
    assert type(read(text)).__name__ == kind


def test_words_in_front_of_a_value_do_not_count() -> None:
    assert read("about 18") == read("is exactly 18") == read("18")


@pytest.mark.parametrize("text", ["(1, 2", "1 2", "1,,2", r"\int x", "x ="])
def test_what_cannot_be_read(text: str) -> None:
    with pytest.raises(UnreadableError):
        read(text)

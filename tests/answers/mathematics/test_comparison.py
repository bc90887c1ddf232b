from __future__ import annotations

import pytest

from lema_hub.answers.mathematics.comparison import same
from lema_hub.answers.mathematics.reading import read

PAIRS = [
    ("(1,2)", r"\begin{pmatrix}1\\2\end{pmatrix}", "equal"),
    ("(1,2)", r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "different"),
    ("3:8", "3/8", "equal"),
    ("3:8", "6:16", "equal"),
    ("(3,4]", "(3,4)", "different"),
    ("52_8", "42", "different"),
    ("x = 5", "5", "equal"),
    ("5 = x + y", "x + y", "different"),
    ("yes", "no", "different"),
]


@pytest.mark.parametrize(("gold", "pred", "finding"), PAIRS)
def test_values_of_every_kind(gold: str, pred: str, finding: str) -> None:
    assert same(read(gold), read(pred)) == finding


def test_the_question_settles_order_base_and_ratio() -> None:
    assert same(read("1, 2"), read("2, 1")) == "equal"
    assert same(read("1, 2"), read("2, 1"), "List them in increasing order.") == "different"
    assert same(read("52"), read("52_8")) == "different"
    assert same(read("52"), read("52_8"), "What is it in base eight?") == "equal"
    assert same(read("2:03"), read("4:06")) == "different"
    assert same(read("2:03"), read("4:06"), "What is the ratio of the two?") == "equal"

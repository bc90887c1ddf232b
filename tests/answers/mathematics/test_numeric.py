from __future__ import annotations

import pytest

from lema_hub.answers.mathematics.numeric import agree, real, value
from lema_hub.answers.mathematics.syntax import parse
from lema_hub.answers.mathematics.tokens import tokenize


@pytest.mark.parametrize(
    ("one", "other", "finding"),
    [
        (r"\sin 2x", r"2 \sin x \cos x", "agree"),
        (r"\sin 2x", r"2 \sin x", "differ"),
        (r"|x|", "x", "differ"),
        (r"\log_2 8", "3", "agree"),
        ("9^{9^{9^9}}", "1", "unknown"),
        (r"\pm x", "x", "unknown"),
    ],
)
def test_values_at_fixed_points_tell_formulas_apart(one: str, other: str, finding: str) -> None:
    assert agree(parse(tokenize(one)), parse(tokenize(other))) == finding


def test_real_values_and_infinities() -> None:
    assert real(parse(tokenize(r"-\infty"))) == float("-inf")
    assert real(parse(tokenize("2i"))) is None
    assert real(parse(tokenize("x"))) is None
    assert value(parse(tokenize("1/0"))) is None

from __future__ import annotations

import pytest

from lema_hub.answers.mathematics.clock import read_clock


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("8:34 p.m.", "20:34", True),
        ("8:34 a.m.", "20:34", False),
        ("8:34", "20:34", True),
        ("8:34", "8:35", False),
        ("12 noon", "12:00 p.m.", True),
        ("12 midnight", "12:00 p.m.", False),
    ],
)
def test_an_open_half_of_the_day_fits_either(one: str, other: str, same: bool) -> None:
    left, right = read_clock(one), read_clock(other)
    assert left is not None
    assert right is not None
    assert left.matches(right) == right.matches(left) == same


@pytest.mark.parametrize("text", ["8", "25:00", "13 pm", "8:34:61", "3:4:5:6", "8:34 sharp"])
def test_what_is_not_a_time(text: str) -> None:
    assert read_clock(text) is None

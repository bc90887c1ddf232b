from __future__ import annotations

import pytest

from lema_hub.answers.mathematics.bases import read_based
from lema_hub.answers.mathematics.values import Based


@pytest.mark.parametrize("text", ["52_8", "52_{8}", "52_{eight}", r"52 \text{ base } 8", "(52)_8", "052_8"])
def test_one_number_in_many_spellings(text: str) -> None:
    assert read_based(text) == Based("52", 8)


@pytest.mark.parametrize("text", ["52", "x_8", "52_1", "A_8", "52_8 + 1"])
def test_what_is_not_a_number_in_a_base(text: str) -> None:
    assert read_based(text) is None

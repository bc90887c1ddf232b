from __future__ import annotations

import pytest

from lema_hub.answers.mathematics.amounts import degrees, unit_words
from lema_hub.answers.mathematics.tokens import UnreadableError, tokenize


def test_units_come_with_their_powers() -> None:
    assert unit_words(tokenize("square feet"))[0] == [("feet", 2)]
    assert unit_words(tokenize("miles per hour"))[0] == [("miles", 1), ("hour", -1)]
    assert unit_words(tokenize(r"\text{cm}^2"))[0] == [("cm", 2)]


@pytest.mark.parametrize("text", ["more", "inches plus two", r"\text{cm}^4"])
def test_words_that_change_an_amount_are_no_units(text: str) -> None:
    with pytest.raises(UnreadableError):
        unit_words(tokenize(text))


def test_a_final_degree_sign_is_a_unit_but_not_in_a_function() -> None:
    rest, unit = degrees(tokenize(r"30^\circ"))
    assert ([token.text for token in rest], unit and unit.kinds) == (["30"], (("angle", 1),))
    assert degrees(tokenize(r"20^\circ C"))[1] != unit
    assert degrees(tokenize(r"\sin 30^\circ"))[1] is None

from __future__ import annotations

import pytest

from lema_hub.answers import answer_classes, majority, pass_at_k
from lema_hub.errors import InputError


def test_equivalent_answers_vote_together() -> None:
    answers = ["3", "1/2", "0.5", None, "\\frac{1}{2}", "3"]
    assert answer_classes(answers, style="math") == [[0, 5], [1, 2, 4]]
    assert majority(answers, style="math") == 1


def test_a_tie_goes_to_the_first_and_no_answer_has_no_majority() -> None:
    assert majority(["4", "5", "5", "4"]) == 0
    assert majority([None, None]) is None
    assert majority([]) is None


def test_pass_at_k_is_the_unbiased_estimate() -> None:
    assert pass_at_k(n=4, correct=1) == pytest.approx(0.25)
    assert pass_at_k(n=4, correct=1, k=2) == pytest.approx(0.5)
    assert pass_at_k(n=4, correct=3, k=2) == 1.0
    assert pass_at_k(n=4, correct=0, k=4) == 0.0
    with pytest.raises(InputError, match="got k=5, n=4"):
        pass_at_k(n=4, correct=1, k=5)

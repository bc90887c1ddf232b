"""A whole output against a gold answer of one part or of several."""

from __future__ import annotations

import pytest

from lema_hub.answers import judge

TWO_BOXES = (
    "The roots are $\\boxed{3}$ and $\\boxed{4}$.",
    "$x = \\boxed{3}$ or $x = \\boxed{4}$",
    "**\\boxed{3}** and **\\boxed{4}**",
    "The first root is $\\boxed{3}$ and the second root is $\\boxed{4}$.",
    "One root is $\\boxed{3}$. By symmetry the other root is $\\boxed{4}$.",
    "One root is $\\boxed{3}$. The other is $\\boxed{4}$. So there are $\\boxed{3}$ and $\\boxed{4}$.",
)


@pytest.mark.parametrize("output", TWO_BOXES)
def test_two_boxes_are_one_answer_where_the_gold_answer_has_two_parts(output: str) -> None:
    for gold in ("3, 4", "\\{3, 4\\}", "(3, 4)", "x = 3 \\text{ or } x = 4"):
        assert judge(output, gold, style="math").verdict == "correct", gold
    for gold in ("3, 5", "(4, 3)", "3, 4, 5", "3", "[3, 4)", "3 \\pm 1"):
        assert judge(output, gold, style="math").verdict == "wrong", gold
    assert judge(output, "3, 4").verdict == "correct"


def test_two_boxes_are_both_values_of_a_plus_minus() -> None:
    output = "One solution is $\\boxed{2+\\sqrt3}$, another one is $\\boxed{2-\\sqrt3}$."
    assert judge(output, "2 \\pm \\sqrt{3}", style="math").verdict == "correct"


def test_the_last_box_counts_where_the_numbers_of_parts_and_boxes_differ() -> None:
    three = "Try $\\boxed{2}$ first. One root is $\\boxed{3}$. The other root is $\\boxed{4}$."
    assert judge(three, "3, 4", style="math").verdict == "wrong"
    assert judge(three, "4", style="math").verdict == "correct"
    assert (
        judge(
            "The legs are $\\boxed{3}$ and so on. The point is $\\boxed{(3,4)}$.", "(3,4)", style="math"
        ).verdict
        == "correct"
    )


def test_two_boxes_are_not_one_of_both() -> None:
    for style in ("number", "math"):
        assert judge("It is $\\boxed{3}$ or $\\boxed{4}$.", "4", style=style).verdict == "wrong"  # type: ignore[arg-type]

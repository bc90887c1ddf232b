"""Shares and prices of a build: computed from counts, and absent where there is nothing to divide by."""

from __future__ import annotations

import pytest

from lema_hub.artifacts.figures import GateTruth, Success, Yield, label


def test_a_level_is_called_a_level_once() -> None:
    assert label("level", "3") == "level 3"
    assert label("level", "Level 3") == "Level 3"
    assert label("student", "me/model") == "me/model"


def test_a_rate_is_a_share_of_the_mistakes() -> None:
    made = Success(group="student", name="m", wrong=40, corrected=10, low=0.14, high=0.40)
    assert made.rate == 0.25
    assert Success(group="self", name="own", wrong=0, corrected=0, low=0.0, high=1.0).rate == 0.0


def test_a_row_costs_what_was_spent_on_all_of_them() -> None:
    made = Yield(
        group="all",
        name="all",
        problems=9,
        accepted=4,
        prompt_tokens=300,
        completion_tokens=100,
        cost_usd=2.0,
    )
    assert (made.tokens_per_row, made.cost_per_row) == (100.0, 0.5)
    none = Yield(
        group="all",
        name="all",
        problems=9,
        accepted=0,
        prompt_tokens=300,
        completion_tokens=100,
        cost_usd=2.0,
    )
    assert (none.tokens_per_row, none.cost_per_row) == (None, None)


def test_precision_and_recall_are_those_of_what_a_gate_failed() -> None:
    gate = GateTruth(
        gate="arithmetic", asked=100, failed=10, right=2, made={"CA": 16, "OP": 4}, caught={"CA": 8}
    )
    assert gate.precision == pytest.approx(0.8)
    assert gate.recall == pytest.approx(0.4)
    idle = GateTruth(gate="vote", asked=5, failed=0, right=0)
    assert (idle.precision, idle.recall) == (None, None)

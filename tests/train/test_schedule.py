"""Schedules: equal budgets, every row once a pass, little padding."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lema_hub.errors import InputError
from lema_hub.train.schedule import plan

LENGTHS = st.lists(st.integers(min_value=1, max_value=60), min_size=1, max_size=50)


@given(lengths=LENGTHS, seed=st.integers(0, 3), steps=st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_a_token_budget_is_met_to_half_a_row_at_every_step(lengths: list[int], seed: int, steps: int) -> None:
    schedule = plan(lengths, max_steps=steps, micro_batches=2, seed=seed, tokens_per_step=200)
    seen = 0
    for number, step in enumerate(schedule.steps, start=1):
        seen += sum(lengths[row] for batch in step for row in batch)
        assert abs(seen - 200 * number) <= max(lengths) / 2
        assert len(step) == 2
        assert all(step)
    assert len(schedule.steps) == steps
    assert seen == schedule.tokens <= schedule.padded_tokens


@given(lengths=LENGTHS, rows=st.integers(3, 9), parts=st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_every_row_comes_once_a_pass(lengths: list[int], rows: int, parts: int) -> None:
    schedule = plan(lengths, max_steps=40, micro_batches=parts, seed=0, rows_per_step=rows)
    assert schedule.rows == 40 * rows
    seen = Counter(row for step in schedule.steps for batch in step for row in batch)
    passes, rest = divmod(schedule.rows, len(lengths))
    counts = {seen[row] for row in range(len(lengths))}
    assert counts <= ({passes, passes + 1} if rest else {passes})


def test_two_data_sets_with_other_rows_get_equal_steps_and_tokens() -> None:
    rng = random.Random(0)
    short = [rng.randint(80, 150) for _ in range(700)]
    mixed = short + [rng.randint(180, 260) for _ in range(300)]
    a, b = (
        plan(rows, max_steps=120, micro_batches=6, seed=0, tokens_per_step=2400) for rows in (short, mixed)
    )
    assert len(a.steps) == len(b.steps) == 120
    assert abs(a.tokens - b.tokens) <= 260
    assert abs(a.tokens / b.tokens - 1) < 0.001
    assert min(a.tokens / a.padded_tokens, b.tokens / b.padded_tokens) > 0.93


def test_a_step_is_a_random_sample_of_both_kinds() -> None:
    lengths = [100] * 500 + [250] * 500
    schedule = plan(lengths, max_steps=100, micro_batches=4, seed=0, tokens_per_step=5600)
    shares = []
    for step in schedule.steps:
        rows = [row for batch in step for row in batch]
        shares.append(sum(row >= 500 for row in rows) / len(rows))
    assert 0.45 < sum(shares) / len(shares) < 0.55
    assert max(shares) < 1
    assert min(shares) > 0


def test_the_seed_decides() -> None:
    lengths = list(range(20, 120))
    kwargs = {"max_steps": 5, "micro_batches": 2, "tokens_per_step": 600}
    assert plan(lengths, seed=0, **kwargs) == plan(lengths, seed=0, **kwargs)
    assert plan(lengths, seed=0, **kwargs) != plan(lengths, seed=1, **kwargs)


def test_a_step_too_small_for_its_micro_batches_is_an_error() -> None:
    with pytest.raises(InputError, match="raise tokens_per_step or lower micro_batches"):
        plan([100] * 10, max_steps=3, micro_batches=4, seed=0, tokens_per_step=200)
    with pytest.raises(InputError, match="no rows to train on"):
        plan([], max_steps=3, micro_batches=1, seed=0, tokens_per_step=200)


@pytest.mark.parametrize("size", [{"rows_per_step": 1_000_000}, {"tokens_per_step": 1_000_000_000}])
def test_a_run_that_no_memory_holds_is_refused(size: dict[str, int]) -> None:
    with pytest.raises(InputError, match=r"1,000,000 steps draw about [0-9,]+ rows; at most 50,000,000"):
        plan([100, 200], max_steps=1_000_000, micro_batches=1, seed=0, **size)

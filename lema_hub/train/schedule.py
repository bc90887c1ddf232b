"""Which rows every optimisation step sees: equal steps and equal tokens for every run of a comparison.

Rows are shuffled anew in every pass over the data. A step ends where the tokens so far come closest to its
share of the budget, and the remainder is carried on, so that after `n` steps a run has seen `n x
tokens_per_step` tokens to within half a row, whatever its rows look like. The rows of a step are a plain
random sample: sorting by length only decides which of them share a micro-batch, so padding is saved without
making some steps all long rows (corrections) and others all short ones.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lema_hub.errors import InputError

MOST_ROWS = 50_000_000
"""Rows of a whole run, whose order is drawn before it begins; LeMa's has 192,000."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Row numbers by step and micro-batch, `steps[step][micro_batch]`, with what they add up to."""

    steps: tuple[tuple[tuple[int, ...], ...], ...]
    rows: int
    tokens: int
    padded_tokens: int

    def batches(self) -> list[list[int]]:
        """The micro-batches of all steps, in order: what a data loader draws."""
        return [list(batch) for step in self.steps for batch in step]


def plan(
    lengths: Sequence[int],
    *,
    max_steps: int,
    micro_batches: int,
    seed: int,
    rows_per_step: int | None = None,
    tokens_per_step: int | None = None,
) -> Schedule:
    """The schedule of a run over rows of the given lengths in tokens; exactly one of the two sizes is given.

    Raises:
        InputError: There are no rows, a step would hold fewer rows than it has micro-batches, or the whole run more
            than `MOST_ROWS`.
    """
    if not lengths:
        raise InputError("no rows to train on; check the data of the recipe")
    drawing = max_steps * (rows_per_step or round((tokens_per_step or 0) * len(lengths) / sum(lengths)))
    if drawing > MOST_ROWS:
        raise InputError(
            f"{max_steps:,} steps draw about {drawing:,} rows; at most {MOST_ROWS:,} are planned: lower max_steps, "
            "rows_per_step or tokens_per_step"
        )
    order = _endless(len(lengths), random.Random(f"schedule {seed}"))
    steps, seen, padded, drawn = [], 0, 0, 0
    upcoming = next(order)
    for number in range(1, max_steps + 1):
        rows: list[int] = []
        while (
            len(rows) < rows_per_step
            if rows_per_step is not None
            else seen + lengths[upcoming] / 2 <= number * (tokens_per_step or 0)
        ):
            rows.append(upcoming)
            seen += lengths[upcoming]
            upcoming = next(order)
        if len(rows) < micro_batches:
            raise InputError(
                f"step {number} holds {len(rows)} rows of up to {max(lengths)} tokens, fewer than its "
                f"{micro_batches} micro_batches; raise tokens_per_step or lower micro_batches"
            )
        step = _split(sorted(rows, key=lambda row: lengths[row]), lengths, micro_batches)
        steps.append(step)
        drawn += len(rows)
        padded += sum(len(batch) * lengths[batch[-1]] for batch in step)
    return Schedule(steps=tuple(steps), rows=drawn, tokens=seen, padded_tokens=padded)


def _endless(count: int, rng: random.Random) -> Iterator[int]:
    while True:
        order = list(range(count))
        rng.shuffle(order)
        yield from order


def _split(rows: Sequence[int], lengths: Sequence[int], parts: int) -> tuple[tuple[int, ...], ...]:
    """Rows sorted by length in `parts` runs of about equal tokens, none of them empty."""
    left = sum(lengths[row] for row in rows)
    batches, start = [], 0
    for remaining in range(parts, 0, -1):
        end, tokens = start, 0
        while end < len(rows) - (remaining - 1) and (
            end == start or remaining == 1 or tokens + lengths[rows[end]] / 2 <= left / remaining
        ):
            tokens += lengths[rows[end]]
            end += 1
        batches.append(tuple(rows[start:end]))
        start, left = end, left - tokens
    return tuple(batches)

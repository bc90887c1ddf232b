"""Delta-PPL: how much less likely a model finds the wrong solution of a question than the right one.

    pairs = [pair_of(row) for row in corrections]           # records.Correction of held-out problems
    delta_perplexity(engine, pairs).delta.value

LeMa's analysis (arXiv 2310.20689v4): the mean over pairs of PPL(wrong path | question) - PPL(right path | question),
after fine-tuning on CoT data alone and on CoT data with corrections; the paper finds it higher after the latter. Both
paths are asked for in the CoT prompt and numbered alike; the right one is the corrected solution, so both begin with
the same steps. The end-of-sequence token is not counted.

The traps: a question with several wrong paths gives several pairs, which are not independent, so intervals
resample questions; and a perplexity has no upper bound, so a few pairs can carry the mean. `preferred`, the share of
pairs whose right path is the likelier one, does not have this fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lema_hub import prompts, tasks
from lema_hub.errors import InputError
from lema_hub.steps import join_steps

if TYPE_CHECKING:
    from lema_hub.engines.transformers import TransformersEngine
    from lema_hub.records import Correction

_RESAMPLES = 10_000
_AT_ONCE = 500  # resamples drawn in one array


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A prompt with a right and a wrong continuation; pairs of one `problem_id` belong together."""

    problem_id: str
    prompt: str
    right: str
    wrong: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean over pairs with its 95 % interval, problems being resampled."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaPerplexity:
    """Delta-PPL of one model.

    Attributes:
        n: Pairs.
        problems: Different problems among them.
        delta: Mean of PPL(wrong) - PPL(right).
        preferred: Share of pairs whose right path has the lower perplexity.
        right: Mean perplexity of the right paths.
        wrong: Mean perplexity of the wrong paths.
        deltas: The difference of each pair, in their order: what two models are compared by.
    """

    n: int
    problems: int
    delta: Mean
    preferred: Mean
    right: float
    wrong: float
    deltas: tuple[float, ...]


def pair_of(row: Correction) -> Pair:
    """The wrong path of a correction and its corrected solution, under the task's CoT prompt."""
    prompt = prompts.load(tasks.get(row.problem.task).prompt)
    return Pair(
        problem_id=row.problem.problem_id,
        prompt=prompt.render(question=row.problem.question),
        right=row.correct_solution,
        wrong=join_steps(row.path.steps),
    )


def delta_perplexity(engine: TransformersEngine, pairs: Sequence[Pair], *, seed: int = 0) -> DeltaPerplexity:
    """Measure the pairs with a model.

    Args:
        engine: The model; its adapter is part of it.
        pairs: Of held-out problems, or the model has seen the right paths.
        seed: Of the resampling.

    Raises:
        InputError: There are no pairs, or a path does not fit into the model's context.
    """
    if not pairs:
        raise InputError("no pairs of a right and a wrong path; give corrections of some problems")
    texts = [(pair.prompt, text) for pair in pairs for text in (pair.right, pair.wrong)]
    values = np.asarray(engine.perplexities(texts)).reshape(-1, 2)  # (pairs, right and wrong)
    deltas = values[:, 1] - values[:, 0]
    problems = [pair.problem_id for pair in pairs]
    return DeltaPerplexity(
        n=len(pairs),
        problems=len(set(problems)),
        delta=mean(deltas.tolist(), problems, seed=seed),
        preferred=mean((deltas > 0).astype(float).tolist(), problems, seed=seed),
        right=float(values[:, 0].mean()),
        wrong=float(values[:, 1].mean()),
        deltas=tuple(deltas.tolist()),
    )


def mean(values: Sequence[float], clusters: Sequence[str], *, seed: int = 0) -> Mean:
    """The mean of some values with its 95 % percentile interval, clusters being resampled with replacement."""
    names, member = np.unique(np.asarray(clusters), return_inverse=True)
    sums = np.bincount(member, weights=np.asarray(values))
    sizes = np.bincount(member)
    rng = np.random.default_rng(seed)
    means = []
    for _ in range(_RESAMPLES // _AT_ONCE):
        drawn = rng.integers(len(names), size=(_AT_ONCE, len(names)))
        means.append(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    low, high = np.quantile(np.concatenate(means), (0.025, 0.975))
    return Mean(value=float(np.mean(values)), low=float(low), high=float(high))

r"""Honest numbers: what a score on n items can say, and what it cannot.

Two systems that answered the same items are compared item by item. With d_i the difference of their scores on item i
(averaged over seeds), the estimate is the mean of d_i, the interval is Bonett and Price's adjusted Wald interval
(2012, J. Educ. Behav. Stat. 37(4)): two pseudo-items, one for either system, are added before the mean and its
standard error are taken, so that two equal systems do not get an interval of width 0. The p-value is that of the exact
sign-flip test, which for one seed is McNemar's exact test. Seeds of one item are never counted as independent items.

    >>> result = compare_outcomes({"a": 1.0, "b": 0.0, "c": 0.0}, {"a": 1.0, "b": 1.0, "c": 1.0})
    >>> round(result.difference, 3), result.only_b, round(result.p, 3)
    (0.667, 2, 0.5)

The trap: the best of k checkpoints on the test items is not the score of a checkpoint; `selection_inflation` says by
how much it is too high.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from lema_hub.errors import InputError
from lema_hub.records import Score

LEVEL = 0.95
"""The level of all intervals."""

POWER = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A share of `n` items with its standard error and its Wilson interval, all from 0 to 1."""

    n: int
    value: float
    stderr: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """A value for all items from a sample, with the ends of its 95 % interval; without ends for a sample of one."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """System b against system a on the same `n` items; `difference` is b minus a.

    Attributes:
        n: Items that both systems answered.
        left_out: Items that only one of them answered.
        pass_a: Share of a.
        pass_b: Share of b.
        difference: `pass_b - pass_a`.
        stderr: Its standard error, items being the sampling unit.
        low: Lower end of its 95 % interval.
        high: Upper end.
        p: Exact two-sided p-value of "no difference" (McNemar's for one seed).
        only_a: Items on which a is better.
        only_b: Items on which b is better.
        detectable: The smallest true difference that such a comparison finds in 80 % of cases.
    """

    n: int
    left_out: int
    pass_a: float
    pass_b: float
    difference: float
    stderr: float
    low: float
    high: float
    p: float
    only_a: int
    only_b: int
    detectable: float

    @property
    def distinguishable(self) -> bool:
        """Whether p is below 0.05; if not, a table shows a tie."""
        return self.p < 1 - LEVEL


def outcomes(items: Iterable[Score]) -> dict[str, float]:
    """Item id -> share of its rows that are correct (rows of one item differ in seed or checkpoint).

    Raises:
        InputError: A row stands there twice, or there are rows of more than one task, system or checkpoint.
    """
    items = list(items)
    if len(tasks := sorted({item.task for item in items})) > 1:
        raise InputError(f"rows of {len(tasks)} tasks ({', '.join(tasks)}); compare them task by task")
    scores: dict[str, list[float]] = defaultdict(list)
    seen: set[tuple[str, int]] = set()
    checkpoints = set()
    for item in items:
        if (key := (item.item_id, item.seed)) in seen:
            raise InputError(
                f"item {item.item_id!r}, seed {item.seed} stands there twice; give each run once"
            )
        seen.add(key)
        checkpoints.add((item.system, item.revision, item.checkpoint))
        scores[item.item_id].append(float(item.verdict == "correct"))
    if len(checkpoints) > 1:
        names = ", ".join(sorted(":".join(filter(None, c)) for c in checkpoints))
        raise InputError(
            f"rows of {len(checkpoints)} systems or checkpoints ({names}); expected those of one"
        )
    return {item: sum(values) / len(values) for item, values in scores.items()}


def estimate(scores: Mapping[str, float] | Sequence[float], *, level: float = LEVEL) -> Estimate:
    """The mean of the items' scores, the items being a sample of all such items.

    For one seed the interval is Wilson's. For several the number of items is replaced by the number of independent
    0/1 outcomes that would have the same standard error.

    Args:
        scores: Shares from 0 to 1, one per item.
        level: Of the interval.

    Raises:
        InputError: There is no item.
    """
    values = np.fromiter(scores.values() if isinstance(scores, Mapping) else scores, dtype=float)
    n = len(values)
    if n == 0:
        raise InputError("no items to score; expected at least one")
    mean = float(values.mean())
    stderr = float(values.std(ddof=1) / math.sqrt(n)) if n > 1 else math.nan
    variance = float(values.var())
    effective = n if variance == 0 else n * mean * (1 - mean) / variance
    low, high = wilson(mean, effective, level=level)
    return Estimate(n=n, value=mean, stderr=stderr, low=low, high=high)


def proportion(hits: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of `hits` of `n`."""
    from scipy.stats import binomtest

    interval = binomtest(hits, n).proportion_ci(LEVEL, method="wilson")
    return float(interval.low), float(interval.high)


def wilson(share: float, n: float, *, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's score interval of a share of `n` items, where `n` need not be whole."""
    z = _quantile((1 + level) / 2)
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def compare(items_a: Iterable[Score], items_b: Iterable[Score]) -> Comparison:
    """Compare two systems on the items that both answered; b minus a, so give the baseline first.

    Raises:
        InputError: They have no item in common, or answered it in different numbers of seeds.

    Example:
        >>> from lema_hub.records import Score
        >>> def item(number, verdict, system):
        ...     return Score(
        ...         item_id=f"i{number}", task="gsm8k", system=system, revision=None, checkpoint="", seed=0,
        ...         verdict=verdict, gold="7", extracted="7", output="The answer is 7.", reason="",
        ...     )
        >>> before = [item(number, "correct" if number < 40 else "wrong", "base") for number in range(100)]
        >>> after = [item(number, "correct" if number < 55 else "wrong", "tuned") for number in range(100)]
        >>> found = compare(before, after)
        >>> round(found.difference, 2), found.p < 0.001
        (0.15, True)
    """
    return compare_outcomes(outcomes(items_a), outcomes(items_b))


def compare_outcomes(a: Mapping[str, float], b: Mapping[str, float]) -> Comparison:
    """`compare` on shares of right answers per item id.

    Raises:
        InputError: They have no item in common.
    """
    common = sorted(a.keys() & b.keys())
    if not common:
        raise InputError(
            f"no common items ({len(a)} and {len(b)}, such as {next(iter(a), None)!r} and {next(iter(b), None)!r}); "
            "score both systems on the same task and limit"
        )
    of_a, of_b = (np.array([scores[item] for item in common]) for scores in (a, b))
    differences = of_b - of_a
    low, high = _bonett_price(differences)
    adjusted = math.sqrt(_adjusted(differences).var() / (len(common) + 2))
    return Comparison(
        n=len(common),
        left_out=len(a.keys() ^ b.keys()),
        pass_a=float(of_a.mean()),
        pass_b=float(of_b.mean()),
        difference=float(differences.mean()),
        stderr=float(differences.std(ddof=1) / math.sqrt(len(common))) if len(common) > 1 else math.nan,
        low=low,
        high=high,
        p=sign_flip(differences),
        only_a=int((differences < 0).sum()),
        only_b=int((differences > 0).sum()),
        detectable=min(1.0, (_quantile((1 + LEVEL) / 2) + _quantile(POWER)) * adjusted),
    )


def sign_flip(differences: Sequence[float] | np.ndarray) -> float:
    """The exact two-sided p-value of the sum of differences, each of which could as well have the other sign.

    For differences of -1, 0 and 1 this is McNemar's exact test. The distribution of the sum is computed by
    convolution, not sampled; differences are shares of few seeds, hence small fractions.
    """
    parts = [Fraction(float(d)).limit_denominator(1000) for d in differences if d != 0]
    scale = math.lcm(*(part.denominator for part in parts)) if parts else 1
    whole = [int(part * scale) for part in parts]
    observed = abs(sum(whole))
    shares = np.ones(
        1
    )  # shares[s]: probability that the chosen magnitudes sum to s; the signed sum is 2 s - total
    for magnitude in sorted(map(abs, whole)):
        grown = np.zeros(len(shares) + magnitude)
        grown[: len(shares)] = shares / 2
        grown[magnitude:] += shares / 2
        shares = grown
    sums = 2 * np.arange(len(shares)) - (len(shares) - 1)
    return min(1.0, float(shares[np.abs(sums) >= observed].sum()))


def ratio(over: Sequence[float], under: Sequence[float], *, population: int) -> Projection | None:
    """The ratio of two sums over all items, from those of a simple random sample without replacement.

    The interval is Taylor's for a ratio of means (Cochran, Sampling Techniques, section 6.4), taken on the logarithm
    because a cost is positive and skewed, with Student's t.

    Args:
        over: Of each item in the sample, such as its cost.
        under: Of the same items, such as their accepted rows.
        population: How many items there are.

    Returns:
        None if the sum below the line is 0.
    """
    n, below, above = len(under), math.fsum(under), math.fsum(over)
    if below <= 0:
        return None
    value = above / below
    if n >= population or value == 0:
        return Projection(value=value, low=value, high=value)
    if n < 2:
        return Projection(value=value, low=None, high=None)
    variance = math.fsum((a - value * b) ** 2 for a, b in zip(over, under, strict=True)) / (n - 1)
    error = math.sqrt((1 - n / population) * variance / n) / (below / n) / value
    factor = math.exp(_student(n - 1) * error)
    return Projection(value=value, low=value / factor, high=value * factor)


def total(values: Sequence[float], *, population: int) -> Projection:
    """The sum over all items, from those of a random sample; never below what was seen."""
    n, seen = len(values), math.fsum(values)
    value = seen / n * population
    if n >= population:
        return Projection(value=value, low=value, high=value)
    if n < 2:
        return Projection(value=value, low=None, high=None)
    variance = math.fsum((one - seen / n) ** 2 for one in values) / (n - 1)
    half = _student(n - 1) * population * math.sqrt((1 - n / population) * variance / n)
    return Projection(value=value, low=max(seen, value - half), high=value + half)


def minimum_detectable(n: int, discordance: float, *, level: float = LEVEL, power: float = POWER) -> float:
    """The true difference of two systems on `n` items that a paired test finds with probability `power`.

    Args:
        n: Items.
        discordance: Share of items on which one is right and the other wrong; for two systems whose errors have
            nothing to do with each other, 2 p (1 - p).
        level: Confidence level of the test.
        power: Probability of finding the difference.
    """
    return min(1.0, (_quantile((1 + level) / 2) + _quantile(power)) * math.sqrt(discordance / n))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given: they bound the chance of any false alarm in the table."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted


def selection_inflation(k: int, stderr: float = 1.0) -> float:
    """By how much the best of `k` equally good checkpoints exceeds their true score on average.

    It is the expected maximum of k independent normal errors (k = 20: 1.87 standard errors). Checkpoints of one run
    make correlated errors, then this is an upper bound.

    Raises:
        InputError: k is below 1.
    """
    from scipy import integrate, stats

    if k < 1:
        raise InputError(f"k must be >= 1, got {k}")
    density = stats.norm.pdf
    value, _ = integrate.quad(lambda x: x * k * density(x) * stats.norm.cdf(x) ** (k - 1), -12, 12)
    return float(value) * stderr


def _adjusted(differences: np.ndarray) -> np.ndarray:
    return np.concatenate([differences, [1.0, -1.0]])


def _bonett_price(differences: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    values = _adjusted(differences)
    half = _quantile((1 + level) / 2) * math.sqrt(values.var() / len(values))
    return max(-1.0, float(values.mean()) - half), min(1.0, float(values.mean()) + half)


def _quantile(probability: float) -> float:
    from scipy import stats

    return float(stats.norm.ppf(probability))


def _student(degrees: int) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + LEVEL) / 2, degrees))

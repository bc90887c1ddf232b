"""What an accepted row took, and what it will take: exact after a run, with an interval after a pilot.

Cost per accepted row is a ratio of two sums over problems, and both vary from problem to problem together: a
problem with more mistakes costs more and gives more rows. Its interval is Taylor's for a ratio of means of a
simple random sample without replacement (Cochran, Sampling Techniques, section 6.4), taken on the logarithm because
a cost is positive and skewed, with Student's t.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lema_hub.artifacts.figures import LEVEL, Group, Yield
from lema_hub.builders.built import Spent
from lema_hub.records import Problem

Kept = tuple[str, str]
"""Problem and student of an accepted row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with the ends of its 95 % interval; without ends where a single problem was seen."""

    value: float
    low: float | None
    high: float | None


@dataclass(slots=True)
class _Sums:
    """What one problem took and gave in a group."""

    accepted: int = 0
    prompt: int = 0
    completion: int = 0
    cost: float = 0.0


_Groups = dict[tuple[Group, str], dict[str, _Sums]]


def yields(problems: Sequence[Problem], spent: Iterable[Spent], kept: Iterable[Kept]) -> tuple[Yield, ...]:
    """What the rows of all, of each student and of each level took.

    Args:
        problems: All that were asked.
        spent: What every answer took.
        kept: Problem and student of every accepted row.

    Returns:
        `all`, then students and levels by name; a single level is left out.
    """
    spent = tuple(spent)
    priced = {group for one in spent if one.cost_usd is not None for group in ("all", one.student)}
    rows = []
    for (group, name), sums in by_group(problems, spent, kept).items():
        known = (name if group == "student" else "all") in priced
        rows.append(
            Yield(
                group=group,
                name=name,
                problems=len(sums),
                accepted=sum(one.accepted for one in sums.values()),
                prompt_tokens=sum(one.prompt for one in sums.values()),
                completion_tokens=sum(one.completion for one in sums.values()),
                cost_usd=math.fsum(one.cost for one in sums.values()) if known else None,
            )
        )
    return tuple(rows)


def by_group(problems: Sequence[Problem], spent: Iterable[Spent], kept: Iterable[Kept]) -> _Groups:
    """What every problem took and gave, in each group that it is in; problems that gave nothing included."""
    levels = {problem.problem_id: problem.level for problem in problems}
    students: dict[str, dict[str, _Sums]] = defaultdict(lambda: {each: _Sums() for each in levels})
    for one in spent:
        sums = students[one.student][one.problem_id]
        sums.prompt += one.tokens.prompt
        sums.completion += one.tokens.completion
        sums.cost += one.cost_usd or 0.0
    for problem_id, student in kept:
        students[student][problem_id].accepted += 1
    whole = {
        each: _Sums(
            accepted=sum(student[each].accepted for student in students.values()),
            prompt=sum(student[each].prompt for student in students.values()),
            completion=sum(student[each].completion for student in students.values()),
            cost=math.fsum(student[each].cost for student in students.values()),
        )
        for each in levels
    }
    groups: _Groups = {("all", "all"): whole}
    for name in sorted(students):
        groups["student", name] = students[name]
    names = sorted({level for level in levels.values() if level is not None})
    for name in names if len(names) > 1 else ():
        groups["level", name] = {each: sums for each, sums in whole.items() if levels[each] == name}
    return groups


def ratio(over: Sequence[float], under: Sequence[float], *, population: int) -> Estimate | None:
    """The ratio of two sums over all problems, from those of a random sample.

    Args:
        over: Of each problem in the sample, such as its cost.
        under: Of the same problems, such as their accepted rows.
        population: How many problems there are.

    Returns:
        None if nothing stands below the line.
    """
    n, below, above = len(under), math.fsum(under), math.fsum(over)
    if below <= 0:
        return None
    value = above / below
    if n >= population or value == 0:
        return Estimate(value=value, low=value, high=value)
    if n < 2:
        return Estimate(value=value, low=None, high=None)
    variance = math.fsum((a - value * b) ** 2 for a, b in zip(over, under, strict=True)) / (n - 1)
    error = math.sqrt((1 - n / population) * variance / n) / (below / n) / value
    factor = math.exp(_quantile(n - 1) * error)
    return Estimate(value=value, low=value / factor, high=value * factor)


def total(values: Sequence[float], *, population: int) -> Estimate:
    """The sum over all problems, from those of a random sample; never below what was seen."""
    n, seen = len(values), math.fsum(values)
    value = seen / n * population
    if n >= population:
        return Estimate(value=value, low=value, high=value)
    if n < 2:
        return Estimate(value=value, low=None, high=None)
    variance = math.fsum((one - seen / n) ** 2 for one in values) / (n - 1)
    half = _quantile(n - 1) * population * math.sqrt((1 - n / population) * variance / n)
    return Estimate(value=value, low=max(seen, value - half), high=value + half)


def sums_of(group: Mapping[str, _Sums], what: str) -> list[float]:
    """One number of every problem of a group: `accepted`, `tokens` or `cost`."""
    if what == "tokens":
        return [float(one.prompt + one.completion) for one in group.values()]
    return [float(getattr(one, what)) for one in group.values()]


def _quantile(degrees: int) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + LEVEL) / 2, degrees))

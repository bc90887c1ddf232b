"""What an accepted row took, and what it will take: exact after a run, with an interval after a pilot.

Cost per accepted row is a ratio of two sums over problems, and both vary from problem to problem together: a
problem with more mistakes costs more and gives more rows (`lema_hub.stats.ratio`).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lema_hub.artifacts.figures import Group, Yield
from lema_hub.builders.built import Spent
from lema_hub.records import Problem

Kept = tuple[str, str]
"""Problem and student of an accepted row."""


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


def sums_of(group: Mapping[str, _Sums], what: str) -> list[float]:
    """One number of every problem of a group: `accepted`, `tokens` or `cost`."""
    if what == "tokens":
        return [float(one.prompt + one.completion) for one in group.values()]
    return [float(getattr(one, what)) for one in group.values()]

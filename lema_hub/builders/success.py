"""How often a corrector corrects: by student, by level, and on its own mistakes (LeMa, section 4.3 and Figure 4).

A mistake is corrected if the correction can be put together with it and ends in the right answer, as in the
paper: the other gates are not asked. Mistakes that the corrector never answered are not counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from lema_hub.artifacts.figures import Group, Success
from lema_hub.records import Problem, ReasoningPath
from lema_hub.stats import proportion


def success(
    answered: Iterable[tuple[Problem, ReasoningPath, bool]], *, corrector: str
) -> tuple[Success, ...]:
    """Success of a corrector, with Wilson's 95 % intervals.

    Args:
        answered: Problem, wrong path, and whether it was corrected to the right answer.
        corrector: The corrector's model: the mistakes of a student of that name are its own.

    Returns:
        All mistakes, then each student, each level (where problems have one), and the corrector's own and
        others' (where there are own).
    """
    tried: dict[tuple[Group, str], list[bool]] = defaultdict(list)
    for problem, path, corrected in answered:
        tried["all", "all"].append(corrected)
        tried["student", path.model].append(corrected)
        if problem.level is not None:
            tried["level", problem.level].append(corrected)
        tried["self", "own mistakes" if path.model == corrector else "others' mistakes"].append(corrected)
    if ("self", "own mistakes") not in tried:
        tried.pop(("self", "others' mistakes"), None)
    order = {"all": 0, "student": 1, "level": 2, "self": 3}
    return tuple(
        _success(group, name, outcomes)
        for (group, name), outcomes in sorted(tried.items(), key=lambda item: (order[item[0][0]], item[0][1]))
    )


def _success(group: Group, name: str, outcomes: list[bool]) -> Success:
    corrected = sum(outcomes)
    low, high = proportion(corrected, len(outcomes))
    return Success(
        group=group,
        name=name,
        wrong=len(outcomes),
        corrected=corrected,
        low=low,
        high=high,
    )

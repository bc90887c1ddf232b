"""A recipe on a random sample of its problems: what an accepted row will cost, before the whole is paid for.

    estimate = pilot(recipe, Path("runs/gsm8k"), problems=50)
    estimate.groups[0].cost_per_row          # Projection(value=0.021, low=0.017, high=0.026)

The answers are in the ledger of the whole: nothing is paid twice. What the sample cannot know is what only shows in
the whole, such as near-duplicates between problems that were not both drawn; a run reports the same figures after it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from lema_hub.artifacts.figures import Group
from lema_hub.builders.assemble import LEDGER, assemble, check, load_problems
from lema_hub.builders.corrections import StageProgress
from lema_hub.builders.recipe import Recipe
from lema_hub.builders.yields import by_group, sums_of
from lema_hub.engines import Ledger
from lema_hub.engines.ledger import Progress
from lema_hub.errors import InputError
from lema_hub.records import Problem
from lema_hub.stats import Projection, ratio, total


@dataclass(frozen=True, slots=True, kw_only=True)
class PilotGroup:
    """What an accepted row of a group takes; None where none was accepted, or no price is known."""

    group: Group
    name: str
    problems: int
    accepted: int
    tokens_per_row: Projection | None
    cost_per_row: Projection | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pilot:
    """What a pilot found, and what it says of the whole.

    Attributes:
        sampled: Problems that were drawn.
        problems: Problems in all.
        groups: All, each student, each level.
        rows: Accepted rows of the whole.
        tokens: Tokens of the whole, prompts included.
        cost_usd: Dollars of the whole; None if no price is known.
        spent_usd: Dollars of the pilot.
        seconds: Time for what is left, at the pilot's pace; None if its answers were there before.
        disk_bytes: Of the whole's ledger.
    """

    sampled: int
    problems: int
    groups: tuple[PilotGroup, ...]
    rows: Projection
    tokens: Projection
    cost_usd: Projection | None
    spent_usd: float | None
    seconds: float | None
    disk_bytes: int


def pilot(
    recipe: Recipe,
    out: Path,
    *,
    problems: int,
    ledger: Path | None = None,
    budget_usd: float | None = None,
    prices: Path | None = None,
    progress: StageProgress | None = None,
) -> Pilot:
    """Run a recipe on a random sample of its problems and estimate the whole; no dataset is written.

    Args:
        recipe: What to build; recorded solutions are left out, they cost nothing.
        out: The folder of the whole, for its ledger.
        problems: How many problems to draw, by the recipe's seed.
        ledger: The ledger's file; `ledger.sqlite` in `out` by default.
        budget_usd: See `Ledger.run`.
        prices: A price list of your own.
        progress: Gives each stage its progress.

    Raises:
        InputError: There is no student to try, or fewer than two problems are to be drawn.
        LemaError: Problems cannot be loaded, or an engine cannot answer.
    """
    check(recipe)
    if not recipe.students:
        raise InputError(
            "a pilot tries out students, but the recipe has no students; recorded solutions cost nothing"
        )
    if problems < 2:
        raise InputError(f"a pilot of {problems} has no interval; draw at least 2 problems, better 50")
    everything, test = load_problems(recipe)
    drawn = draw(everything, problems, seed=recipe.seed)
    paces = _Paces(progress)
    file = ledger or out / LEDGER
    with Ledger(file) as opened:
        assembled = assemble(
            replace(recipe, recorded=()),
            drawn,
            test,
            opened,
            budget_usd=budget_usd,
            prices=prices,
            progress=paces.of,
        )
        answers = sum(stage.responses for stage in opened.totals())
    size = file.stat().st_size
    spent = assembled.cleaned.built.spent
    groups = by_group(drawn, spent, assembled.kept)
    levels = [problem.level for problem in everything]
    priced = {each for one in spent if one.cost_usd is not None for each in ("all", one.student)}
    found = []
    for (group, name), sums in groups.items():
        rows = sums_of(sums, "accepted")
        whole = levels.count(name) if group == "level" else len(everything)
        known = (name if group == "student" else "all") in priced
        found.append(
            PilotGroup(
                group=group,
                name=name,
                problems=len(sums),
                accepted=round(sum(rows)),
                tokens_per_row=ratio(sums_of(sums, "tokens"), rows, population=whole),
                cost_per_row=ratio(sums_of(sums, "cost"), rows, population=whole) if known else None,
            )
        )
    every = groups["all", "all"]
    share = len(everything) / len(drawn)
    costs = total(sums_of(every, "cost"), population=len(everything)) if "all" in priced else None
    return Pilot(
        sampled=len(drawn),
        problems=len(everything),
        groups=tuple(found),
        rows=total(sums_of(every, "accepted"), population=len(everything)),
        tokens=total(sums_of(every, "tokens"), population=len(everything)),
        cost_usd=costs,
        spent_usd=sum(sums_of(every, "cost")) if costs else None,
        seconds=paces.rest(share),
        disk_bytes=round(size / answers * paces.asked * share) if answers else 0,
    )


def draw(problems: Sequence[Problem], n: int, *, seed: int) -> list[Problem]:
    """A simple random sample of problems, in their order; all of them if there are no more."""
    if n >= len(problems):
        return list(problems)
    chosen = sorted(Random(f"pilot-{seed}").sample(range(len(problems)), n))
    return [problems[number] for number in chosen]


class _Paces:
    """How fast each stage answers, from its first new answer on: what comes before is loading and latency."""

    def __init__(self, progress: StageProgress | None) -> None:
        self._progress = progress
        self._begun: dict[str, int] = {}
        self._first: dict[str, tuple[float, int]] = {}
        self._last: dict[str, tuple[float, int, int]] = {}

    def of(self, stage: str) -> Progress:
        shown = self._progress(stage) if self._progress else None

        def tell(done: int, requested: int) -> None:
            now = time.monotonic()
            if done > self._begun.setdefault(stage, done):
                self._first.setdefault(stage, (now, done))
            self._last[stage] = (now, done, requested)
            if shown:
                shown(done, requested)

        return tell

    @property
    def asked(self) -> int:
        """Requests of all stages, answered before or now."""
        return sum(requested for _, _, requested in self._last.values())

    def rest(self, share: float) -> float | None:
        """Seconds for what is left of a whole that is `share` times as large; None if a stage has no pace."""
        seconds = 0.0
        for stage, (end, done, requested) in self._last.items():
            begin, first = self._first.get(stage, (end, done))
            if done > first:
                seconds += (end - begin) / (done - first) * requested * (share - 1)
            elif requested:
                return None
        return seconds

"""Scored runs side by side: scores, paired comparisons with the first run, and notes.

    make_report([Path("runs/eval/cot"), Path("runs/eval/lema")]).pairs[0].outcome

The first run is the baseline of every comparison. A difference that the items cannot tell from chance (Holm-adjusted
p of 0.05 or more) is a tie, whatever its sign.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lema_hub.artifacts.scores import EvalResult, TaskScore, read_items, read_result
from lema_hub.errors import InputError
from lema_hub.stats import Comparison, compare, holm, selection_inflation

Outcome = Literal["better", "worse", "tie"]
_LEVEL = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One system on one task."""

    label: str
    revision: str | None
    score: TaskScore


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A system against the baseline on one task; `p_holm` is adjusted for all pairs of the report."""

    task: str
    baseline: str
    label: str
    comparison: Comparison
    p_holm: float

    @property
    def outcome(self) -> Outcome:
        """What the table says of the difference."""
        if self.p_holm >= _LEVEL:
            return "tie"
        return "better" if self.comparison.difference > 0 else "worse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Rows and pairs by task, in the order of the runs, and what a reader has to know besides."""

    rows: tuple[Row, ...]
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]

    @property
    def tasks(self) -> list[str]:
        """The tasks, in the order in which they occur."""
        return list(dict.fromkeys(row.score.task for row in self.rows))


def make_report(runs: Sequence[Path]) -> Report:
    """Compare scored runs; the first one that has a task is its baseline.

    Raises:
        InputError: A folder is not a scored run, a run is given twice, or two runs were scored by different judges or
            on different items.
    """
    if not runs:
        raise InputError("no runs; give at least one folder that lema eval wrote")
    results = [read_result(run) for run in runs]
    labels = _labels(results)
    for result in results[1:]:
        if result.judge != results[0].judge:
            raise InputError(
                f"{str(result.out)!r} was judged by other code than {str(results[0].out)!r} ({result.judge}, "
                f"{results[0].judge}); run lema eval again: answers come from the ledger, only the judging is new"
            )
    items = [read_items(run) for run in runs]
    rows, found = [], []
    for task in dict.fromkeys(score.task for result in results for score in result.scores):
        having = [
            (label, result, score, [item for item in of if item.task == task])
            for label, result, of in zip(labels, results, items, strict=True)
            for score in result.scores
            if score.task == task
        ]
        rows += [
            Row(label=label, revision=result.revision, score=score) for label, result, score, _ in having
        ]
        first, _, against, baseline = having[0]
        for label, result, score, of in having[1:]:
            if (score.repo, score.revision, score.prompt) != (against.repo, against.revision, against.prompt):
                raise InputError(
                    f"{task} of {str(result.out)!r} is {score.repo} at {score.revision} under {score.prompt}, of the "
                    f"baseline {against.repo} at {against.revision} under {against.prompt}; score both alike"
                )
            found.append((task, first, label, compare(baseline, of)))
    adjusted = holm([comparison.p for *_, comparison in found])
    pairs = tuple(
        Pair(task=task, baseline=first, label=label, comparison=comparison, p_holm=p)
        for (task, first, label, comparison), p in zip(found, adjusted, strict=True)
    )
    return Report(rows=tuple(rows), pairs=pairs, notes=tuple(_notes(results, rows, pairs)))


def _labels(results: Sequence[EvalResult]) -> list[str]:
    """The adapter's name, or the model's, with the checkpoint; the folder's where that does not tell runs apart."""
    names = [
        result.system.rsplit("+", 1)[-1] + (f":{result.checkpoint}" if result.checkpoint else "")
        for result in results
    ]
    often = Counter(names)
    labels = [
        name if often[name] == 1 else f"{name} ({result.out.resolve().name})"
        for name, result in zip(names, results, strict=True)
    ]
    if (twice := Counter(labels).most_common(1)[0])[1] > 1:
        raise InputError(
            f"two runs are called {twice[0]!r}; give every run once, and name their folders differently"
        )
    return labels


def _notes(results: Sequence[EvalResult], rows: Sequence[Row], pairs: Sequence[Pair]) -> list[str]:
    notes = []
    if limited := sorted({result.limit for result in results if result.limit is not None}):
        notes.append(f"Scored on a part of the items (limit {', '.join(map(str, limited))}).")
    if apart := [pair for pair in pairs if pair.comparison.left_out]:
        counts = ", ".join(f"{pair.label} {pair.comparison.left_out}" for pair in apart)
        notes.append(f"Compared on common items only; items that one of the two did not answer: {counts}.")
    ties = [pair for pair in pairs if pair.outcome == "tie"]
    if ties:
        worst = max(pair.comparison.detectable for pair in ties)
        notes.append(
            "A tie says that these items cannot tell the two apart, not that they are equal: a true difference has to "
            f"be {100 * worst:.1f} points for such a comparison to find it in 80 % of cases."
        )
    if len(results) >= 3:
        worst = max((row.score.stderr or 0.0) for row in rows)
        points = 100 * selection_inflation(len(results), worst)
        notes.append(
            f"Choosing the best of these {len(results)} runs by this table makes its score too high, by up to "
            f"{points:.1f} points on average; choose on other items than you report."
        )
    return notes

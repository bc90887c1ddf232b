"""Scored runs whose truth is known, as `lema eval` leaves them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

from lema_hub.artifacts.scores import EvalResult, TaskScore, write_result
from lema_hub.records import VERDICTS, Score, Verdict
from lema_hub.stats import estimate, outcomes


def run(
    out: Path, system: str, right: list[bool], *, task: str = "lema:nano", judge: str = "j", repo: str = "r",
    checkpoint: str = "", other: Verdict = "wrong", limit: int | None = None,
) -> Path:  # fmt: skip
    """A run whose items are right where the list says so."""
    items = [
        Score(
            item_id=f"nano/test/{i}", task=task, system=system, revision="sha", checkpoint=checkpoint, seed=0,
            verdict="correct" if ok else other, gold="1", extracted=None, output="", reason="",
        )
        for i, ok in enumerate(right)
    ]  # fmt: skip
    measured, counts = estimate(outcomes(items)), Counter(item.verdict for item in items)
    score = TaskScore(
        task=task, n=measured.n, pass_at_1=measured.value, stderr=measured.stderr, low=measured.low,
        high=measured.high, verdicts={v: counts[v] for v in VERDICTS}, samples=1, repo=repo, revision="1",
        config="default", split="test", prompt="lema-cot@1#0", max_new_tokens=160,
    )  # fmt: skip
    write_result(
        EvalResult(
            system=system, revision="sha", engine="transformers", checkpoint=checkpoint, seed=0, limit=limit,
            scores=(score,), packages={}, judge=judge, key=system, out=out,
        ),
        items,
    )  # fmt: skip
    return out


def some(n: int, share: float, seed: int) -> list[bool]:
    rng = Random(seed)
    return [rng.random() < share for _ in range(n)]


BASE = some(200, 0.5, 0)
BETTER = [ok or i % 3 == 0 for i, ok in enumerate(BASE)]
SAME = [ok if i % 20 else not ok for i, ok in enumerate(BASE)]


def three_runs(folder: Path) -> list[Path]:
    """A baseline, a system that is better, and one that is as good."""
    return [
        run(folder / "base", "base", BASE, other="unparsed"),
        run(folder / "better", "base+better", BETTER),
        run(folder / "same", "base+same", SAME),
    ]

"""Decontamination: no row that holds a question which is scored.

    sets, missing = load_held_out("gsm8k")
    kept, record = decontaminate(built, sets, missing)
    kept.rejected[-1].detail     # 'gsm8k/test/17 (whole, 45 words, in question): natalia sold ...'

Question, annotated solution, path and completion of every row are compared with every test question
(`lema_hub.tasks.overlap` says how). A row with a hit is dropped, with the matched text, unless the recipe allows that
question by name and says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypeVar

from lema_hub.artifacts.manifest import Allowed, Contamination, HeldOutUse, Stage
from lema_hub.builders.built import Built
from lema_hub.config import Range
from lema_hub.errors import RecipeError
from lema_hub.records import Rejection, columns
from lema_hub.tasks.held_out import TEXTS, HeldOut, Hit, find_hits
from lema_hub.tasks.overlap import MIN_N, N

REASON = "contaminated"
_SHOWN = 300  # characters of a matched text in a rejection

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Allow:
    """A test question that rows may hold, and why."""

    test: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Without:
    """A test set without which the dataset may be published, and why."""

    tests: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """The recipe's section `contamination`.

    Attributes:
        n: Words in a run.
        strict: Drop also rows that share only a phrase with a test question.
        against: JSONL files of further test questions (`question` or `problem`, `id`).
        allow: Test questions that rows may hold.
        without: Test sets that need not be at hand.
    """

    n: Annotated[int, Range(MIN_N, 1_000)] = N
    strict: bool = False
    against: tuple[str, ...] = ()
    allow: tuple[Allow, ...] = ()
    without: tuple[Without, ...] = ()


DEFAULT = Checks()


def decontaminate(
    built: Built[Row],
    sets: Sequence[HeldOut],
    missing: Mapping[str, str] | None = None,
    *,
    checks: Checks = DEFAULT,
    stage: str = "decontaminate",
) -> tuple[Built[Row], Contamination]:
    """Drop the rows that hold a test question.

    Args:
        built: The rows of a build.
        sets: The test sets.
        missing: Test sets that could not be loaded, with the reason.
        checks: How strict, and what is allowed.
        stage: The stage's name in the manifest.

    Returns:
        The other rows, with a rejection (`contaminated`) for each dropped one, and the record for the manifest.

    Raises:
        RecipeError: An allowed test question or an excused test set does not exist.
    """
    missing = missing or {}
    check_names(checks, sets, missing)
    allowed = {item.test: item.why for item in checks.allow}
    kept: list[Row] = []
    dropped: list[Rejection] = []
    rows_of: Counter[str] = Counter()  # hits by test set
    uses: Counter[str] = Counter()  # rows by allowed question
    phrases = 0
    found = find_hits((_texts(row) for row in built.rows), sets, n=checks.n)
    for row, overlaps in zip(built.rows, found, strict=True):
        hits = [hit for hit in overlaps if hit.overlap.is_hit or checks.strict]
        uses.update({hit.test_id for hit in hits if hit.test_id in allowed})
        hits = [hit for hit in hits if hit.test_id not in allowed]
        if not hits:
            phrases += bool(overlaps)
            kept.append(row)
            continue
        rows_of.update({hit.held_out for hit in hits})
        dropped.append(_rejection(row, hits, stage))
    record = Contamination(
        n=checks.n,
        strict=checks.strict,
        rows=len(built.rows),
        dropped=len(dropped),
        phrases=phrases,
        tests=(
            *(_use(one, rows_of[one.name]) for one in sets),
            *(_missing(name, why, checks) for name, why in missing.items()),
        ),
        allowed=tuple(Allowed(test=test, why=why, rows=uses[test]) for test, why in allowed.items()),
    )
    counted = Stage(
        name=stage,
        rows_in=len(built.rows),
        rows_out=len(kept),
        dropped={REASON: len(dropped)} if dropped else {},
    )
    cleaned = replace(
        built,
        rows=tuple(kept),
        rejected=(*built.rejected, *dropped),
        stages=(*built.stages, counted),
    )
    return cleaned, record


def _texts(row: Any) -> dict[str, str]:
    layout = columns(type(row))
    return {
        column: getattr(getattr(row, owner) if owner else row, name)
        for column in TEXTS
        if column in layout
        for owner, name, _ in [layout[column]]
    }


def _rejection(row: Any, hits: Sequence[Hit], stage: str) -> Rejection:
    detail = str(hits[0])
    detail = detail if len(detail) <= _SHOWN else f"{detail[: _SHOWN - 3]}..."
    if others := sorted({hit.test_id for hit in hits} - {hits[0].test_id}):
        detail += f" (also {', '.join(others[:5])}{', ...' if len(others) > 5 else ''})"
    path = getattr(row, "path", None)
    return Rejection(
        row.problem.problem_id,
        path.path_id if path else "",
        stage,
        REASON,
        detail,
        path.text if path else row.problem.question,
    )


def _use(one: HeldOut, hits: int) -> HeldOutUse:
    return HeldOutUse(
        name=one.name, repo=one.repo, revision=one.revision, questions=len(one.questions), hits=hits
    )


def _missing(name: str, why: str, checks: Checks) -> HeldOutUse:
    excuse = next((item.why for item in checks.without if item.tests == name), None)
    return HeldOutUse(name=name, repo=None, revision=None, questions=0, hits=0, missing=why, excuse=excuse)


def check_names(checks: Checks, sets: Sequence[HeldOut], missing: Mapping[str, str]) -> None:
    """Refuse checks that name what is not there.

    Raises:
        RecipeError: An allowed test question or an excused test set does not exist.
    """
    known = {*missing, *(one.name for one in sets)}
    for item in checks.without:
        if item.tests not in known:
            raise RecipeError(
                f"contamination.without names the test set {item.tests!r}; the test sets are {', '.join(sorted(known))}"
            )
    if missing:
        return
    ids = {test_id for one in sets for test_id in one.ids}
    for allow in checks.allow:
        if allow.test not in ids:
            raise RecipeError(
                f"contamination.allow names the test question {allow.test!r}, which no test set has; write its id, "
                f"such as {next(iter(sorted(ids)), 'gsm8k/test/17')}"
            )

"""Duplicates: every question and every path once, also where a few words were changed.

    kept, record = deduplicate(built)
    kept.rejected[-1].detail     # 'path 5f1c... (similarity 0.91)'

`duplicate`        question, path and completion are those of an earlier row, up to case and spacing.
`near_duplicate`   the question, or the path of the same problem, is nearly that of an earlier row.

Two texts are near-duplicates if they have the same numbers in the same order, lead to the same answer, and
their sets of three-word shingles agree to at least the threshold (Jaccard). Numbers and answer come first
because problems are written in templates: of the 81 pairs of MATH's training questions that have the same
numbers and agree to 0.7, only 11 have the same answer, and 9 of these are one problem twice. Below 0.7 rewritten
questions are outnumbered by different ones. Of the 5,276 solutions that OpenAI published for GSM8K, 34 repeat
another one of their question with a word or two changed.

Candidates come from MinHash-LSH (datasketch; 32 bands of 4 find a pair at 0.7 with probability 0.9998) and are
then compared exactly, so a reported similarity is exact. The first of several is kept; training
rows come first, so a dev question that is nearly a training question is dropped.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from lema_hub.artifacts.manifest import Duplicates, Stage
from lema_hub.builders.built import Built
from lema_hub.errors import RecipeError
from lema_hub.records import Rejection
from lema_hub.tasks.overlap import normal, words

THRESHOLD = 0.7
"""From which similarity on two texts are near-duplicates."""

_SHINGLE = 3
_BANDS, _ROWS = 32, 4

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A text with its id, and what it must have in common with its twin."""

    id: str
    text: str
    group: Hashable


@dataclass(frozen=True, slots=True)
class Twin:
    """An earlier text, and the Jaccard similarity of the shingles, 0 to 1."""

    id: str
    similarity: float


def check_threshold(threshold: float) -> None:
    """Refuse a threshold that is not a similarity.

    Raises:
        RecipeError: The threshold is not in (0, 1].
    """
    if not 0 < threshold <= 1:
        raise RecipeError(f"near_duplicate must be in (0, 1], got {threshold}")


def deduplicate(
    built: Built[Row], *, threshold: float = THRESHOLD, stage: str = "deduplicate"
) -> tuple[Built[Row], Duplicates]:
    """Drop the rows that say what an earlier one says.

    Args:
        built: The rows of a build; those without a path are compared by their questions only.
        threshold: From which similarity on texts are near-duplicates, in (0, 1].
        stage: The stage's name in the manifest.

    Returns:
        The other rows, with a rejection (`duplicate` or `near_duplicate`, its twin in the detail) for each dropped
        one, and the record for the manifest.

    Raises:
        RecipeError: The threshold is not in (0, 1].
    """
    check_threshold(threshold)
    rows: list[Any] = []
    rejected: list[Rejection] = []
    counts: Counter[str] = Counter()

    def reject(row: Any, what: str, detail: str) -> None:
        counts[what] += 1
        reason = "duplicate" if what == "same" else "near_duplicate"
        path = getattr(row, "path", None)
        text = path.text if path else row.problem.question
        rejected.append(
            Rejection(row.problem.problem_id, path.path_id if path else "", stage, reason, detail, text)
        )

    first: dict[tuple[str, ...], str] = {}
    for row in built.rows:
        key = _said(row)
        if key in first:
            reject(row, "same", first[key])
        else:
            first[key] = _name(row)
            rows.append(row)
    problems = {row.problem.problem_id: row.problem for row in rows}
    questions = twins(
        (Item(id=p.problem_id, text=p.question, group=p.answer) for p in problems.values()),
        threshold=threshold,
    )
    paths = twins(
        (
            Item(id=path.path_id, text=path.text, group=(path.problem_id, path.answer))
            for path in {row.path.path_id: row.path for row in rows if hasattr(row, "path")}.values()
            if path.problem_id not in questions
        ),
        threshold=threshold,
    )
    kept = []
    for row in rows:
        path_id = row.path.path_id if hasattr(row, "path") else ""
        if twin := questions.get(row.problem.problem_id):
            reject(row, "questions", f"question of {twin.id} (similarity {twin.similarity:.2f})")
        elif twin := paths.get(path_id):
            reject(row, "paths", f"path {twin.id} (similarity {twin.similarity:.2f})")
        else:
            kept.append(row)
    dropped = Counter(rejection.reason for rejection in rejected)
    counted = Stage(
        name=stage, rows_in=len(built.rows), rows_out=len(kept), dropped=dict(sorted(dropped.items()))
    )
    record = Duplicates(
        threshold=threshold,
        rows=len(built.rows),
        same=counts["same"],
        questions=counts["questions"],
        paths=counts["paths"],
    )
    cleaned = replace(
        built, rows=tuple(kept), rejected=(*built.rejected, *rejected), stages=(*built.stages, counted)
    )
    return cleaned, record


def twins(items: Iterable[Item], *, threshold: float = THRESHOLD) -> dict[str, Twin]:
    """For every near-duplicate the first text that it repeats, by id.

    Args:
        items: Texts in the order in which they are kept; ids are unique.
        threshold: From which similarity on.
    """
    groups: dict[Hashable, list[Item]] = {}
    for item in items:
        numbers = tuple(word for word in words(item.text) if word[0].isdigit())
        groups.setdefault((item.group, numbers), []).append(item)
    found: dict[str, Twin] = {}
    for members in groups.values():
        if len(members) > 1:
            found.update(_twins(members, threshold))
    return found


def _twins(members: Iterable[Item], threshold: float) -> dict[str, Twin]:
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(num_perm=_BANDS * _ROWS, params=(_BANDS, _ROWS))
    kept: dict[str, set[bytes]] = {}
    order: dict[str, int] = {}
    found: dict[str, Twin] = {}
    for item in members:
        shingles = _shingles(words(item.text))
        sketch = MinHash(num_perm=_BANDS * _ROWS, hashfunc=zlib.crc32)
        sketch.update_batch(shingles)
        for other in sorted(index.query(sketch), key=order.__getitem__):
            similarity = len(shingles & kept[other]) / len(shingles | kept[other])
            if similarity >= threshold:
                found[item.id] = Twin(other, similarity)
                break
        else:
            order[item.id] = len(order)
            kept[item.id] = shingles
            index.insert(item.id, sketch)
    return found


def _shingles(said: list[str]) -> set[bytes]:
    last = max(1, len(said) - _SHINGLE + 1)
    return {" ".join(said[at : at + _SHINGLE]).encode() for at in range(last)}


def _said(row: Any) -> tuple[str, ...]:
    """What a row says, up to case and spacing."""
    path = getattr(row, "path", None)
    texts = (row.problem.question, path.text if path else "", getattr(row, "completion", ""))
    return tuple(" ".join(normal(text).split()) for text in texts)


def _name(row: Any) -> str:
    path = getattr(row, "path", None)
    return f"path {path.path_id}" if path else f"question of {row.problem.problem_id}"

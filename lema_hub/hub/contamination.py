"""The contamination record of a dataset: what publishing requires of it, and the comparison repeated.

A dataset without the record, or one that was not compared with a test set that is scored, is not published. Reading a
published version back, `recheck` loads the same test sets at the same revisions and compares every row again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lema_hub.artifacts.dataset import BuiltDataset
from lema_hub.artifacts.manifest import REJECTED, Manifest
from lema_hub.errors import HubError, InputError
from lema_hub.tasks import TASKS
from lema_hub.tasks.held_out import TEXTS, HeldOut, Hit, find_hits, load_scored, of_problems, scored_with


def require(manifest: Manifest, folder: Path) -> None:
    """Refuse a dataset that was not compared with the test sets.

    Raises:
        InputError: There is no record, it lacks a test set that is scored, or one was missing and the recipe
            does not say why that is right.
    """
    record = manifest.contamination
    if record is None or not record.tests:
        raise InputError(
            f"{str(folder)!r} has no contamination record in its manifest; build it again with this version: rows are "
            "compared with the test sets before they are published"
        )
    named = {tests.name for tests in record.tests}
    scored = scored_with(manifest.task) if manifest.task in TASKS else ()
    if unnamed := [name for name in scored if name not in named]:
        raise InputError(
            f"{str(folder)!r} was built before the test set {unnamed[0]!r} was scored; build it again with this "
            "version"
        )
    if unreasoned := [item.test for item in record.allowed if not item.why.strip()]:
        raise InputError(
            f"the manifest of {str(folder)!r} allows the test question {unreasoned[0]!r} without a reason; give one in "
            "the recipe: contamination: {allow: [{test: ..., why: ...}]}"
        )
    for tests in record.tests:
        if tests.missing is not None and tests.excuse is None:
            raise InputError(
                f"{str(folder)!r} was not compared with the test set {tests.name!r} ({tests.missing}); build again "
                "where it can be loaded, or say in the recipe why not: contamination: {without: [{tests: "
                f"{tests.name}, why: ...}}]}}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recheck:
    """The comparison made again.

    Attributes:
        hits: What the rows hold of test questions that the manifest does not allow.
        compared: The sets that were compared (`gsm8k 1,319`).
        skipped: For each of the others why not, by name.
        questions: The ids of all questions that were compared.
        uses: How many rows hold which allowed question.
    """

    hits: tuple[Hit, ...]
    compared: tuple[str, ...]
    skipped: dict[str, str]
    questions: frozenset[str]
    uses: Counter[str]


def recheck(built: BuiltDataset) -> Recheck:
    """Compare the rows again with the test sets that the manifest names."""
    record = built.manifest.contamination
    sets: list[HeldOut] = []
    skipped: dict[str, str] = {}
    if record is None:
        skipped["all"] = "the manifest has no contamination record"
    for tests in record.tests if record is not None else ():
        if tests.missing is not None:
            skipped[tests.name] = tests.excuse or tests.missing
        elif tests.name not in TASKS:
            skipped[tests.name] = "a file of the builder's own"
        else:
            try:
                loaded = of_problems(tests.name, load_scored(tests.name))
            except (HubError, InputError) as error:
                skipped[tests.name] = str(error)
                continue
            if loaded.revision != tests.revision:
                skipped[tests.name] = f"built against {tests.revision}, here is {loaded.revision}"
            sets.append(loaded)
    allowed = {item.test for item in record.allowed} if record is not None else set()
    hits: list[Hit] = []
    uses: Counter[str] = Counter()
    if record is not None:
        for found in find_hits(texts_of(built), sets, n=record.n):
            counted = [hit for hit in found if hit.overlap.is_hit or record.strict]
            uses.update({hit.test_id for hit in counted if hit.test_id in allowed})
            hits += [hit for hit in counted if hit.test_id not in allowed]
    return Recheck(
        hits=tuple(hits),
        compared=tuple(f"{one.name} {len(one.questions):,}" for one in sets),
        skipped=skipped,
        questions=frozenset(test_id for one in sets for test_id in one.ids),
        uses=uses,
    )


def texts_of(built: BuiltDataset, columns: Sequence[str] = TEXTS) -> Iterator[Mapping[str, str]]:
    """The texts of all rows but the rejected ones, by column."""
    for split in built.splits:
        if split.config != REJECTED:
            names = [name for name in columns if name in split.table.column_names]
            for batch in split.table.select(names).to_batches(max_chunksize=4096):
                yield from batch.to_pylist()

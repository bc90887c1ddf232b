"""What every dataset goes through before it is written: no test question in it, and nothing twice.

    cleaned = clean(built, load_held_out("gsm8k"))
    write_dataset(out, cleaned.built, ..., contamination=cleaned.contamination, duplicates=cleaned.duplicates)

Test questions go first, so that a row is not lost as the twin of one that is dropped for a test question.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from lema_hub.artifacts.manifest import Contamination, Duplicates
from lema_hub.builders.built import Built
from lema_hub.builders.contamination import DEFAULT, Checks, decontaminate
from lema_hub.builders.dedup import THRESHOLD, deduplicate
from lema_hub.tasks.held_out import HeldOutSets

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned(Generic[Row]):
    """The rows that are left, and the two records for the manifest."""

    built: Built[Row]
    contamination: Contamination
    duplicates: Duplicates


def clean(
    built: Built[Row],
    held_out: HeldOutSets,
    *,
    checks: Checks = DEFAULT,
    threshold: float = THRESHOLD,
) -> Cleaned[Row]:
    """Drop the rows that hold a test question, then those that repeat an earlier one.

    Args:
        built: The rows of a build.
        held_out: The test sets and the missing ones, as `tasks.held_out.load_held_out` gives them.
        checks: The recipe's section `contamination`.
        threshold: From which similarity on texts are near-duplicates.

    Raises:
        RecipeError: Checks or threshold cannot be.

    Example:
        >>> import lema_hub
        >>> built = lema_hub.build_cot(lema_hub.load_problems("nano", "train", limit=5))
        >>> cleaned = clean(built, lema_hub.load_held_out("nano"))
        >>> [(stage.name, stage.rows_out) for stage in cleaned.built.stages]
        [('cot', 5), ('decontaminate', 5), ('deduplicate', 5)]
    """
    sets, missing = held_out
    uncontaminated, contamination = decontaminate(built, sets, missing, checks=checks)
    kept, duplicates = deduplicate(uncontaminated, threshold=threshold)
    return Cleaned(built=kept, contamination=contamination, duplicates=duplicates)

"""Numbers that contradict each other: what no build writes, and no card may show.

A manifest and its rows come from one build, so their counts agree. Where they do not, somebody has changed one of
them, and every other number is in doubt.
"""

from __future__ import annotations

from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING

from lema_hub.artifacts.manifest import REJECTED, Manifest, Stage
from lema_hub.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

_REMEDY = "build the dataset again"


def check_manifest(manifest: Manifest) -> None:
    """See that the counts of a manifest agree with each other.

    Raises:
        InputError: They do not; the message names them.
    """
    for stage in manifest.stages:
        _check_stage(stage)
    if manifest.stages and manifest.rows not in accumulate(
        stage.rows_out for stage in reversed(manifest.stages)
    ):
        raise InputError(
            f"the manifest counts {manifest.rows} rows, its last stage {manifest.stages[-1].name!r} let "
            f"{manifest.stages[-1].rows_out} through; {_REMEDY}"
        )
    record, twins = manifest.contamination, manifest.duplicates
    if record is not None:
        _at_most("contamination.dropped", record.dropped, "contamination.rows", record.rows)
        for tests in record.tests:
            _at_most(
                f"contamination hits of {tests.name}", tests.hits, "contamination.dropped", record.dropped
            )
    if twins is not None:
        dropped = twins.same + twins.questions + twins.paths
        _at_most("the rows dropped as duplicates", dropped, "duplicates.rows", twins.rows)
    for success in manifest.success:
        _at_most(f"success.corrected of {success.name}", success.corrected, "success.wrong", success.wrong)
    for gate in manifest.gate_truth:
        _at_most(f"gate_truth.failed of {gate.gate}", gate.failed, "asked", gate.asked)
        _at_most(f"gate_truth.right of {gate.gate}", gate.right, "failed", gate.failed)
        for kind, caught in gate.caught.items():
            _at_most(f"gate_truth.caught of {gate.gate}", caught, "made", gate.made.get(kind, 0))
    for part in manifest.mix.parts if manifest.mix is not None else ():
        _at_most(f"mix rows of {part.source}", part.rows, "available", part.available)


def check_rejected(manifest: Manifest, table: pa.Table) -> None:
    """See that no more rows are in the config `rejected` than the stages say they dropped, by stage and reason.

    Raises:
        InputError: There are more.
    """
    told: Counter[tuple[str, str]] = Counter()
    for stage in manifest.stages:
        for reason, n in stage.dropped.items():
            told[stage.name, reason] += n
    held = Counter(zip(*(table[name].to_pylist() for name in ("stage", "reason")), strict=True))
    for (stage_name, reason), n in sorted(held.items()):
        if n > told[stage_name, reason]:
            raise InputError(
                f"config {REJECTED!r} holds {n} rows that stage {stage_name!r} dropped as {reason!r}, the manifest "
                f"counts {told[stage_name, reason]}; {_REMEDY}"
            )


def _check_stage(stage: Stage) -> None:
    dropped = sum(stage.dropped.values())
    if stage.rows_in - stage.rows_out != dropped:
        raise InputError(
            f"stage {stage.name!r} of the manifest has {stage.rows_in} rows in, {stage.rows_out} out and {dropped} "
            f"dropped, which does not add up; {_REMEDY}"
        )
    for reason, n in stage.repaired.items():
        _at_most(f"{reason!r} of stage {stage.name!r}", n, "its rows_in", stage.rows_in)


def _at_most(name: str, value: int, other: str, bound: int) -> None:
    if value > bound:
        raise InputError(f"the manifest has {value} as {name}, more than the {bound} as {other}; {_REMEDY}")

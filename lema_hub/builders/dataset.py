"""The folder that a build ends in: `data/<config>/<split>.parquet` and `manifest.json` beside it.

    manifest = write_dataset(Path("runs/nano-corrections"), built, kind="corrections", task="nano",
    command="...")

The config is the task's name; `dev` holds the rows of the problems that `lema_hub.tasks` carved out, so no
problem is on both sides; the config `rejected` holds every dropped row with its reason. The same rows give
the same bytes. A row of a test question is an error here, whatever the builders let through. The licence is
computed from the rows' sources; the publisher computes it again and adds the terms of the models.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lema_hub.artifacts import dataset
from lema_hub.artifacts.figures import Yield
from lema_hub.artifacts.manifest import REJECTED, Contamination, Duplicates, Input, Kind, Manifest, Mix
from lema_hub.artifacts.packages import installed
from lema_hub.builders.built import Built
from lema_hub.cards import licenses
from lema_hub.errors import InputError
from lema_hub.records import Problem

PACKAGES = ("datasets", "huggingface_hub", "openai", "peft", "torch", "transformers")


def write_dataset(
    out: Path,
    built: Built[Any],
    *,
    kind: Kind,
    task: str,
    command: str,
    inputs: Sequence[Input],
    seed: int = 0,
    measures: Mapping[str, float] | None = None,
    yields: Sequence[Yield] = (),
    mix: Mix | None = None,
    contamination: Contamination | None = None,
    duplicates: Duplicates | None = None,
) -> Manifest:
    """Write the rows of a build as a folder that can be published.

    Args:
        out: The folder; what an earlier build left in its `data` is replaced.
        built: Rows, rejections and counts.
        kind: What the rows are.
        task: Name of the config.
        command: The command that makes this folder again.
        inputs: Where problems and solutions come from.
        seed: The seed of the build.
        measures: Further numbers for the card.
        yields: What the rows took (`lema_hub.builders.yields`).
        mix: What the rows of a mix were taken from.
        contamination: What the comparison with the test sets found; without it nothing is published.
        duplicates: What was dropped as repeated.

    Raises:
        InputError: There is no row, one is of a test question, or the folder cannot be written.

    Example:
        >>> from pathlib import Path
        >>> import lema_hub
        >>> problems = lema_hub.load_problems("nano", "train", limit=200)
        >>> cleaned = lema_hub.clean(lema_hub.build_cot(problems), lema_hub.load_held_out("nano"))
        >>> manifest = write_dataset(
        ...     Path("cot"), cleaned.built, kind="cot", task="nano", command="by hand",
        ...     inputs=problem_inputs(problems), contamination=cleaned.contamination, duplicates=cleaned.duplicates,
        ... )
        >>> manifest.configs["nano"]["train"] > 100
        True
    """
    splits = split_rows(built.rows)
    if not any(splits.values()):
        reasons = {stage.name: dict(stage.dropped) for stage in built.stages}
        raise InputError(
            f"nothing to write to {str(out)!r}: every row was dropped ({reasons}); see the reasons"
        )
    terms = Counter(row.problem.license for row in built.rows)
    configs: dict[str, dict[str, Sequence[Any]]] = {
        task: {split: rows for split, rows in splits.items() if rows}
    }
    if built.rejected:
        configs[REJECTED] = {"train": built.rejected}
    manifest = Manifest(
        kind=kind,
        task=task,
        command=command,
        seed=seed,
        inputs=tuple(inputs),
        prompts=built.prompts,
        models=built.models,
        stages=built.stages,
        verdicts=dict(built.verdicts),
        configs={},
        tokens=built.tokens,
        cost_usd=built.cost_usd,
        license=licenses.combine(terms).license or "other",
        packages=installed(*PACKAGES),
        measures=dict(measures or {}),
        success=built.success,
        yields=tuple(yields),
        gate_truth=built.gate_truth,
        mix=mix,
        contamination=contamination,
        duplicates=duplicates,
    )
    return dataset.write_dataset(out, manifest, configs)


def split_rows(rows: Sequence[Any]) -> dict[str, list[Any]]:
    """Rows with a problem on their two sides, `train` and `dev`.

    Raises:
        InputError: A row is of a test question.
    """
    sides: dict[str, list[Any]] = {"train": [], "dev": []}
    for row in rows:
        if row.problem.split not in sides:
            raise InputError(
                f"{row.problem.problem_id} is of split {row.problem.split!r}; test questions are never "
                "written to a training set: drop the row"
            )
        sides[row.problem.split].append(row)
    return sides


def problem_inputs(problems: Sequence[Problem]) -> tuple[Input, ...]:
    """The sources of problems as inputs of a manifest, with the number of problems from each.

    Example:
        >>> import lema_hub
        >>> [used.name for used in problem_inputs(lema_hub.load_problems("nano", "train", limit=5))]
        ['nano']
    """
    counts: dict[tuple[str, str, str, str], int] = {}
    for problem in problems:
        source = (problem.task, problem.source_repo, problem.source_revision, problem.license)
        counts[source] = counts.get(source, 0) + 1
    return tuple(
        Input(
            name=task,
            repo=repo if "/" in repo and not revision.startswith("sha256:") else None,
            revision=None if revision.startswith("sha256:") else revision,
            sha256=revision.removeprefix("sha256:") if revision.startswith("sha256:") else None,
            license=license_,
            rows=rows,
        )
        for (task, repo, revision, license_), rows in counts.items()
    )

"""The folder that a build ends in: `data/<config>/<split>.parquet` and `manifest.json` beside it.

    manifest = write_dataset(Path("runs/nano-corrections"), built, kind="corrections", task="nano",
    command="...")

The config is the task's name; `dev` holds the rows of the problems that `lema_hub.tasks` carved out, so no
problem is on both sides; the config `rejected` holds every dropped row with its reason. The same rows give
the same bytes. A row of a test question is an error here, whatever the builders let through. The licence is
computed from the rows' sources; the publisher computes it again and adds the terms of the models.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lema_hub import __version__
from lema_hub.build.built import Built
from lema_hub.errors import InputError
from lema_hub.hub import licenses, parquet
from lema_hub.hub.dataset import RECORDS
from lema_hub.hub.figures import Yield
from lema_hub.hub.manifest import REJECTED, Contamination, Duplicates, Input, Kind, Manifest, Mix
from lema_hub.records import Problem, Rejection

_PACKAGES = ("datasets", "huggingface_hub", "openai", "peft", "torch", "transformers")


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
        yields: What the rows took (`lema_hub.build.yields`).
        mix: What the rows of a mix were taken from.
        contamination: What the comparison with the test sets found; without it nothing is published.
        duplicates: What was dropped as repeated.

    Raises:
        InputError: There is no row, one is of a test question, or the folder cannot be written.
    """
    splits = split_rows(built.rows)
    if not any(splits.values()):
        reasons = {stage.name: dict(stage.dropped) for stage in built.stages}
        raise InputError(
            f"nothing to write to {str(out)!r}: every row was dropped ({reasons}); see the reasons"
        )
    terms = Counter(row.problem.license for row in built.rows)
    data = out / "data"
    new = out / "data.new"  # a build that is interrupted here leaves the older one whole
    configs: dict[str, dict[str, int]] = {task: {}}
    shutil.rmtree(new, ignore_errors=True)
    for split, rows in splits.items():
        if rows:
            write_rows(new / task / f"{split}.parquet", RECORDS[kind], rows)
            configs[task][split] = len(rows)
    if built.rejected:
        write_rows(new / REJECTED / "train.parquet", Rejection, built.rejected)
        configs[REJECTED] = {"train": len(built.rejected)}
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
        configs=configs,
        tokens=built.tokens,
        cost_usd=built.cost_usd,
        license=licenses.combine(terms).license or "other",
        packages=packages(),
        measures=dict(measures or {}),
        success=built.success,
        yields=tuple(yields),
        gate_truth=built.gate_truth,
        mix=mix,
        contamination=contamination,
        duplicates=duplicates,
    )
    try:
        shutil.rmtree(data, ignore_errors=True)
        new.rename(data)
        manifest.write(out)
    except OSError as error:
        raise InputError(
            f"{str(out)!r} cannot be written ({error}); free some disk and build again"
        ) from error
    return manifest


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


def write_rows(path: Path, record: type, rows: Sequence[Any]) -> None:
    """Write records as Parquet in the form that is published (`lema_hub.hub.parquet`).

    Raises:
        InputError: The file cannot be written.
    """
    try:
        parquet.write_rows(rows, record, path)
    except OSError as error:
        raise InputError(
            f"{str(path)!r} cannot be written ({error}); free some disk and try again"
        ) from error


def problem_inputs(problems: Sequence[Problem]) -> tuple[Input, ...]:
    """The sources of problems as inputs of a manifest, with the number of problems from each."""
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


def packages() -> dict[str, str]:
    """The versions of the packages that a build may depend on, those that are installed."""
    found = {"lema_hub": __version__}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found

"""The folder of judged paths, made from sampled or recorded ones (`lema_hub.artifacts.paths`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lema_hub.artifacts import paths as folder
from lema_hub.artifacts.manifest import Input
from lema_hub.artifacts.packages import installed
from lema_hub.artifacts.paths import PathsManifest, Sampled
from lema_hub.builders.built import Built, by_id
from lema_hub.builders.dataset import PACKAGES
from lema_hub.builders.importers.recorded import Imported
from lema_hub.records import Problem, ReasoningPath


def write_paths(
    out: Path,
    problems: Sequence[Problem],
    paths: Built[ReasoningPath],
    *,
    task: str,
    command: str,
    inputs: Sequence[Input],
    seed: int = 0,
    recorded: Imported | None = None,
) -> PathsManifest:
    """Write judged paths and their manifest.

    Args:
        out: The folder.
        problems: The problems of the paths.
        paths: The paths with their counts.
        task: The problem set.
        command: The command that makes this folder again.
        inputs: Where problems and recorded solutions come from.
        seed: The seed of the sampling.
        recorded: The import that they are from, if any.

    Raises:
        InputError: The folder cannot be written.
    """
    known = by_id(problems)
    manifest = PathsManifest(
        task=task,
        command=command,
        seed=seed,
        inputs=tuple(inputs),
        prompts=paths.prompts,
        models=paths.models,
        stages=paths.stages,
        verdicts=dict(paths.verdicts),
        tokens=paths.tokens,
        cost_usd=paths.cost_usd,
        packages=installed(*PACKAGES),
        compared=recorded.compared if recorded else 0,
        disagreements=recorded.disagreements if recorded else (),
    )
    folder.write_paths(out, manifest, [Sampled(known[path.problem_id], path) for path in paths.rows])
    return manifest

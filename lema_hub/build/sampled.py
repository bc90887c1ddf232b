"""The folder of judged paths that `lema sample` writes: `paths.parquet` and `manifest.json`.

A row is a problem and a path, flat (`records`); the manifest counts every verdict and says where all of it
is from. It is no dataset: it may hold solutions of test questions, and it cannot be published.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lema_hub.build.built import Built, by_id
from lema_hub.build.dataset import packages, write_rows
from lema_hub.build.importers import Disagreement, Imported
from lema_hub.hub.manifest import FILE_NAME, Input, ModelUse, PromptUse, Stage, Tokens
from lema_hub.records import Problem, ReasoningPath, _Row

PATHS = "paths.parquet"


@dataclass(frozen=True, slots=True)
class Sampled(_Row):
    """A judged path beside its problem."""

    problem: Problem
    path: ReasoningPath


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledManifest:
    """What is known of a folder of paths; `compared` recorded solutions came with a verdict, with
    `disagreements`
    the judge differs.
    """

    kind: str = "paths"
    task: str
    command: str
    seed: int
    inputs: tuple[Input, ...]
    prompts: tuple[PromptUse, ...]
    models: tuple[ModelUse, ...]
    stages: tuple[Stage, ...]
    verdicts: dict[str, int]
    tokens: Tokens
    cost_usd: float | None
    packages: dict[str, str]
    compared: int = 0
    disagreements: tuple[Disagreement, ...] = ()
    schema: int = 1


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
) -> SampledManifest:
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
    """
    known = by_id(problems)
    write_rows(out / PATHS, Sampled, [Sampled(known[path.problem_id], path) for path in paths.rows])
    manifest = SampledManifest(
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
        packages=packages(),
        compared=recorded.compared if recorded else 0,
        disagreements=recorded.disagreements if recorded else (),
    )
    text = json.dumps(dataclasses.asdict(manifest), indent=2, ensure_ascii=False) + "\n"
    (out / FILE_NAME).write_text(text, encoding="utf-8")
    return manifest

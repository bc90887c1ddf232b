"""The folder of judged reasoning paths that `lema sample` writes: `paths.parquet` and `manifest.json`.

A row is a problem and a path, flat (`records`). The manifest counts every verdict and records all sources. The
folder is not a dataset: it may hold solutions of test questions, and it cannot be published.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lema_hub.artifacts.manifest import FILE_NAME, Input, ModelUse, PromptUse, Stage, Tokens
from lema_hub.artifacts.parquet import write_rows
from lema_hub.config import to_json
from lema_hub.errors import InputError
from lema_hub.records import Problem, ReasoningPath, Row

PATHS = "paths.parquet"


@dataclass(frozen=True, slots=True)
class Sampled(Row):
    """A judged path beside its problem."""

    problem: Problem
    path: ReasoningPath


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A recorded solution whose verdict differs from ours."""

    problem_id: str
    model: str
    recorded: bool
    verdict: str
    extracted: str | None
    gold: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PathsManifest:
    """What is known of a folder of paths.

    `compared` counts recorded solutions that came with a verdict; `disagreements` are those where the judge differs.
    """

    kind: Literal["paths"] = "paths"
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
    schema: Literal[1] = 1


def write_paths(out: Path, manifest: PathsManifest, rows: Sequence[Sampled]) -> None:
    """Write judged paths and their manifest.

    Raises:
        InputError: The folder cannot be written.
    """
    try:
        write_rows(rows, Sampled, out / PATHS)
        (out / FILE_NAME).write_text(to_json(manifest), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{str(out)!r} cannot be written ({error}); free some disk and try again") from error

"""A data recipe: one YAML file per dataset, read strictly, with `key=value` overrides.

    kind: corrections
    task: gsm8k
    problems: {train: 2000, dev: 100}
    students:
      - {engine: openai, model: my-model, paths: 4, prompt: lema-fewshot-gsm8k}
    corrector: {engine: openai, model: my-corrector, prompt: lema-corrector-gsm8k}

`lema_hub.config` reads it; an error names the file, the line and the key.
"""

from __future__ import annotations

import typing
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, overload

from lema_hub.builders.contamination import Checks
from lema_hub.builders.dedup import THRESHOLD
from lema_hub.builders.gates import REQUIRED, GateName
from lema_hub.builders.importers.recorded import Format
from lema_hub.config import Range, peek, read_yaml
from lema_hub.engines.choose import Source
from lema_hub.errors import RecipeError
from lema_hub.records import Origin
from lema_hub.tasks.load import MOST_PROBLEMS

Count = Annotated[int, Range(0, MOST_PROBLEMS)]
Paths = Annotated[int, Range(1, 1_000)]
NewTokens = Annotated[int, Range(1, 1_000_000)]
Concurrency = Annotated[int, Range(1, 10_000)]
Seed = Annotated[int, Range(0, 2**32 - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problems:
    """How many problems of each side to use, null for all.

    They come from a Hub, or from `path`: a folder with train.jsonl and test.jsonl in the official format,
    or a file of training problems. Evolved problems come from their data set: `repo` and `revision`, or its folder as
    `path`.
    """

    train: Count | None = None
    dev: Count | None = None
    start: Count = 0
    path: str | None = None
    repo: str | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Student(Source):
    """A model whose paths are sampled; `prompt` defaults to the task's."""

    prompt: str | None = None
    paths: Paths = 4
    temperature: float = 0.7
    top_p: float = 1.0
    max_tokens: NewTokens | None = None
    origin: Origin = "on_policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrector(Source):
    """Who corrects; `prompt` defaults to the task's. `structured` asks for JSON where the endpoint offers it."""

    prompt: str | None = None
    temperature: float = 0.0
    max_tokens: NewTokens = 1024
    structured: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote(Source):
    """Who names the incorrect step again, `k` times; the gate `vote` wants `agree` that name the corrector's.

    `prompt` defaults to the task's for correctors: what comes after its first line is not asked for.
    """

    prompt: str | None = None
    k: Paths = 3
    agree: Paths = 2
    temperature: float = 0.7
    max_tokens: NewTokens = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class SeamJudge(Source):
    """Who judges a correction as LeMa's people did: excellent, good or poor; the gate `seam_judge`."""

    prompt: str = "lema-seam-judge"
    temperature: float = 0.0
    max_tokens: NewTokens = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A file of recorded solutions (`lema_hub.builders.importers.recorded`).

    `mmlu_scored` is for `mr-ben`, whose questions are MMLU's: false says that no model trained on them is scored on it.
    """

    path: str
    format: Format
    mmlu_scored: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a dataset is built from.

    Attributes:
        kind: `corrections` or `cot`.
        task: The problem set.
        problems: Which of its problems.
        students: Whose paths are sampled.
        recorded: Files of solutions that need no sampling; annotated ones need no corrector either.
        corrector: Who corrects the paths that are not annotated.
        vote: Who names the incorrect step again; off by default.
        seam_judge: Who judges the corrections; off by default.
        gates: The gates that a correction must pass; the verdicts of the others are only stored.
        gold: Whether annotated solutions become CoT rows.
        contamination: How rows are compared with the test sets (`lema_hub.builders.contamination`).
        near_duplicate: From which similarity on texts are near-duplicates (`lema_hub.builders.dedup`).
        concurrency: Requests in flight at an endpoint.
        batch_size: Rows that a local model computes together at most; null for its own choice.
        seed: The seed of all sampling.
    """

    kind: Literal["corrections", "cot"]
    task: str
    problems: Problems = field(default_factory=Problems)
    students: tuple[Student, ...] = ()
    recorded: tuple[Recorded, ...] = ()
    corrector: Corrector | None = None
    vote: Vote | None = None
    seam_judge: SeamJudge | None = None
    gates: tuple[GateName, ...] = REQUIRED
    gold: bool = True
    contamination: Checks = field(default_factory=Checks)
    near_duplicate: float = THRESHOLD
    concurrency: Concurrency = 64
    batch_size: Concurrency | None = None
    seed: Seed = 0


KINDS = ("corrections", "cot", "evolve", "mix")
"""What recipes of data build, each by the command of its name."""

R = TypeVar("R")


@overload
def load(path: Path, overrides: Sequence[str] = ...) -> Recipe: ...
@overload
def load(path: Path, overrides: Sequence[str] = ..., cls: type[R] = ...) -> R: ...
def load(path: Path, overrides: Sequence[str] = (), cls: type = Recipe) -> Any:
    """The recipe of a YAML file; `overrides` are `key=value`, values in YAML, list items by number.

        load(Path("scripts/recipes/data/nano-corrections.yaml"), ["problems.train=100", "students.0.paths=2"])

    Args:
        path: The YAML file.
        overrides: Changes to it.
        cls: The frozen dataclass that it is read as, for recipes of other kinds.

    Raises:
        RecipeError: The file cannot be read, a key is unknown, missing or ill-typed, or the recipe is another
            command's.
    """
    kind = peek(path, "kind")
    if kind in KINDS and kind not in typing.get_args(typing.get_type_hints(cls).get("kind")):
        raise RecipeError(f"{path} builds {kind}; run: lema build {kind} {path}")
    if kind is None and peek(path, "backbone") is not None:
        raise RecipeError(f"{path} is a recipe for training, not for data; run: lema train {path}")
    return read_yaml(path, cls, overrides)

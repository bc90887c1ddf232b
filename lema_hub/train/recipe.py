"""A training recipe: one YAML file per backbone and method, read strictly, with `key=value` overrides.

The defaults are LeMa's published settings (arXiv 2310.20689, section 3.3 and the released script). What a
recipe must give is the backbone and the data:

    backbone: nano
    data:
      - {repo: lema/lema-cot, revision: v0.1.0, config: nano}
      - {repo: lema/lema-corrections, revision: v0.1.0, config: nano}
    tokens_per_step: 3000

`lema_hub.config` reads it strictly: a misspelt key is an error here, while TRL's own parser lets it pass.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from lema_hub.builders.recipe import KINDS
from lema_hub.config import Range, peek, read_yaml
from lema_hub.errors import RecipeError

Method = Literal["qlora", "lora", "full"]
Schedule = Literal["constant", "linear", "cosine"]
Optimizer = Literal["paged_adamw_32bit", "adamw_torch"]
Steps = Annotated[int, Range(1, 1_000_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSource:
    """Rows to train on: a published dataset (`repo`, pinned by `revision`) or a built folder (`path`).

    `max_rows` takes that many rows, always the same ones, for comparisons at equal data size (LeMa, section
    5).
    """

    repo: str | None = None
    path: str | None = None
    revision: str | None = None
    config: str
    split: str = "train"
    max_rows: Annotated[int, Range(1, 100_000_000)] | None = None

    def __post_init__(self) -> None:
        if (self.repo is None) == (self.path is None):
            raise RecipeError(
                f"data needs either repo or path, got repo={self.repo!r} and path={self.path!r}; give one "
                "of them"
            )
        if self.repo is not None and self.revision is None:
            raise RecipeError(f"revision of {self.repo!r} is missing; pin the data to a tag such as v0.1.0")
        if self.path is not None and self.revision is not None:
            raise RecipeError(f"a folder has no revision, got {self.revision!r} for {self.path!r}; remove it")
        for name, part in (("config", self.config), ("split", self.split)):
            if (
                not part
                or not part.replace("-", "").replace("_", "").replace(".", "").isalnum()
                or ".." in part
            ):
                raise RecipeError(f"{name} must be a plain name such as gsm8k or train, got {part!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that decides the weights of a run, and where checkpoints are pushed to.

    A step holds either `rows_per_step` rows (LeMa: 96) or `tokens_per_step` tokens, prompts included. Two
    runs with the same `max_steps` and `tokens_per_step` see the same number of tokens, to within one row,
    whatever their data.

    Args:
        backbone: A name of `lema_hub.train.backbones`, a Hub id, or a folder saved by `save_pretrained`.
        backbone_repo: Where a backbone that lies in a folder is published; the adapter names it as its base.
        backbone_revision: The commit or tag of the backbone.
        prompt: The CoT template that the backbone is asked in; WizardMath and its like want `wizardmath-cot`.
        micro_batches: Forward passes per optimisation step; more need less memory and pad less.
        max_length: Longest row in tokens, prompt and completion; what is longer is cut and counted.
        save_every: Steps between checkpoints; none are kept if unset.
        push_to: Repository for checkpoints; each becomes a commit and the tag `step-N`.
    """

    backbone: str
    data: tuple[DataSource, ...]
    backbone_repo: str | None = None
    backbone_revision: str | None = None
    prompt: str = "lema-cot"

    method: Method = "qlora"
    rank: Annotated[int, Range(1, 65_536)] = 64
    alpha: Annotated[int, Range(1, 65_536)] = 16
    dropout: float = 0.05

    max_steps: Steps = 2000
    rows_per_step: Annotated[int, Range(1, 1_000_000)] | None = None
    tokens_per_step: Annotated[int, Range(1, 1_000_000_000)] | None = None
    micro_batches: Annotated[int, Range(1, 100_000)] = 6
    max_length: Annotated[int, Range(8, 10_000_000)] = 1024
    gradient_checkpointing: bool = True

    learning_rate: float = 2e-4
    schedule: Schedule = "constant"
    warmup_steps: Annotated[int, Range(0, 1_000_000)] = 0
    optimizer: Optimizer = "paged_adamw_32bit"
    beta2: float = 0.999
    weight_decay: float = 0.01
    max_grad_norm: float = 0.3

    seed: Annotated[int, Range(0, 2**32 - 1)] = 0
    save_every: Steps | None = None
    push_to: str | None = None

    def __post_init__(self) -> None:
        if not self.data:
            raise RecipeError("data is empty; name at least one dataset")
        if (self.rows_per_step is None) == (self.tokens_per_step is None):
            raise RecipeError(
                f"a step needs either rows_per_step or tokens_per_step, got {self.rows_per_step} and "
                f"{self.tokens_per_step}; set one of them and the other to null"
            )
        if self.weight_decay < 0:
            raise RecipeError(f"weight_decay must be >= 0, got {self.weight_decay}")
        _above("learning_rate", self.learning_rate, 0)
        _above("max_grad_norm", self.max_grad_norm, 0)
        for name in ("dropout", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise RecipeError(f"{name} must be >= 0 and < 1, got {getattr(self, name)}")
        if self.rows_per_step is not None and self.rows_per_step < self.micro_batches:
            raise RecipeError(
                f"rows_per_step must be >= micro_batches, got {self.rows_per_step} and {self.micro_batches}"
            )
        if self.push_to is not None and self.save_every is None:
            raise RecipeError(f"push_to is {self.push_to!r} but save_every is unset; say how often to save")
        if self.push_to is not None and self.method == "full":
            raise RecipeError(
                "push_to takes adapters only, got method full; publish the finished model instead"
            )

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain values, in the order of its keys; keys that are unset are left out."""
        return {
            key: [_set(source) for source in value] if key == "data" else value
            for key, value in dataclasses.asdict(self).items()
            if value is not None
        }


def load(path: Path, overrides: Iterable[str] = ()) -> Recipe:
    """The recipe of a YAML file; `overrides` are `key=value`, values in YAML, list items by number.

    Raises:
        RecipeError: The file cannot be read, a key is unknown, missing, ill-typed or out of range, or the recipe is
            for data.

    Example:
        >>> from lema_hub.train.shipped import recipe_path
        >>> load(recipe_path("nano/nano-lema"), ["rank=8", "data.0.revision=v0.2.0"]).rank
        8
    """
    kind = peek(path, "kind")
    if kind in KINDS and peek(path, "backbone") is None:
        raise RecipeError(f"{path} is a recipe for data, not for training; run: lema build {kind} {path}")
    return read_yaml(path, Recipe, tuple(overrides))


def _set(source: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in source.items() if value is not None}


def _above(name: str, value: float, bound: int) -> None:
    if not value > bound:
        raise RecipeError(f"{name} must be > {bound}, got {value}")

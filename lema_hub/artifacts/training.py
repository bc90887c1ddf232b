"""The record of a training run, `training.json`: the only source of the numbers in a model card.

The trainer writes it beside the weights; `results` is filled in once the model has been scored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lema_hub.artifacts.signs import check_signs
from lema_hub.config import read_json, to_json
from lema_hub.errors import InputError

FILE_NAME = "training.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataUse:
    """Rows of a published dataset that a model was trained on; `tokens` counts those with a loss."""

    repo: str
    revision: str | None
    config: str
    split: str
    rows: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """The mean loss per token at an optimisation step."""

    step: int
    loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The score of the model on one task: `value` and `stderr` are shares (0 to 1) of `n` items."""

    task: str
    repo: str
    revision: str | None
    config: str
    split: str
    metric: str
    value: float
    stderr: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How alike a merged model and its adapter write, greedily, on the same prompts.

    Attributes:
        base: What the adapter sat on: the unquantised base, or the base in 4-bit NF4 as in QLoRA training.
        prompts: How many.
        same_texts: Prompts that both answer with the same text.
        low: Lower end of Wilson's 95 % interval of their share.
        high: Its upper end.
        tokens: Tokens that the adapter wrote.
        same_tokens: Those that the merged model, given the same text before them, would have written too.
    """

    base: Literal["unquantised", "nf4"]
    prompts: int
    same_texts: int
    low: float
    high: float
    tokens: int
    same_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What a merged model was made of, and how it differs; `adapter` is a Hub id or a folder's name.

    `sha256` is that of the adapter's weights, `dtype` that of the merged ones. `task` and `split` say where the
    prompts of the comparison come from.
    """

    adapter: str
    revision: str | None
    sha256: str
    dtype: str
    command: str
    task: str
    split: str
    agreement: tuple[Agreement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What made a model, and how it scored.

    `recipe` holds the keys of the recipe as they were used. `license` is the licence of the base model,
    which an adapter inherits, as a Hub identifier.
    """

    method: Literal["qlora", "lora", "full", "scratch"]
    base_model: str | None
    base_revision: str | None
    license: str
    command: str
    recipe: dict[str, Any]
    data: tuple[DataUse, ...]
    steps: int
    tokens: int
    seconds: float
    seed: int
    losses: tuple[Loss, ...]
    packages: dict[str, str]
    results: tuple[Result, ...] = ()
    schema: Literal[1] = 1
    prompt: str = "lema-cot"
    """Name of the prompt template that questions were asked with; the card's snippet uses it."""
    checkpoint: int | None = None
    """The step after which these weights were saved, for a checkpoint; the rest is the record of the whole run."""
    merged: Merged | None = None
    """For a whole model that an adapter was merged into; the rest is the adapter's own record."""
    notes: tuple[str, ...] = field(default=())
    """Known limits of this run, one sentence each; they enter the card's limitations."""

    def write(self, folder: Path) -> Path:
        """Write `training.json` into `folder` and return its path."""
        path = folder / FILE_NAME
        path.write_text(to_json(self), encoding="utf-8")
        return path

    @classmethod
    def read(cls, folder: Path) -> Training:
        """Read `training.json` of `folder`.

        Raises:
            InputError: There is none, it is not JSON, a key is unknown, missing or of the wrong type, or a number
                is negative.
        """
        path = folder / FILE_NAME
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"no readable {FILE_NAME} in {str(folder)!r}; expected a folder that `lema train` wrote: "
                "train first"
            ) from error
        made = read_json(text, cls, source=str(path))
        check_signs(made, source=str(path), free=("seed", "recipe"))
        return made

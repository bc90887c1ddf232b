"""What tokens cost: a dated list that ships with the package, and the user's own in front of it.

    - {model: my-model, input: 0.10, output: 0.40, batch: 0.5, date: 2026-11-01, source: "https://..."}

Prices are in US dollars per million tokens; `batch` is the part of them that the Batch API costs. A model
that is in neither list has no known price: its tokens are counted, its cost stays unknown, and no budget can
be set for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import yaml

from lema_hub.errors import InputError

_KEYS = ("model", "input", "output", "date", "source")


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million prompt and completion tokens; `batch` is the Batch API's part of it, if known.

    Raises:
        InputError: A number is negative or not finite.
    """

    input: float
    output: float
    batch: float | None = None

    def __post_init__(self) -> None:
        for number in (self.input, self.output, self.batch or 0.0):
            if not 0 <= number < math.inf:
                raise InputError(f"a price must be a number >= 0, got {number}")

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """The cost of a request in US dollars."""
        return (prompt_tokens * self.input + completion_tokens * self.output) / 1e6

    def batched(self) -> Price | None:
        """The price of the Batch API, None if it is unknown."""
        return None if self.batch is None else Price(self.input * self.batch, self.output * self.batch)


def price_of(model: str, *, file: Path | None = None) -> Price | None:
    """The price of a model, None if it is unknown.

    Args:
        model: Its name, as it is sent to the endpoint.
        file: The user's own list.

    Raises:
        InputError: The list cannot be read.
    """
    if file is not None and (own := _read(file.name, _text(file)).get(model)) is not None:
        return own
    shipped = files("lema_hub.engines").joinpath("prices.yaml")
    return _read("prices.yaml", shipped.read_text(encoding="utf-8")).get(model)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"price list {str(file)!r} cannot be read ({error}); give a YAML file") from error


def _read(name: str, text: str) -> dict[str, Price]:
    try:
        rows = yaml.safe_load(text) or []
        return {
            str(row["model"]): Price(
                float(row["input"]), float(row["output"]), float(row["batch"]) if "batch" in row else None
            )
            for row in rows
        }
    except (yaml.YAMLError, TypeError, KeyError, ValueError, RecursionError, InputError) as error:
        raise InputError(
            f"{name} is not a price list ({error}); expected rows with {', '.join(_KEYS)}"
        ) from error

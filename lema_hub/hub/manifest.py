"""The manifest of a built dataset: where every row comes from, and what became of every row that is not there.

It lies beside the data as `manifest.json`, is written by the builders and read by the publisher, and is the only
source of the numbers in a card. It holds no time and no path, so that a rebuild gives the same bytes. Reading is
strict: an unknown, missing or ill-typed key is an error, because a number that is silently absent becomes a card
that is silently wrong.

    >>> stage = Stage(name="sample", rows_in=100, rows_out=40, dropped={"correct": 58, "unparsed": 2})
    >>> stage.rows_in - stage.rows_out == sum(stage.dropped.values())
    True
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from lema_hub.errors import InputError

Kind = Literal["corrections", "cot", "trajectories"]
"""What the rows are: `records.Correction`, `records.CotExample` or `records.Trajectory`."""

FILE_NAME = "manifest.json"
REJECTED = "rejected"
"""The config that holds the dropped rows (`records.Rejection`) of every kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One source of rows: a Hub dataset at a revision, or a local file (`repo` is None) by its hash."""

    name: str
    repo: str | None
    revision: str | None
    sha256: str | None
    license: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptUse:
    """A prompt template that text was generated with: `id` reads name@version."""

    id: str
    role: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUse:
    """A model that wrote text of the dataset; `license` is the licence or terms of its outputs, where known."""

    role: Literal["student", "corrector", "teacher", "annotator"]
    name: str
    revision: str | None
    engine: str
    license: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step of the build; `rows_in` - `rows_out` is the sum of `dropped` unless the stage makes several of one."""

    name: str
    rows_in: int
    rows_out: int
    dropped: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Tokens sent to and received from all models."""

    prompt: int = 0
    completion: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All that is known of a built dataset; the schema is drawn in docs/architecture.md.

    `configs` maps config -> split -> rows. `license` is the licence that the builder computed for the whole, as a
    Hub identifier (`apache-2.0`); the publisher computes it again from the rows and compares. `measures` holds
    further numbers for the card, by name (such as the share of rows found by a contamination check).
    """

    kind: Kind
    task: str
    command: str
    seed: int
    inputs: tuple[Input, ...]
    prompts: tuple[PromptUse, ...]
    models: tuple[ModelUse, ...]
    stages: tuple[Stage, ...]
    verdicts: dict[str, int]
    configs: dict[str, dict[str, int]]
    tokens: Tokens
    cost_usd: float | None
    license: str
    packages: dict[str, str]
    schema: Literal[1] = 1
    measures: dict[str, float] = field(default_factory=dict)
    granted: dict[str, str] = field(default_factory=dict)
    """Licence objections that the publisher answered with 'I have the right', and the reason given."""

    @property
    def rows(self) -> int:
        """The rows of all configs but `rejected`."""
        return sum(sum(splits.values()) for config, splits in self.configs.items() if config != REJECTED)

    def to_json(self) -> str:
        """The manifest as JSON, keys in the order of the fields, ending in a newline."""
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False) + "\n"

    def write(self, folder: Path) -> Path:
        """Write `manifest.json` into `folder` and return its path."""
        path = folder / FILE_NAME
        path.write_text(self.to_json(), encoding="utf-8")
        return path

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read `manifest.json` of `folder` (or the file itself).

        Raises:
            InputError: There is none, it is no JSON, or a key is unknown, missing or of the wrong type.
        """
        path = folder / FILE_NAME if folder.is_dir() else folder
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(
                f"no {FILE_NAME} in {str(folder)!r}; expected a folder that `lema build` wrote: build it first"
            ) from error
        except UnicodeDecodeError as error:
            raise InputError(f"{str(path)!r} is no UTF-8 text; build the dataset again") from error
        return cls.from_json(text, source=str(path))

    @classmethod
    def from_json(cls, text: str, *, source: str = FILE_NAME) -> Manifest:
        """The manifest of a JSON text; `source` names it in errors.

        Raises:
            InputError: It is no JSON, or a key is unknown, missing or of the wrong type.
        """
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(f"{source} is no JSON ({error}); build the dataset again") from error
        manifest: Manifest = _read(value, cls, source, "")
        return manifest


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _read(value: object, hint: Any, source: str, where: str) -> Any:
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        if value is None:
            return None
        hint = next(arg for arg in typing.get_args(hint) if arg is not types.NoneType)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        fields = {item.name: item for item in dataclasses.fields(hint)}
        place = f" in {where!r}" if where else ""
        if unknown := [key for key in value if key not in fields]:
            raise InputError(f"{source}: unknown key {unknown[0]!r}{place}; expected only {', '.join(fields)}")
        for name, item in fields.items():
            optional = item.default is not dataclasses.MISSING or item.default_factory is not dataclasses.MISSING
            if name not in value and not optional:
                raise InputError(f"{source}: key {name!r} is missing{place}; expected {', '.join(fields)}")
        hints = _hints(typing.cast(type, hint))
        dot = f"{where}." if where else ""
        parts = {name: _read(part, hints[name], source, f"{dot}{name}") for name, part in value.items()}
        return typing.cast(type, hint)(**parts)
    if origin is Literal:
        if value in args and not isinstance(value, bool):
            return value
        raise InputError(f"{source}: {where!r} is {value!r}; expected one of {', '.join(map(str, args))}")
    if origin is tuple and isinstance(value, list):
        return tuple(_read(item, args[0], source, f"{where}[{number}]") for number, item in enumerate(value))
    if origin is dict and isinstance(value, Mapping):
        return {key: _read(item, args[1], source, f"{where}.{key}") for key, item in value.items()}
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if origin is None and isinstance(value, hint) and not isinstance(value, bool):
        return value
    name = getattr(hint, "__name__", str(hint)) if origin is None else origin.__name__
    raise InputError(f"{source}: {where or 'the manifest'!r} is {str(value)[:60]!r}; expected {name}; build it again")

"""The manifest of a built dataset: where its rows come from, and what became of the others.

It lies beside the data as `manifest.json`, is written by the builders and read by the publisher, and is the
only source of the numbers in a card. It holds no time and no path, so that a rebuild gives the same bytes.
Reading is strict: an unknown, missing or ill-typed key is an error, because a number that is silently
absent becomes a card that is silently wrong.

    >>> stage = Stage(name="sample", rows_in=100, rows_out=40, dropped={"correct": 58, "unparsed": 2})
    >>> stage.rows_in - stage.rows_out == sum(stage.dropped.values())
    True
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lema_hub.artifacts.figures import GateTruth, Success, Yield
from lema_hub.artifacts.signs import check_signs
from lema_hub.config import read_json, to_json
from lema_hub.errors import InputError
from lema_hub.json_text import loads

Kind = Literal["corrections", "cot", "problems", "mix"]
"""What the rows are: `records.Correction`, `CotExample`, `EvolvedProblem` or `MixedRow`."""

FILE_NAME = "manifest.json"
REJECTED = "rejected"
"""The config that holds the dropped rows (`records.Rejection`) of every kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One source of rows: a Hub dataset at a revision, or a local file (`repo` is None) by its hash.

    `stated` is what the builder had to state to use it, and who uses the rows has to know.
    """

    name: str
    repo: str | None
    revision: str | None
    sha256: str | None
    license: str
    rows: int
    stated: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptUse:
    """A prompt template that text was generated with: `id` reads name@version."""

    id: str
    role: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUse:
    """A model that wrote text of the dataset; `license` is that of its outputs, where known."""

    role: Literal["student", "corrector", "voter", "judge", "teacher", "annotator", "evolver", "solver"]
    name: str
    revision: str | None
    engine: str
    license: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step of the build; `dropped` counts rows by reason, `repaired` those that were kept by a repair."""

    name: str
    rows_in: int
    rows_out: int
    dropped: dict[str, int] = field(default_factory=dict)
    repaired: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Tokens sent to and received from all models."""

    prompt: int = 0
    completion: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MixPart:
    """What a mix took of one source: `available` training rows, of which `rows`, with their `tokens`."""

    source: str
    form: str
    available: int
    rows: int
    tokens: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """The training rows of a mix by part; tokens are those of a named tokenizer, prompts included."""

    parts: tuple[MixPart, ...]
    tokenizer: str | None = None
    tokenizer_revision: str | None = None

    @property
    def rows(self) -> int:
        """The training rows of all parts."""
        return sum(part.rows for part in self.parts)

    @property
    def tokens(self) -> int | None:
        """The tokens of all parts, None if they were not counted."""
        return sum(part.tokens or 0 for part in self.parts) if self.tokenizer else None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutUse:
    """A test set that the rows were compared with.

    Attributes:
        name: The task's name, or the file's.
        repo: Where it comes from; None for a file.
        revision: Its commit, or `sha256:` and the file's hash; None if it could not be loaded.
        questions: How many.
        hits: Rows that hold one of them.
        missing: Why it could not be loaded, if it could not.
        excuse: Why the dataset may be published nevertheless, in the recipe's words.
    """

    name: str
    repo: str | None
    revision: str | None
    questions: int
    hits: int
    missing: str | None = None
    excuse: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """A test question that rows may hold, why, and how many do."""

    test: str
    why: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contamination:
    """What the comparison with the test sets found: `rows` compared, `dropped` of them.

    `phrases` counts the rows that share a run of `n` words with a test question but not its numbers; they
    are dropped only if `strict`.
    """

    n: int
    strict: bool
    rows: int
    dropped: int
    phrases: int
    tests: tuple[HeldOutUse, ...]
    allowed: tuple[Allowed, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicates:
    """Rows dropped as duplicates: the same text, a near-duplicate question, a near-duplicate path."""

    threshold: float
    rows: int
    same: int
    questions: int
    paths: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """What an id-only release does not hold: the columns that hold hashes, the mark of a question, and why."""

    why: str
    columns: tuple[str, ...]
    mark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All that is known of a built dataset; the schema is drawn in docs/architecture.md.

    `configs` maps config -> split -> rows. `license` is the licence that the builder computed for the
    whole, as a Hub identifier (`apache-2.0`); the publisher computes it again from the rows and compares.
    `measures` holds further numbers for the card, by name.
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
    success: tuple[Success, ...] = ()
    yields: tuple[Yield, ...] = ()
    gate_truth: tuple[GateTruth, ...] = ()
    mix: Mix | None = None
    contamination: Contamination | None = None
    duplicates: Duplicates | None = None
    withheld: Withheld | None = None
    granted: dict[str, str] = field(default_factory=dict)
    """Licence objections that the publisher answered with 'I have the right', and the reason given."""

    @property
    def rows(self) -> int:
        """The rows of all configs but `rejected`."""
        return sum(sum(splits.values()) for config, splits in self.configs.items() if config != REJECTED)

    def to_json(self) -> str:
        """The manifest as JSON, keys in the order of the fields, ending in a newline."""
        return to_json(self)

    def write(self, folder: Path) -> Path:
        """Write `manifest.json` into `folder` and return its path."""
        path = folder / FILE_NAME
        path.write_text(self.to_json(), encoding="utf-8")
        return path

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read `manifest.json` of `folder` (or the file itself).

        Raises:
            InputError: There is none, it is not JSON, a key is unknown, missing or of the wrong type, or the folder
                holds the paths that `lema sample` wrote.
        """
        path = folder / FILE_NAME if folder.is_dir() else folder
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(
                f"no {FILE_NAME} in {str(folder)!r}; expected a folder that `lema build` wrote: build it "
                "first"
            ) from error
        except UnicodeDecodeError as error:
            raise InputError(f"{str(path)!r} is not UTF-8 text; build the dataset again") from error
        try:
            return cls.from_json(text, source=str(path))
        except InputError:
            _refuse_paths(text, path)
            raise

    @classmethod
    def from_json(cls, text: str, *, source: str = FILE_NAME) -> Manifest:
        """The manifest of a JSON text; `source` names it in errors.

        Raises:
            InputError: It is not JSON, a key is unknown, missing or of the wrong type, or a number is negative.
        """
        made = read_json(text, cls, source=source)
        check_signs(made, source=source, free=("seed", "measures"))
        return made


def _refuse_paths(text: str, path: Path) -> None:
    """Say so if the manifest is that of sampled paths."""
    document = loads(text, source=str(path), remedy="build it again")
    if isinstance(document, dict) and document.get("kind") == "paths":
        folder = shlex.quote(str(path.parent))
        raise InputError(
            f"{str(path.parent)!r} holds reasoning paths that `lema sample` wrote, not a dataset; run: lema build "
            f"corrections RECIPE.yaml --ledger {folder}/ledger.sqlite --out DIR (solutions that were "
            "imported from a file go into the recipe as `recorded:`)"
        )

"""The records that cross module borders, and their flat rows.

Each record is a frozen dataclass; `to_row` gives the flat dict that a published dataset holds and `from_row`
is its exact inverse. A record that contains a problem and a path lays both out flat: the problem's columns
keep their names, the path's columns that would collide or mislead get the prefix `path_` (`path_text`,
`path_steps`, `path_answer`, `path_verdict`, `path_error_type`).

    >>> path = ReasoningPath.make(problem_id="gsm8k/train/17", model="m", prompt_id="lema-cot@1",
    ...                           text="Step 1: The answer is 3.", steps=("The answer is 3.",),
    ...                           answer="3", verdict="wrong")
    >>> ReasoningPath.from_row(path.to_row()) == path
    True

Trap: `datasets` gives lists and dicts where records hold tuples and `Gate`s; `from_row` restores them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Self

from lema_hub.errors import InputError

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

Verdict = Literal["correct", "wrong", "unparsed", "truncated", "timeout", "crashed"]
"""What the judge says of an answer; `unparsed`: no answer found, `truncated`: cut off by the token limit."""

Origin = Literal["on_policy", "other_model", "injected", "annotated"]
"""Where a reasoning path comes from: the student itself, another model, an injector, people."""

ErrorType = Literal["CA", "CO", "CV", "PV", "HA", "UC", "OP", "FC", "MS", "CS", "QM", "CC", "NO"]
"""LEMMA's error taxonomy (arXiv 2503.17439, Table 1; PV from its repository's prompt)."""

Strategy = Literal["fix_continue", "fresh_restart"]
"""LEMMA's two ways out of an error (section 3.3)."""

AnswerStyle = Literal["number", "math", "choice", "text"]
"""How the answers of a problem set are compared."""

Evolution = Literal["constraints", "deeper", "rarer", "concrete"]
"""How a new question is made of an old one: a condition more, a step of reasoning more, a rarer matter of the
same field, or general notions made concrete.
"""

Form = Literal[
    "cot", "correction", "corrected_solution", "without_step", "without_explanation", "without_solution"
]
"""What a mixed row's texts are: those of its source, the corrected solution of a correction as a CoT row, or a
correction without one of its three fields.
"""

VERDICTS: tuple[Verdict, ...] = typing.get_args(Verdict)
EVOLUTIONS: tuple[Evolution, ...] = typing.get_args(Evolution)
ERROR_TYPES: tuple[ErrorType, ...] = typing.get_args(ErrorType)

_PATH_PREFIXED = ("text", "steps", "answer", "verdict", "error_type")


class _Row:
    """`to_row` and `from_row` for flat records and for records that embed a problem and a path."""

    __slots__ = ()

    def to_row(self) -> dict[str, Any]:
        """The record as a flat dict, in column order.

        Raises:
            InputError: The path is one of another problem: the row has one `problem_id` for both.
        """
        problem, path = getattr(self, "problem", None), getattr(self, "path", None)
        if problem and path and problem.problem_id != path.problem_id:
            raise InputError(
                f"a {type(self).__name__} of problem {problem.problem_id!r} holds a path of problem "
                f"{path.problem_id!r}; give it a path of its own problem"
            )
        return {
            column: _plain(getattr(getattr(self, owner) if owner else self, name))
            for column, (owner, name, _) in columns(type(self)).items()
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """The record of a flat dict; extra columns are ignored.

        Raises:
            InputError: A column is missing or holds a value of the wrong type.
        """
        layout = columns(cls)
        missing = [column for column in layout if column not in row]
        if missing:
            raise InputError(
                f"column {missing[0]!r} is missing for a {cls.__name__} "
                f"(row has: {', '.join(map(str, row))[:200]}); see docs/data-format.md for its columns"
            )
        parts: dict[str | None, dict[str, Any]] = {}
        for column, (owner, name, hint) in layout.items():
            parts.setdefault(owner, {})[name] = _typed(row[column], hint, cls, column)
        hints = typing.get_type_hints(cls)
        own = parts.get(None, {})
        if "problem" in parts and "path" in parts:
            parts["path"]["problem_id"] = parts["problem"]["problem_id"]
        embedded = {owner: hints[owner](**fields) for owner, fields in parts.items() if owner is not None}
        return cls(**embedded, **own)


@dataclass(frozen=True, slots=True)
class Gate(_Row):
    """The verdict of one filter on one row, kept whether or not the row was."""

    name: str
    verdict: Literal["pass", "fail", "skipped"]
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Problem(_Row):
    """A question with its annotated answer; `problem_id` reads task/split/index (`gsm8k/train/17`)."""

    problem_id: str
    task: str
    split: str
    question: str
    answer: str
    gold_solution: str
    level: str | None
    subject: str | None
    source_repo: str
    source_revision: str
    license: str


@dataclass(frozen=True, slots=True)
class ReasoningPath(_Row):
    """One solution of one problem, right or wrong, with everything needed to sample it again."""

    path_id: str
    problem_id: str
    model: str
    model_revision: str | None
    engine: str
    temperature: float | None
    top_p: float | None
    seed: int | None
    prompt_id: str
    text: str
    steps: tuple[str, ...]
    answer: str | None
    verdict: Verdict
    origin: Origin
    error_type: ErrorType | None
    finish_reason: str | None

    @classmethod
    def make(
        cls,
        *,
        problem_id: str,
        model: str,
        text: str,
        steps: tuple[str, ...],
        answer: str | None,
        verdict: Verdict,
        prompt_id: str,
        model_revision: str | None = None,
        engine: str = "import",
        temperature: float | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        origin: Origin = "on_policy",
        error_type: ErrorType | None = None,
        finish_reason: str | None = None,
    ) -> Self:
        """A path whose `path_id` is the hash of problem, model, revision and text: equal texts, one path."""
        return cls(
            path_id=digest(problem_id, model, model_revision, text)[:16],
            problem_id=problem_id,
            model=model,
            model_revision=model_revision,
            engine=engine,
            temperature=temperature,
            top_p=top_p,
            seed=seed,
            prompt_id=prompt_id,
            text=text,
            steps=steps,
            answer=answer,
            verdict=verdict,
            origin=origin,
            error_type=error_type,
            finish_reason=finish_reason,
        )


@dataclass(frozen=True, slots=True)
class Correction(_Row):
    """A wrong path with its first wrong step named, explained and corrected (LeMa, section 2.1).

    `incorrect_step` is 1-based. `correct_steps` are the corrected steps from `incorrect_step` on;
    `correct_solution` is the whole right solution: the kept steps followed by `correct_steps`. `prompt` and
    `completion` are LeMa's exact fine-tuning formats.
    """

    problem: Problem
    path: ReasoningPath
    incorrect_step: int
    error_type: ErrorType | None
    explanation: str
    correct_solution: str
    correct_steps: tuple[str, ...]
    corrector: str
    corrector_prompt_id: str
    answer_verdict: Verdict
    gates: tuple[Gate, ...]
    cost_usd: float | None
    prompt: str
    completion: str


@dataclass(frozen=True, slots=True)
class Rejection(_Row):
    """A row that a stage dropped, with the reason; the config `rejected` of a published dataset."""

    problem_id: str
    path_id: str
    stage: str
    reason: str
    detail: str
    text: str


@dataclass(frozen=True, slots=True)
class CotExample(_Row):
    """A right path as a fine-tuning row (LeMa, section 2.2)."""

    problem: Problem
    path: ReasoningPath
    prompt: str
    completion: str


@dataclass(frozen=True, slots=True)
class Trajectory(_Row):
    """A wrong prefix, a turn, and a right continuation in one output (LEMMA, section 3.3)."""

    problem: Problem
    path: ReasoningPath
    incorrect_step: int
    error_type: ErrorType | None
    wrong_prefix: str
    transition: str
    reflection: str
    continuation: str
    strategy: Strategy
    teacher: str
    teacher_prompt_id: str
    answer_verdict: Verdict
    gates: tuple[Gate, ...]
    cost_usd: float | None
    prompt: str
    completion: str


@dataclass(frozen=True, slots=True)
class EvolvedProblem(_Row):
    """A question that a model made of another one; its gold answer is the majority of a solver's answers.

    `answers` are the solver's, "" where it gave none, and `votes` counts those that agree with the gold answer.
    The problem's source and licence are its seed's.
    """

    problem: Problem
    seed_id: str
    seed_question: str
    evolution: Evolution
    evolver: str
    evolver_revision: str | None
    evolver_prompt_id: str
    solver: str
    solver_revision: str | None
    solver_prompt_id: str
    answers: tuple[str, ...]
    votes: int
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class MixedRow(_Row):
    """A fine-tuning row of a controlled mix; problem and path are those of the row that it was made of.

    `row_id` is the hash of path, prompt and completion; `source` names the data set of the original row.
    """

    problem: Problem
    path: ReasoningPath
    row_id: str
    form: Form
    source: str
    corrector: str | None
    prompt: str
    completion: str


@dataclass(frozen=True, slots=True)
class Score(_Row):
    """The outcome of one item for one system: what paired tests need (item x seed x checkpoint)."""

    item_id: str
    task: str
    system: str
    revision: str | None
    checkpoint: str
    seed: int
    verdict: Verdict
    gold: str
    extracted: str | None
    output: str
    reason: str


def digest(*parts: object) -> str:
    """The SHA-256 of the parts as canonical JSON, in hexadecimal."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True, sort_keys=True).encode()).hexdigest()


def columns(record: type) -> dict[str, tuple[str | None, str, Any]]:
    """The flat layout of a record: column -> (embedded field or None, attribute, type)."""
    return _layout(record)


@cache
def _layout(record: type) -> dict[str, tuple[str | None, str, Any]]:
    hints = typing.get_type_hints(record)
    layout: dict[str, tuple[str | None, str, Any]] = {}
    for field in dataclasses.fields(record):
        hint = hints[field.name]
        if hint in (Problem, ReasoningPath):
            for name, (_, _, inner) in columns(hint).items():
                if hint is Problem:
                    layout[name] = (field.name, name, inner)
                elif name != "problem_id":  # the problem's own column holds it already
                    layout[f"path_{name}" if name in _PATH_PREFIXED else name] = (field.name, name, inner)
        else:
            layout[field.name] = (None, field.name, hint)
    return layout


def schema(record: type) -> pa.Schema:
    """The Arrow schema of a record's rows."""
    import pyarrow as pa

    return pa.schema([pa.field(column, _arrow(hint)) for column, (_, _, hint) in columns(record).items()])


def features(record: type) -> datasets.Features:
    """The `datasets` features of a record's rows."""
    import datasets

    return datasets.Features.from_arrow_schema(schema(record))


def _arrow(hint: Any) -> pa.DataType:
    import pyarrow as pa

    hint = _without_none(hint)
    origin = typing.get_origin(hint)
    if origin is Literal or hint is str:
        return pa.string()
    if origin is tuple:
        return pa.list_(_arrow(typing.get_args(hint)[0]))
    if hint is Gate:
        return pa.struct([(name, _arrow(inner)) for name, (_, _, inner) in columns(Gate).items()])
    return {int: pa.int64(), float: pa.float64(), bool: pa.bool_()}[hint]


def _optional(hint: Any) -> bool:
    return typing.get_origin(hint) in (
        types.UnionType,
        typing.Union,
    )  # `Literal[...] | None` is a typing.Union


def _without_none(hint: Any) -> Any:
    if _optional(hint):
        return next(arg for arg in typing.get_args(hint) if arg is not types.NoneType)
    return hint


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.to_row() if isinstance(value, Gate) else value


def _typed(value: Any, hint: Any, cls: type, column: str) -> Any:
    optional, hint = _optional(hint), _without_none(hint)
    if value is None and optional:
        return None
    origin = typing.get_origin(hint)
    if origin is Literal:
        allowed = typing.get_args(hint)
        if value in allowed:
            return value
        raise InputError(
            f"column {column!r} of a {cls.__name__} is {_shown(value)}; expected one of {', '.join(allowed)}"
        )
    if origin is tuple and isinstance(value, (list, tuple)):
        return tuple(_typed(item, typing.get_args(hint)[0], cls, column) for item in value)
    if hint is Gate:
        if isinstance(value, Mapping):
            return Gate.from_row(value)
    elif hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    elif origin is None and isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    name = "list" if origin is tuple else getattr(hint, "__name__", str(hint))
    raise InputError(
        f"column {column!r} of a {cls.__name__} is {_shown(value)}; expected {name}; "
        "repair the row or drop it"
    )


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."

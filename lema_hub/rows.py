"""Records as flat rows: `to_row` gives the dict that a published dataset holds, `from_row` is its exact inverse.

A record that contains a problem and a path lays both out flat: the problem's columns keep their names, the path's
columns that would collide or mislead get the prefix `path_` (`path_text`, `path_steps`, `path_answer`,
`path_verdict`, `path_error_type`). A list of records, such as a correction's gates, stays a list of dicts.

`schema` is the Arrow schema of these rows.

Trap: `datasets` gives lists and dicts where records hold tuples and `Gate`s; `from_row` restores them.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Self

from lema_hub.errors import InputError

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

_PATH_PREFIXED = ("text", "steps", "answer", "verdict", "error_type")


class Row:
    """Base of every record: `to_row` and `from_row`, exact inverses, with a problem and a path laid out flat."""

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


def columns(record: type) -> dict[str, tuple[str | None, str, Any]]:
    """The flat layout of a record: column -> (embedded field or None, attribute, type)."""
    return _layout(record)


@cache
def _layout(record: type) -> dict[str, tuple[str | None, str, Any]]:
    hints = typing.get_type_hints(record)
    layout: dict[str, tuple[str | None, str, Any]] = {}
    for field in dataclasses.fields(record):
        hint = hints[field.name]
        if not _is_record(hint):
            layout[field.name] = (None, field.name, hint)
            continue
        for name, (_, _, inner) in columns(hint).items():
            if field.name != "path":
                layout[name] = (field.name, name, inner)
            elif name != "problem_id":  # the problem's own column holds it already
                layout[f"path_{name}" if name in _PATH_PREFIXED else name] = (field.name, name, inner)
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
    if _is_record(hint):
        return pa.struct([(name, _arrow(inner)) for name, (_, _, inner) in columns(hint).items()])
    return {int: pa.int64(), float: pa.float64(), bool: pa.bool_()}[hint]


def _is_record(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Row)


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
    return value.to_row() if isinstance(value, Row) else value


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
    if _is_record(hint):
        if isinstance(value, Mapping):
            return hint.from_row(value)
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

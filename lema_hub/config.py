"""Strict JSON: a document read as a frozen dataclass, where an unknown, missing or ill-typed key is an error.

A card's numbers come from such documents; a key that is silently absent becomes a card that is silently
wrong.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, TypeVar

from lema_hub.errors import InputError

T = TypeVar("T")


def read_json(text: str, cls: type[T], *, source: str) -> T:
    """The dataclass of a JSON text; `source` names the document in errors.

    Raises:
        InputError: It is no JSON, or a key is unknown, missing or of the wrong type.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{source} is no JSON ({error}); build it again") from error
    return typing.cast("T", _read(value, cls, source, ""))


def to_json(document: Any) -> str:
    """A dataclass as JSON, keys in the order of the fields, ending in a newline."""
    return json.dumps(dataclasses.asdict(document), indent=2, ensure_ascii=False) + "\n"


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
            raise InputError(
                f"{source}: unknown key {unknown[0]!r}{place}; expected only {', '.join(fields)}"
            )
        for name, item in fields.items():
            optional = (
                item.default is not dataclasses.MISSING or item.default_factory is not dataclasses.MISSING
            )
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
    if (
        hint is float
        and isinstance(value, (int, float))
        and not isinstance(value, bool)
        and math.isfinite(value)
    ):
        return float(value)
    if hint is Any:
        return value
    if (
        origin is None
        and hint is not float
        and isinstance(value, hint)
        and (hint is bool or not isinstance(value, bool))
    ):
        return value
    name = getattr(hint, "__name__", str(hint)) if origin is None else origin.__name__
    raise InputError(
        f"{source}: {where or 'the manifest'!r} is {str(value)[:60]!r}; expected {name}; build it again"
    )

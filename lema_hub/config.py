"""YAML and JSON read as frozen dataclasses: an unknown, missing or ill-typed key is an error that names its place.

    recipe = read_yaml(Path("recipe.yaml"), Recipe, ["rank=8", "data.0.revision=v0.2.0"])
    manifest = read_json(text, Manifest, source="manifest.json")

A card's numbers come from such documents. A key that is silently absent becomes a card that is silently wrong. A
number's range is part of its type: `paths: Annotated[int, Range(1, 1000)]`.

YAML is read in its plain form: `true`, `false`, `null`, numbers (`2e-4` too) and text; `no` is text. Tags and aliases
are refused. A document is bounded by `MAX_BYTES` and `MAX_DEPTH`, a number by 64 bits. `lema_hub.json_text` bounds
JSON in the same way.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml

from lema_hub.errors import InputError, RecipeError
from lema_hub.json_text import MAX_DEPTH, MAX_INTEGER, loads

MAX_BYTES = 128 * 2**10
"""Bytes of a YAML file, which PyYAML reads in a few seconds; the longest that the package ships has 4 kB."""

_UNPRINTABLE = re.compile(r"[\0\ud800-\udfff]")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Range:
    """The whole numbers that a key takes, as an annotation of its type; library code does not check it."""

    least: int
    most: int


class _MisfitError(Exception):
    """A value that does not fit; `path` is the keys and positions that lead to it."""

    def __init__(self, path: tuple[str, ...], message: str) -> None:
        super().__init__(message)
        self.path = path


def read_json(text: str, cls: type[T], *, source: str) -> T:
    """The dataclass of a JSON text; `source` names the document in errors.

    Raises:
        InputError: It is not JSON, or a key is unknown, missing or of the wrong type.
    """
    value = loads(text, source=source, remedy="build it again")
    try:
        return typing.cast("T", _read(value, cls, ()))
    except _MisfitError as error:
        raise InputError(f"{source}: {error}; build it again") from error


def to_json(document: Any) -> str:
    """A dataclass as JSON, keys in the order of the fields, ending in a newline."""
    return json.dumps(dataclasses.asdict(document), indent=2, ensure_ascii=False) + "\n"


def read_yaml(path: Path, cls: type[T], overrides: Sequence[str] = ()) -> T:
    """The dataclass of a YAML file.

    Args:
        path: The file.
        cls: A frozen dataclass.
        overrides: Changes as `key=value`, values in YAML; list items are written `data.0.revision=v0.2.0`.

    Raises:
        RecipeError: The file cannot be read, or a key is unknown, missing, ill-typed or out of range. The message
            names the file, and the line of a value that does not fit.
    """
    text = _text(path)
    try:
        document = _load(text)
        for override in overrides:
            _override(document, override)
        return typing.cast("T", _read(document, cls, ()))
    except _MisfitError as error:
        line = None if overrides else _line(text, error.path)
        raise RecipeError(f"{path}{f', line {line}' if line else ''}: {error}") from error
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from error


def peek(path: Path, key: str) -> Any:
    """The value of a top-level key of a YAML file; None if there is no such key.

    Raises:
        RecipeError: The file cannot be read, or is not YAML.
    """
    text = _text(path)
    try:
        document = _load(text)
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from error
    return document.get(key) if isinstance(document, Mapping) else None


def read_plain(text: str) -> Any:
    """The plain values of a YAML text, such as the front matter of somebody else's card.

    Raises:
        RecipeError: It is not YAML in its plain form.
    """
    return _load(text)


def parse(document: Any, cls: type[T]) -> T:
    """The dataclass of plain values, as YAML or JSON gives them.

    Raises:
        RecipeError: A key is unknown, missing, ill-typed or out of range.
    """
    try:
        return typing.cast("T", _read(document, cls, ()))
    except _MisfitError as error:
        raise RecipeError(str(error)) from error


class _Loader(yaml.SafeLoader):
    """Plain YAML: mappings, lists, text, numbers, `true`, `false`, `null`; no tags, no aliases, no deep nesting."""

    depth = 0
    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own way to say what plain text means
    yaml_constructors = {
        tag: yaml.SafeLoader.yaml_constructors[tag]
        for kind in ("map", "seq", "str", "null", "bool", "int", "float")
        for tag in [f"tag:yaml.org,2002:{kind}"]
    } | {None: yaml.SafeLoader.construct_undefined}

    def compose_node(self, parent: Any, index: Any) -> Any:
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases are not read", problem_mark=mark)
        if self.depth == MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {MAX_DEPTH} levels", problem_mark=mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        if isinstance(node, yaml.ScalarNode) and _UNPRINTABLE.search(node.value):
            raise yaml.MarkedYAMLError(problem="text with a NUL or a lone surrogate", problem_mark=mark)
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value in seen:
                problem = (
                    f"key {key.value!r} is there twice"
                    if isinstance(key, yaml.ScalarNode)
                    else "a key is not text"
                )
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


for _kind, _pattern, _first in (
    ("null", r"~|null|", ["~", "n", ""]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"[-+]?(?:0|[1-9]\d{0,17})", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][-+]?\d{1,4})?|[-+]?\.inf|\.nan",
        list("-+.0123456789"),
    ),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_kind}", re.compile(rf"(?:{_pattern})\Z", re.ASCII), _first
    )


def _text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise RecipeError(f"{path}: {size:,} bytes; expected a YAML file of at most {MAX_BYTES:,}")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(
            f"{path}: cannot be read ({type(error).__name__}); give a YAML file in UTF-8"
        ) from error


def _load(text: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of SafeLoader that reads less
    except (yaml.YAMLError, ValueError) as error:
        raise RecipeError(f"not YAML that is read here: {' '.join(str(error).split())[:300]}") from error


def _line(text: str, path: Sequence[str]) -> int | None:
    """The line of the value that the keys and positions of `path` lead to, or of the nearest one above it."""
    node = yaml.compose(text, Loader=_Loader)
    line = None
    for part in path:
        if isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == part), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and part.isdecimal() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _override(document: Any, override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise RecipeError(f"override {override[:80]!r} has no '='; write key=value, for example rank=16")
    try:
        value = _load(text)
    except RecipeError as error:
        raise RecipeError(f"override {override[:80]!r}: the value is not YAML; quote it") from error
    *parents, last = key.split(".")
    if len(parents) >= MAX_DEPTH:
        raise RecipeError(f"override {override[:60]!r}...: nested deeper than {MAX_DEPTH} levels")
    place = document
    for part in parents:
        place = _item(place, part, override)
    if isinstance(place, list):
        _item(place, last, override)
        place[int(last)] = value
    elif isinstance(place, dict):
        place[last] = value
    else:
        raise RecipeError(f"override {override[:80]!r}: there is nothing to set {last[:80]!r} in")


def _item(place: Any, part: str, override: str) -> Any:
    if isinstance(place, list) and part.isdecimal() and int(part) < len(place):
        return place[int(part)]
    if isinstance(place, dict) and isinstance(place.setdefault(part, {}), (dict, list)):
        return place[part]
    raise RecipeError(
        f"override {override[:80]!r}: there is no {part[:80]!r} to go into; list items are written students.0.model"
    )


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls, include_extras=True)


def _read(value: object, hint: Any, path: tuple[str, ...]) -> Any:
    """The value as its type hint wants it."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        if value is None:
            return None
        hint = next(arg for arg in typing.get_args(hint) if arg is not types.NoneType)
    origin = typing.get_origin(hint)
    if origin is Annotated:
        return _read_within(value, hint, path)
    if dataclasses.is_dataclass(hint):
        return _read_record(value, typing.cast(type, hint), path)
    if origin is Literal:
        choices = typing.get_args(hint)
        if value in choices and not isinstance(value, bool):
            return value
        raise _misfit(path, value, f"one of {', '.join(map(str, choices))}")
    if origin is tuple:
        if not isinstance(value, list):
            raise _misfit(path, value, "a list")
        inner = typing.get_args(hint)[0]
        return tuple(_read(item, inner, (*path, str(number))) for number, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise _misfit(path, value, "keys with values")
        inner = typing.get_args(hint)[1]
        return {str(key): _read(item, inner, (*path, str(key))) for key, item in value.items()}
    return value if hint is Any else _read_scalar(value, hint, path)


def _read_record(value: object, cls: type, path: tuple[str, ...]) -> Any:
    hints = _hints(cls)
    if not isinstance(value, Mapping):
        raise _misfit(path, value, f"the keys {', '.join(hints)}")
    for key in value:
        if key not in hints:
            near = difflib.get_close_matches(str(key), hints, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else f"expected {', '.join(hints)}"
            place = (*path, str(key)[:60])
            raise _MisfitError(place, f"unknown key {'.'.join(place)!r}; {remedy}")
    for item in dataclasses.fields(cls):
        optional = item.default is not dataclasses.MISSING or item.default_factory is not dataclasses.MISSING
        if not optional and item.name not in value:
            raise _MisfitError(path, f"key {'.'.join((*path, item.name))!r} is missing; add it")
    parts = {key: _read(part, hints[key], (*path, str(key))) for key, part in value.items()}
    try:
        return cls(**parts)
    except RecipeError as error:
        raise _MisfitError(path, str(error)) from error


def _read_within(value: object, hint: Any, path: tuple[str, ...]) -> Any:
    plain, *notes = typing.get_args(hint)
    read = _read(value, plain, path)
    for note in notes:
        if isinstance(note, Range) and not note.least <= read <= note.most:
            raise _misfit(path, value, f"a whole number from {note.least:,} to {note.most:,}")
    return read


def _read_scalar(value: object, hint: Any, path: tuple[str, ...]) -> Any:
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        if abs(value) <= sys.float_info.max:  # neither NaN nor infinite
            return float(value)
        raise _misfit(path, value, "a finite number")
    if hint is int and isinstance(value, int) and not isinstance(value, bool) and abs(value) > MAX_INTEGER:
        raise _misfit(path, value, "a whole number that 64 bits hold")
    if isinstance(value, hint) and (hint is bool or not isinstance(value, bool)):
        return value
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    raise _misfit(path, value, names[hint])


def _misfit(path: tuple[str, ...], value: object, expected: str) -> _MisfitError:
    shown = "empty" if value is None else repr(value)[:60]
    return _MisfitError(path, f"{'.'.join(path) or 'the document'} is {shown}; expected {expected}")

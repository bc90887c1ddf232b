"""JSON that others wrote, read within bounds: a text, a file, or a file with an object per line.

    answer = loads(body, source="the endpoint's answer")
    rows = list(read_jsonl(Path("solutions.jsonl")))

Python's own reader takes NaN, keys that stand twice, whole numbers of any length and halves of surrogate pairs, and
each of them ends in a traceback, or in a wrong number, far from where it came in. Here they are errors of one line.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lema_hub.errors import FormatError, InputError

MAX_BYTES = 64 * 2**20
"""Bytes of a JSON text."""

MAX_LINE = 8 * 2**20
"""Bytes of a line of a JSONL file."""

MAX_DEPTH = 40
"""Levels of nesting."""

MAX_INTEGER = 2**63 - 1

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")  # an escape may also be half of a pair


def loads(text: str | bytes, *, source: str, limit: int = MAX_BYTES, remedy: str = "repair it") -> Any:
    """The value of a JSON text.

    Args:
        text: The text; bytes are UTF-8, a byte order mark is passed over.
        source: Names the text in errors.
        limit: Its greatest length, in bytes or characters.
        remedy: What the error says to do.

    Raises:
        FormatError: It is too long or nested too deeply, is not JSON, or holds a key twice, NaN, infinity, a whole
            number of more than 64 bits, or half of a surrogate pair.
    """
    try:
        return value(text, limit=limit)
    except ValueError as error:
        raise FormatError(f"{source} is not valid JSON ({error}); {remedy}") from error


def value(text: str | bytes, *, limit: int = MAX_BYTES) -> Any:
    """The value of a JSON text, as `loads` reads it.

    Raises:
        ValueError: Why it is refused, in one line.
    """
    try:
        return _bounded(text, limit)
    except RecursionError as error:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels") from error
    except UnicodeError as error:
        encoding = isinstance(error, UnicodeEncodeError)
        raise ValueError("half of a surrogate pair" if encoding else "not UTF-8") from error


def read_json_file(path: Path, *, remedy: str) -> Any:
    """The value of a JSON file; `remedy` says what file is expected.

    Raises:
        InputError: The file cannot be read, or is not JSON.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read ({error.strerror}); {remedy}") from error
    return loads(text, source=repr(str(path)), remedy=remedy)


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSONL file; blank lines are skipped.

    Raises:
        InputError: The file cannot be read, or a line is not a JSON object.
    """
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(MAX_LINE + 1):
                number += 1
                if not line.strip():
                    continue
                row = loads(line, source=f"{path}:{number}", limit=MAX_LINE, remedy="repair or drop the line")
                if not isinstance(row, dict):
                    raise FormatError(f"{path}:{number} is {type(row).__name__}; expected a JSON object")
                yield row
    except OSError as error:
        raise InputError(
            f"{str(path)!r} cannot be read ({error.strerror}); give a JSONL file in UTF-8"
        ) from error


def _bounded(text: str | bytes, limit: int) -> Any:
    if len(text) > limit:
        raise ValueError(f"longer than {limit:,} bytes")
    plain = (text.decode() if isinstance(text, bytes) else text).removeprefix("\ufeff")
    found = _DECODER.decode(plain)
    if plain.count("[") + plain.count("{") > MAX_DEPTH and _is_deep(found):
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    if _SURROGATE.search(plain):
        json.dumps(found, ensure_ascii=False).encode()  # half of a pair is a UnicodeEncodeError here
    return found


def _is_deep(found: Any) -> bool:
    layer = _containers([found])
    for _ in range(MAX_DEPTH):
        layer = [inner for outer in layer for inner in _containers(outer)]
    return bool(layer)


def _containers(outer: dict[str, Any] | list[Any]) -> list[Any]:
    values = outer.values() if isinstance(outer, dict) else outer
    return [inner for inner in values if isinstance(inner, (dict, list))]


def _integer(digits: str) -> int:
    if len(digits) > 20 or abs(value := int(digits)) > MAX_INTEGER:
        raise ValueError(f"the number {digits[:20]}... has more than 64 bits")
    return value


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:20]} is not a finite number")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {twice[:60]!r} is there twice")
    return value


_DECODER = json.JSONDecoder(
    parse_int=_integer, parse_float=_float, parse_constant=_float, object_pairs_hook=_object
)

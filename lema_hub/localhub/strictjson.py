"""JSON from strangers: what RFC 8259 allows, in an amount that fits into memory.

Python's own reader also takes NaN, halves of surrogate pairs (which no database and no answer can hold), numbers
of any length and UTF-8 that is none. Here all of that is a `ValueError`.
"""

import json
import math
import re
from typing import Any, NoReturn

from lema_hub.localhub import bounds

_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


def loads(text: bytes | bytearray | str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: It is not JSON, or holds too many values, too long a number, or broken Unicode.
    """
    if not isinstance(text, str):
        text = text.decode()
    if len(text) > bounds.JSON_NODES and _values(text) > bounds.JSON_NODES:
        raise ValueError(f"more than {bounds.JSON_NODES} values")
    try:
        value = json.loads(text, parse_constant=_refuse, parse_int=_integer, parse_float=_finite)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("a string is not valid Unicode") from None
    except RecursionError:
        raise ValueError("nested too deep") from None
    return value


def _values(text: str) -> int:
    """An upper bound on the number of values; commas in strings are left out only where they would decide."""
    marks = sum(map(text.count, ",[{"))
    return marks if marks <= bounds.JSON_NODES else sum(map(_STRING.sub("", text).count, ",[{"))


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _integer(digits: str) -> int:
    if len(digits) > bounds.JSON_NUMBER_CHARS:
        raise ValueError(f"a number of {len(digits)} characters")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits) if len(digits) <= 1000 else math.inf
    if not math.isfinite(number):
        raise ValueError(f"the number {digits:.40} is out of range")
    return number

"""No count, cost or duration of a record is negative."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lema_hub.errors import InputError


def check_signs(document: Any, *, source: str, free: Sequence[str]) -> None:
    """See that no number of a document is negative; those below the keys `free` may be.

    Raises:
        InputError: One is; the message names its key.
    """
    for key, value in _numbers(document, (), free):
        if value < 0:
            raise InputError(f"{source}: {key} is {value}; expected no negative number: build it again")


def _numbers(value: Any, path: tuple[str, ...], free: Sequence[str]) -> Iterator[tuple[str, float]]:
    if dataclasses.is_dataclass(value):
        parts = {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
    elif isinstance(value, Mapping):
        parts = {str(key): part for key, part in value.items()}
    elif isinstance(value, tuple):
        parts = {str(number): part for number, part in enumerate(value)}
    else:
        if isinstance(value, (int, float)):
            yield ".".join(path), value
        return
    for key, part in parts.items():
        if path or key not in free:
            yield from _numbers(part, (*path, key), free)

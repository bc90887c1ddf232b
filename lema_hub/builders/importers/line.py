"""A row of a recorded file whose fields are what a format says, or an error that names the row and the field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lema_hub.errors import FormatError


@dataclass(frozen=True, slots=True)
class Line:
    """A row from outside.

    Attributes:
        row: Its fields, which may be anything that JSON holds.
        where: What errors call it (`row 3 of dataset.json`).
        expected: What errors say is expected (`VtG's format`).

    Raises:
        FormatError: It is not an object.
    """

    row: Mapping[str, Any]
    where: str
    expected: str

    def __post_init__(self) -> None:
        if not isinstance(self.row, Mapping):
            raise FormatError(f"{self.where} is {type(self.row).__name__}; expected {self.expected}")

    def text(self, name: str) -> str:
        """A field as text, which may be written as a number.

        Raises:
            FormatError: There is none, or it is a list or an object.
        """
        value = self.row.get(name)
        if value is None:
            raise FormatError(f"{self.where} has no {name!r}; expected {self.expected}")
        if isinstance(value, (list, dict)):
            raise self.misfit(name, "a text")
        return str(value)

    def optional(self, name: str) -> str | None:
        """A field as text, None if there is none."""
        return None if self.row.get(name) is None else self.text(name)

    def texts(self, name: str, *, least: int = 1) -> tuple[str, ...]:
        """A field as texts.

        Raises:
            FormatError: It is not a list of at least `least` texts.
        """
        value = self.row.get(name)
        if (
            not isinstance(value, list)
            or len(value) < least
            or not all(isinstance(text, str) for text in value)
        ):
            raise self.misfit(name, "a list of texts")
        return tuple(value)

    def number(self, name: str, *, least: int) -> int:
        """A field as a whole number.

        Raises:
            FormatError: It is not one, or below `least`.
        """
        value = self.row.get(name)
        if type(value) is not int or value < least:
            raise self.misfit(name, f"a whole number from {least}")
        return value

    def flag(self, name: str) -> bool | None:
        """A field that is true or false, None if there is none.

        Raises:
            FormatError: It is something else.
        """
        value = self.row.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.misfit(name, "true or false")
        return value

    def within(self, name: str) -> Line:
        """A field that is an object.

        Raises:
            FormatError: It is not.
        """
        return Line(self.row.get(name), f"{name} in {self.where}", self.expected)  # type: ignore[arg-type]

    def misfit(self, name: str, expected: str) -> FormatError:
        """The error that a field is not what is expected."""
        shown = "missing" if name not in self.row else repr(self.row[name])[:60]
        return FormatError(f"{self.where}: {name} is {shown}; expected {expected}, as in {self.expected}")

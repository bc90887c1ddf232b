"""The fields of a row from outside have the type that they are asked for, or the row and the field are named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lema_hub.builders.importers.line import Line
from lema_hub.errors import FormatError


def line(**row: Any) -> Line:
    return Line(row, "row 3 of f.json", "the format")


def test_fields_are_read_by_their_types() -> None:
    found = line(a=18, b=["x"], c=2, d=False, e={"f": "g"}, n=None)
    assert (found.text("a"), found.texts("b"), found.number("c", least=2), found.flag("d")) == (
        "18",
        ("x",),
        2,
        False,
    )
    assert (found.within("e").text("f"), found.optional("n"), found.flag("n")) == ("g", None, None)


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda: line().text("a"), "row 3 of f.json has no 'a'; expected the format"),
        (lambda: line(a=["b"]).text("a"), "row 3 of f.json: a is ['b']; expected a text, as in the format"),
        (lambda: line(a={}).optional("a"), "a is {}; expected a text"),
        (lambda: line(a="b").texts("a"), "a is 'b'; expected a list of texts"),
        (lambda: line(a=[]).texts("a"), "a is []; expected a list of texts"),
        (lambda: line(a=[1]).texts("a"), "a is [1]; expected a list of texts"),
        (lambda: line().texts("a"), "a is missing; expected a list of texts"),
        (lambda: line(a=True).number("a", least=1), "a is True; expected a whole number from 1"),
        (lambda: line(a=0).number("a", least=1), "a is 0; expected a whole number from 1"),
        (lambda: line(a=1.0).number("a", least=1), "a is 1.0; expected a whole number from 1"),
        (lambda: line(a="false").flag("a"), "a is 'false'; expected true or false"),
        (lambda: line(a=[]).within("a"), "a in row 3 of f.json is list; expected the format"),
        (lambda: Line([], "row 3 of f.json", "the format"), "row 3 of f.json is list; expected the format"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(read: Callable[[], object], message: str) -> None:
    with pytest.raises(FormatError) as caught:
        read()
    assert message in str(caught.value)

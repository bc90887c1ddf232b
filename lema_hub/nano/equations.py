"""The equations that a step of a nano solution writes down, read in time linear in the step's length.

    >>> equations("Tom has 5 + 3 = 8 pens.")
    [Equation(x=5, op='+', y=3, value=8)]

Signs may be `x`, `×`, `÷` and `−`; `$`, thousands commas, decimals, negative numbers and brackets are
understood. Real problems are read by `lema_hub.builders.arithmetic`; here every operation counts, not only
whether an equation holds.

Trap: `5 + 3 = 8 - 2 = 6` is read as people write it, as a running total: 5 + 3 = 8, then 8 - 2 = 6.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from lema_hub.nano.program import Op

Number = int | Fraction
"""Whole numbers are `int`, all others `Fraction`; they compare and hash alike."""

_TOKEN = re.compile(
    r"(?P<number>[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?)"
    r"|(?P<word>[^\W\d_]+)|(?P<space>[\s$]+)|(?P<other>.)",
    re.DOTALL,
)
_OPS: dict[str, Op] = {"+": "+", "-": "-", "−": "-", "*": "*", "x": "*", "×": "*", "/": "/", "÷": "/"}
_TIGHT = ("*", "/")
_LONGEST_NUMBER, _MOST_OPERATIONS = 12, 16
"""Longer texts are not equations of word problems; the bounds keep values small."""

_Token = Number | str


@dataclass(frozen=True, slots=True)
class Equation:
    """`x op y = value` as it stands in a step; a chain gives one for each operation."""

    x: Number
    op: Op
    y: Number
    value: Number


def equations(text: str) -> list[Equation]:
    """The equations of a step, in the order of working them out; the last of a chain has the stated value.

    >>> [(e.x, e.op, e.y, e.value) for e in equations("She has 2 + 3 * 4 = 14 pens.")]
    [(3, '*', 4, 12), (2, '+', 12, 14)]
    """
    found: list[Equation] = []
    for run in _runs(text):
        sides = _split(run)
        for left, right in pairwise(sides):
            stated = next((token for token in right[:1] if not isinstance(token, str)), None)
            worked = _work_out(left)
            if stated is not None and worked:
                found += worked[:-1]
                last = worked[-1]
                found.append(Equation(last.x, last.op, last.y, stated))
    return found


def stated_number(text: str) -> Number | None:
    """The number that an answer states: the first one, or what follows the last `=`.

    >>> stated_number("$1,200 in all"), stated_number("3 + 4 = 7 pens")
    (1200, 7)
    """
    found: Number | None = None
    for run in _runs(text):
        for side in _split(run)[1 if found is not None else 0 :]:
            found = next((token for token in side if not isinstance(token, str)), found)
    return found


def exact(x: Number, op: Op, y: Number) -> Number | None:
    """`x op y` as an exact number; None for a division by zero."""
    if op == "/":
        return _whole(Fraction(x) / y) if y else None
    return _whole(Fraction(x + y if op == "+" else x - y if op == "-" else x * y))


def _runs(text: str) -> Iterator[list[_Token]]:
    """Numbers, operators, brackets and `=` that stand together, without words between them."""
    run: list[_Token] = []
    glued = -1  # where a minus ended that may be the sign of the number that follows
    for match in _TOKEN.finditer(text):
        kind, token = match.lastgroup, match[0]
        if kind == "space":
            continue
        if kind == "number" and sum(map(str.isdigit, token)) <= _LONGEST_NUMBER:
            digits = token.replace(",", "")
            number = int(digits) if digits.isdigit() else _whole(Fraction(digits))
            if glued == match.start() or (run[-2:-1] == ["="] and run[-1:] == ["-"]):
                run[-1] = -number
            else:
                if run and (not isinstance(run[-1], str) or run[-1] == ")"):
                    yield run
                    run = []
                run.append(number)
            glued = -1
        elif token in _OPS:
            starts = not run or (isinstance(run[-1], str) and run[-1] != ")")
            glued = match.end() if starts and _OPS[token] == "-" else -1
            run.append(_OPS[token])
        elif token in ("(", ")", "="):
            run.append(token)
        else:
            if run:
                yield run
            run = []
    if run:
        yield run


def _split(run: Sequence[_Token]) -> list[list[_Token]]:
    """The sides of a run of `=`."""
    sides: list[list[_Token]] = [[]]
    for piece in run:
        if piece == "=":
            sides.append([])
        else:
            sides[-1].append(piece)
    return sides


def _work_out(side: Sequence[_Token]) -> list[Equation]:
    """The operations of an expression as true equations, by two stacks; empty if it is not an expression."""
    first = next((k for k, piece in enumerate(side) if piece not in _OPS), len(side))  # a dash before it
    if sum(piece in _OPS for piece in side) > _MOST_OPERATIONS:
        return []
    numbers: list[Number] = []
    signs: list[str] = []
    done: list[Equation] = []
    try:
        for piece in side[first:]:
            if not isinstance(piece, str):
                numbers.append(piece)
            elif piece == "(":
                signs.append(piece)
            else:
                while signs and signs[-1] != "(" and (piece not in _TIGHT or signs[-1] in _TIGHT):
                    done.append(_apply(signs.pop(), numbers))
                if piece != ")":
                    signs.append(piece)
                elif signs:
                    signs.pop()
        while signs:
            if (sign := signs.pop()) != "(":  # one that is never closed does no harm
                done.append(_apply(sign, numbers))
    except ArithmeticError:
        return []
    return done if len(numbers) == 1 else []


def _apply(sign: str, numbers: list[Number]) -> Equation:
    """Replaces the last two numbers by their result."""
    if len(numbers) < 2:
        raise ArithmeticError(f"{sign!r} has no two numbers")
    y, x = numbers.pop(), numbers.pop()
    value = exact(x, _OPS[sign], y)
    if value is None:
        raise ZeroDivisionError
    numbers.append(value)
    return Equation(x, _OPS[sign], y, value)


def _whole(number: Fraction) -> Number:
    return number.numerator if number.denominator == 1 else number

"""The equations that stand in a step, re-executed exactly: no floats, no `eval`.

    >>> [(e.text, e.holds) for e in equations("He has 3 * $4 = $12 and then 12 - 5 = 8 left.")]
    [('3 * $4 = $12', True), ('12 - 5 = 8', False)]

It reads numbers with `+ - * / ^` and parentheses, and says nothing where a letter, a unit or LaTeX stands
between
them: precise and of low recall. What people write is accepted: a quotient rounded or cut to the decimals it
    is given
with, a percent sign that is or is not divided by 100, `50 / 1/2` for 50 halves, and running equations (`5 +
3 = 8 * 2 = 16`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise, product

_TOKEN = re.compile(
    r"(?P<number>(?<![\w.])(?<!\d,)[$€£]?\s?(?:\d{1,3}(?:,\d{3})+|\d{1,30})(?:\.\d{1,30})?(?:\s?%)?(?![A-Za-z_\d]))"
    r"|(?P<times>\\times|\\cdot|[×·*]|(?<=[\s\d)])[xX](?=\s*[$€£(]?\s?\d))"
    r"|(?P<operator>[-+/÷−^()])"
    r"|(?P<equals>=)"
    r"|(?P<space>\s+|[$€£])"
    r"|(?P<other>\w+|.)",
    re.DOTALL,
)
_NUMBER = re.compile(r"(?<![\w.])(?:\d{1,3}(?:,\d{3})+|\d{1,30})(?:\.\d{1,30})?(?!\d)")
_RESULT = re.compile(rf"=\s*[$€£]?\s*({_NUMBER.pattern})")
_OPERATORS = {"÷": "/", "−": "-"}
_FLOAT_NOISE = Fraction(1, 10**12)  # models copy 1.6666666666666665 from a calculator
_MAX_EXPONENT, _MAX_BASE = 20, 10**6


@dataclass(frozen=True, slots=True)
class Equation:
    """An equation as it is written, and whether it holds."""

    text: str
    holds: bool


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def equations(text: str) -> list[Equation]:
    """The equations between numbers in a text, in their order."""
    return [equation for run in _runs(text) for equation in _equations(run, text)]


def result(text: str) -> Fraction | None:
    """The number that a step computes: what stands after its last equal sign.

    >>> result("So 48 + 24 = $72 in all.")
    Fraction(72, 1)
    """
    stated = _RESULT.findall(text)
    return Fraction(stated[-1].replace(",", "")) if stated else None


def numbers(text: str) -> set[Fraction]:
    """All plain numbers in a text."""
    return {Fraction(number.replace(",", "")) for number in _NUMBER.findall(text)}


def _runs(text: str) -> Iterator[list[_Token]]:
    """The maximal runs of numbers, operators and equal signs."""
    run: list[_Token] = []
    for match in _TOKEN.finditer(text):
        kind = str(match.lastgroup)
        if kind == "space":
            continue
        if kind == "other":
            yield run
            run = []
            continue
        symbol = "*" if kind == "times" else _OPERATORS.get(match[0], match[0])
        kind = "operator" if kind == "times" else kind
        run.append(_Token(kind, symbol.strip(), match.start(), match.end()))
    yield run


def _equations(run: Sequence[_Token], text: str) -> Iterator[Equation]:
    sides: list[list[_Token]] = [[]]
    for token in run:
        if token.kind == "equals":
            sides.append([])
        else:
            sides[-1].append(token)
    for left, right in pairwise(sides):
        if sum(token.kind == "number" for token in left) < 2:
            continue  # `x = 5` and `5 = 5` claim nothing
        holds = _hold(left, right)
        if holds is not None:
            yield Equation(text[left[0].start : right[-1].end].strip(), holds)


def _hold(left: Sequence[_Token], right: Sequence[_Token]) -> bool | None:
    """Whether two sides are equal in any reading of their percent signs; None if one cannot be read."""
    percents = [Fraction(1)]
    if any("%" in token.text for token in (*left, *right)):
        percents.append(Fraction(1, 100))
    known = False
    for percent, tight in product(percents, (False, True)):
        values = [_Reader(side, percent, tight).value() for side in (left, right)]
        if values[0] is None or values[1] is None:
            continue
        known = True
        first, stated = values[0], right[0]
        rounds = "/" in {token.text for token in left} or any("." in t.text or "%" in t.text for t in left)
        if first == values[1] or (rounds and len(right) == 1 and _rounded(first, stated.text, percent)):
            return True
        # A running equation: what follows the first number of the right side belongs to the next thought.
        if len(right) > 1 and stated.kind == "number" and first == _number(stated.text, percent):
            return True
    return False if known else None


def _rounded(exact: Fraction, stated: str, percent: Fraction) -> bool:
    """Whether `stated` is `exact`, rounded or cut to the decimals that it is given with."""
    decimals = len(stated.rstrip(" %").partition(".")[2])
    unit = Fraction(1, 10**decimals) * (percent if "%" in stated else 1)
    return abs(exact - _number(stated, percent)) < max(unit, abs(exact) * _FLOAT_NOISE)


def _number(text: str, percent: Fraction) -> Fraction:
    value = Fraction(text.strip("$€£% ").replace(",", ""))
    return value * percent if "%" in text else value


class _Reader:
    """Recursive descent over one side: sums of products of powers; `tight` reads `1/2` as one number."""

    def __init__(self, tokens: Sequence[_Token], percent: Fraction, tight: bool) -> None:
        self._tokens, self._percent, self._tight, self._at = tokens, percent, tight, 0

    def value(self) -> Fraction | None:
        """The value of the side; None if it is not a complete expression."""
        try:
            value = self._sum()
        except (ArithmeticError, IndexError, ValueError, RecursionError):
            return None
        return value if self._at == len(self._tokens) else None

    def _next(self, *symbols: str) -> str | None:
        if self._at < len(self._tokens) and self._tokens[self._at].text in symbols:
            self._at += 1
            return self._tokens[self._at - 1].text
        return None

    def _sum(self) -> Fraction:
        value = self._product()
        while symbol := self._next("+", "-"):
            other = self._product()
            value = value + other if symbol == "+" else value - other
        return value

    def _product(self) -> Fraction:
        value = self._power()
        while symbol := self._next("*", "/"):
            other = self._power()
            value = value * other if symbol == "*" else value / other
        return value

    def _power(self) -> Fraction:
        value = self._atom()
        if self._next("^"):
            exponent = self._atom()
            if exponent.denominator != 1 or not 0 <= exponent <= _MAX_EXPONENT or abs(value) > _MAX_BASE:
                raise ValueError
            value **= int(exponent)
        return Fraction(value)

    def _atom(self) -> Fraction:
        token = self._tokens[self._at]
        self._at += 1
        if token.text == "(":
            value = self._sum()
            if self._next(")") is None:
                raise ValueError
            return value
        if (
            token.text == "-" and self._tokens[self._at].start == token.end
        ):  # a sign stands close to its number
            return -self._atom()
        if token.kind != "number":
            raise ValueError
        value = _number(token.text, self._percent)
        if self._tight and self._is_tight(self._at):  # `50 / 1/2` is 50 halves
            self._at += 2
            value /= _number(self._tokens[self._at - 1].text, self._percent)
        return value

    def _is_tight(self, at: int) -> bool:
        """Whether a slash and a number follow without a space."""
        if at + 1 >= len(self._tokens):
            return False
        before, slash, after = self._tokens[at - 1 : at + 2]
        touching = before.end == slash.start and slash.end == after.start
        return slash.text == "/" and after.kind == "number" and touching

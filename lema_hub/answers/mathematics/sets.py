r"""Sets of real numbers: intervals, unions, inequalities, points; open and closed ends differ.

>>> from lema_hub.answers.mathematics.reading import read
>>> same_set(to_set(read("x>3 or x<2")), to_set(read("x<2 or x>3")))
True
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from lema_hub.answers.mathematics import exact, numeric, trees
from lema_hub.answers.mathematics.scalars import same_tree
from lema_hub.answers.mathematics.trees import MINUS_ONE, Tree
from lema_hub.answers.mathematics.values import FLIPPED, Relation, Scalar, Sequence, Union, Value

INFINITY: Tree = ("c", "infty")
_MINUS_INFINITY: Tree = ("*", MINUS_ONE, INFINITY)


@dataclass(frozen=True, slots=True)
class Piece:
    """An interval from `low` to `high` (floats, for order) with the exact ends and whether they belong to
    it.
    """

    low: float
    high: float
    low_tree: Tree
    high_tree: Tree
    low_closed: bool
    high_closed: bool


@dataclass(frozen=True, slots=True)
class RealSet:
    """Disjoint pieces from left to right; `variable` is the letter of the inequality they came from."""

    pieces: tuple[Piece, ...]
    variable: str | None = None


def _end(value: Value) -> tuple[float, Tree] | None:
    if not isinstance(value, Scalar) or value.percent:
        return None
    number = numeric.real(value.tree)
    return None if number is None else (number, value.tree)


def _piece(low: Value, high: Value, low_closed: bool, high_closed: bool) -> Piece | None:
    start, stop = _end(low), _end(high)
    if start is None or stop is None or start[0] > stop[0]:
        return None
    if start[0] == stop[0] and not (low_closed and high_closed):
        return None
    return Piece(
        start[0],
        stop[0],
        start[1],
        stop[1],
        low_closed and start[0] > -math.inf,
        high_closed and stop[0] < math.inf,
    )


def _merged(pieces: list[Piece]) -> tuple[Piece, ...]:
    """Pieces in order; pieces that overlap or touch without a gap are joined."""
    merged: list[Piece] = []
    for piece in sorted(pieces, key=lambda piece: (piece.low, not piece.low_closed, piece.high)):
        last = merged[-1] if merged else None
        if last is not None and (
            piece.low < last.high or (piece.low == last.high and (piece.low_closed or last.high_closed))
        ):
            if piece.high > last.high or (piece.high == last.high and piece.high_closed):
                merged[-1] = Piece(
                    last.low, piece.high, last.low_tree, piece.high_tree, last.low_closed, piece.high_closed
                )
        else:
            merged.append(piece)
    return tuple(merged)


def _intersection(left: tuple[Piece, ...], right: tuple[Piece, ...]) -> tuple[Piece, ...]:
    common: list[Piece] = []
    for a in left:
        for b in right:
            start = max(a, b, key=lambda piece: (piece.low, not piece.low_closed))
            stop = min(a, b, key=lambda piece: (piece.high, piece.high_closed))
            if start.low < stop.high or (start.low == stop.high and start.low_closed and stop.high_closed):
                common.append(
                    Piece(
                        start.low,
                        stop.high,
                        start.low_tree,
                        stop.high_tree,
                        start.low_closed,
                        stop.high_closed,
                    )
                )
    return _merged(common)


def _linear(left: Value, operator: str, right: Value, name: str | None) -> tuple[str, str, Scalar] | None:
    """`a*x + b < c*x + d` solved for its only symbol: the symbol, the operator, the bound."""
    if not isinstance(right, Scalar) or not (isinstance(left, Scalar) or name):
        return None
    if name and (not isinstance(left, Scalar) or left.tree[0] != "s"):
        return (name, operator, right) if not trees.symbols(right.tree) else None
    if not isinstance(left, Scalar):
        return None
    names = trees.symbols(left.tree) | trees.symbols(right.tree)
    if len(names) != 1:
        return None
    [symbol] = names
    if left.tree == ("s", symbol) and not trees.symbols(right.tree):
        return symbol, operator, right
    if trees.contains(right.tree, "infty"):
        return None
    try:
        form = exact.evaluate(("+", left.tree, ("*", MINUS_ONE, right.tree)))
    except (exact.TooLargeError, ZeroDivisionError):
        return None
    slope, rest = form.top.get(frozenset({(symbol, Fraction(1))})), form.top.get(exact.ONE, Fraction(0))
    if slope is None or len(form.top) > 2 or form.bottom != {exact.ONE: Fraction(1)}:
        return None
    if len(form.top) == 2 and exact.ONE not in form.top:
        return None
    return symbol, operator if slope > 0 else FLIPPED[operator], Scalar(("n", -rest / slope, 0))


def _from_relation(relation: Relation) -> RealSet | None:
    operators, sides, names = relation.operators, relation.sides, relation.names
    if operators == ("in",):
        members = to_set(sides[1])
        return None if members is None else RealSet(members.pieces, names[0])
    if not set(operators) <= set(FLIPPED):
        return None
    if len(operators) == 1:
        solved = _linear(sides[0], operators[0], sides[1], names[0]) or _linear(
            sides[1], FLIPPED[operators[0]], sides[0], names[1]
        )
        if solved is None:
            return None
        variable, operator, bound = solved
        if operator in ("<", "<="):
            piece = _piece(Scalar(_MINUS_INFINITY), bound, False, operator == "<=")
        else:
            piece = _piece(bound, Scalar(INFINITY), operator == ">=", False)
        return None if piece is None else RealSet((piece,), variable)
    if len(operators) == 2 and names[1]:
        low, high = sides[0], sides[2]
        first, second = operators
        if first in (">", ">=") and second in (">", ">="):
            low, high, first, second = high, low, FLIPPED[second], FLIPPED[first]
        if first in ("<", "<=") and second in ("<", "<="):
            piece = _piece(low, high, first == "<=", second == "<=")
            return None if piece is None else RealSet((piece,), names[1])
    return None


def to_set(value: Value) -> RealSet | None:
    """The set of real numbers that an answer denotes, or None if it is not a set whose ends can be ordered."""
    if isinstance(value, Relation):
        return _from_relation(value)
    if isinstance(value, Sequence):
        if value.kind in ("both", "conditions"):
            parts = [to_set(item) for item in value.items]
            known = [part for part in parts if part is not None]
            if len(known) != len(parts) or len({part.variable for part in known}) != 1:
                return None
            pieces = known[0].pieces
            for part in known[1:]:
                pieces = _intersection(pieces, part.pieces)
            if not pieces and value.kind == "conditions":  # `x < 2, x > 3` can only be meant as `or`
                pieces = _merged([piece for part in known for piece in part.pieces])
            return RealSet(pieces, known[0].variable)
        if value.kind == "tuple":
            if len(value.items) != 2:
                return None
            piece = _piece(value.items[0], value.items[1], value.opening == "[", value.closing == "]")
            return None if piece is None else RealSet((piece,))
        if value.kind == "set":
            points = [_piece(item, item, True, True) for item in value.items]
            found = [point for point in points if point is not None]
            return RealSet(_merged(found)) if len(found) == len(points) else None
        return None
    if isinstance(value, Union):
        parts = [to_set(part) for part in value.parts]
        known = [part for part in parts if part is not None]
        variables = {part.variable for part in known}
        if len(known) != len(parts) or len(variables) > 1:
            return None
        pieces = _merged([piece for part in known for piece in part.pieces])
        return RealSet(pieces, next(iter(variables), None))
    return None


def is_set_like(value: Value) -> bool:
    """Whether an answer can only be meant as a set of real numbers."""
    if isinstance(value, Union):
        return True
    if isinstance(value, Relation):
        return value.operators[0] not in ("=", "==", "~")
    if isinstance(value, Sequence):
        return value.kind in ("both", "conditions") or (
            value.kind == "tuple" and value.opening + value.closing in ("[)", "(]")
        )
    return False


def same_set(left: RealSet | None, right: RealSet | None) -> bool | None:
    """Whether two sets are the same, end by end; None if one is None or an end could not be settled."""
    if left is None or right is None:
        return None
    if left.variable and right.variable and left.variable != right.variable:
        return False
    if len(left.pieces) != len(right.pieces):
        return False
    unsettled = False
    for a, b in zip(left.pieces, right.pieces, strict=True):
        if (a.low_closed, a.high_closed) != (b.low_closed, b.high_closed):
            return False
        for one, other in ((a.low_tree, b.low_tree), (a.high_tree, b.high_tree)):
            finding = same_tree(one, other)
            if finding == "different":
                return False
            unsettled = unsettled or finding == "unknown"
    return None if unsettled else True

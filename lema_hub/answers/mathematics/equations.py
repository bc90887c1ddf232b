r"""Equations and inequalities: when two are the same, and when one is only a name for a value.

>>> from lema_hub.answers.mathematics.reading import read
>>> assigned(read("x = 5")) == read("5")
True
"""

from __future__ import annotations

from lema_hub.answers.mathematics import exact, numeric
from lema_hub.answers.mathematics.findings import Finding, known
from lema_hub.answers.mathematics.lists import Same, Values, same_ordered
from lema_hub.answers.mathematics.scalars import trusts_values
from lema_hub.answers.mathematics.trees import MINUS_ONE, Tree
from lema_hub.answers.mathematics.values import FLIPPED, Relation, Scalar, Value


def assigned(relation: Relation) -> Value | None:
    """The right side of `x = 5`, `f(x) = ...`, `5 = x`, or of a correct sum, `10 * 6 = 60`.

    None if the equation is more than a name for a value.
    """
    if relation.operators == ("in",):
        return relation.sides[1]
    if set(relation.operators) == {"="} and _is_right_sum(relation.sides):
        return relation.sides[-1]
    if relation.operators != ("=",):
        return None
    left, right = relation.sides
    if relation.names[0] is not None:
        return right
    return None if relation.names[1] is None else left


def _is_right_sum(sides: Values) -> bool:
    """Whether all sides are one and the same rational number."""
    numbers = set()
    for side in sides:
        if not isinstance(side, Scalar) or (side is not sides[-1] and (side.unit or side.percent)):
            return False
        try:
            numbers.add(exact.evaluate(side.tree).constant())
        except (exact.TooLargeError, ZeroDivisionError, RecursionError):
            return False
    return len(numbers) == 1 and None not in numbers


def same_relation(gold: Relation, pred: Relation, same: Same) -> Finding:
    """Compare two equations or inequalities: chains side by side, single ones up to a constant factor."""
    if len(gold.operators) != len(pred.operators):
        return "different"
    if len(gold.operators) > 1:
        return _same_chain(gold, pred, same)
    both_named = gold.names[0] is not None and pred.names[0] is not None
    if both_named and same_ordered(gold.sides, pred.sides, same) == "equal":
        return known(gold.operators == pred.operators)
    if gold.operators == pred.operators == ("=",) and gold.names[0] and gold.names[0] == pred.names[0]:
        return same(gold.sides[1], pred.sides[1])  # `f(n) = 1` and `f(x) = 1`
    one, other = _difference(gold), _difference(pred)
    if one is not None and other is not None:
        return _same_difference(one, gold.operators[0], other, pred.operators[0])
    if gold.names[0] is None or pred.names[0] is None:
        return "unknown"
    return (
        same(gold.sides[1], pred.sides[1]) if gold.names[0].lower() == pred.names[0].lower() else "different"
    )


def _same_chain(gold: Relation, pred: Relation, same: Same) -> Finding:
    """`a < x < b`, read in either direction."""
    finding: Finding = "different"
    if gold.operators == pred.operators:
        finding = same_ordered(gold.sides, pred.sides, same)
    if finding == "different" and gold.operators == tuple(
        FLIPPED.get(m, m) for m in reversed(pred.operators)
    ):
        finding = same_ordered(gold.sides, pred.sides[::-1], same)
    return finding


def _difference(relation: Relation) -> Tree | None:
    """The left side minus the right side."""
    left, right = relation.sides[0], relation.sides[-1]
    if isinstance(left, Scalar) and isinstance(right, Scalar):
        return ("+", left.tree, ("*", MINUS_ONE, right.tree))
    return None


def _same_difference(one: Tree, mark: str, other: Tree, other_mark: str) -> Finding:
    """Whether `one mark 0` and `other other_mark 0` differ by a constant factor, with its sign in mind."""
    sign = 1
    if mark != other_mark:
        if mark == "!=" or FLIPPED.get(mark) != other_mark:
            return "different"
        sign = -1
    try:
        if mark in ("=", "!=") and exact.same_zeros(exact.evaluate(one), exact.evaluate(other)):
            return "equal"
    except (exact.TooLargeError, ZeroDivisionError, RecursionError):
        pass
    ratios = []
    for point in range(numeric.POINTS):
        values = numeric.value(one, point=point), numeric.value(other, point=point)
        if values[0] is None or values[1] is None or abs(values[0]) < 1e-9 or abs(values[1]) < 1e-9:
            continue
        ratios.append(values[0] / values[1])
    if len(ratios) < 2:
        return "unknown"
    if any(abs(ratio - ratios[0]) > 1e-9 * abs(ratios[0]) for ratio in ratios):
        return "different"
    if mark in ("=", "!="):
        return "equal" if trusts_values(one, other) else "unknown"
    return known(ratios[0].real * sign > 0 and abs(ratios[0].imag) < 1e-9)

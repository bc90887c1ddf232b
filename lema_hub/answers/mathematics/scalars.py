r"""Whether two formulas, with their units and percent signs, are the same.

    >>> from lema_hub.answers.mathematics.syntax import parse
    >>> from lema_hub.answers.mathematics.tokens import tokenize
    >>> same_tree(parse(tokenize("27648")), parse(tokenize("27649")))
    'different'

Equality is proved by canonical forms (`exact`). Where these fail, values at fixed points that agree to ten
digits prove it, but only if the formulas contain no number above ten million: a tolerance must not hide an
integer that differs.
"""

from __future__ import annotations

import re
from fractions import Fraction

from lema_hub.answers.mathematics import exact, numeric, trees
from lema_hub.answers.mathematics.findings import Finding
from lema_hub.answers.mathematics.trees import MINUS_ONE, Tree, has_plus_minus, with_sign
from lema_hub.answers.mathematics.values import Scalar, Unit

_LARGEST_TRUSTED = 10**7
_MIN_PLACES = 4
_DEGREES = Unit((("angle", 1),))
_RADIANS = Unit((("radian", 1),))


def _literal(tree: Tree) -> tuple[Fraction, int] | None:
    """Value and decimal places of a decimal that is written out."""
    if tree[0] == "n":
        return tree[1], tree[2]
    if tree[0] == "*" and tree[1] == MINUS_ONE and len(tree) == 3 and tree[2][0] == "n":
        return -tree[2][1], tree[2][2]
    return None


def _rounds_to(decimal: Tree, other: Tree, constant: Fraction | None) -> bool:
    """Whether a written decimal is the correct rounding of a number that has no decimal form as short."""
    literal = _literal(decimal)
    if literal is None or literal[1] < _MIN_PLACES:
        return False
    number, places = literal
    if len(str(abs(number.numerator * 10**places // number.denominator))) < _MIN_PLACES:
        return False
    if constant is not None:
        if (constant * 10**places).denominator == 1:
            # as many places as the exact value has: the same number or not, but for a float's last digits
            return bool(places >= 12 and abs(number - constant) * 10**14 <= abs(constant))
        return bool(abs(number - constant) * 2 * 10**places <= 1)
    if trees.symbols(other):
        return False
    real = numeric.real(other)
    if real is None or real in (float("inf"), float("-inf")):
        return False
    return bool(abs(float(number) - real) <= 0.5 * 10.0**-places + 4e-16 * abs(real))


def trusts_values(left: Tree, right: Tree) -> bool:
    """Whether values that agree prove equality; a tolerance could hide the difference of two large integers."""
    return max(trees.largest_integer(left), trees.largest_integer(right)) <= _LARGEST_TRUSTED


def same_tree(left: Tree, right: Tree) -> Finding:
    """Compare two trees: exactly where possible, by their values where not.

    Returns:
        `unknown` if they may be equal but it is not proved.
    """
    if left == right:
        return "equal"
    if has_plus_minus(left) or has_plus_minus(right):
        return _same_branches(left, right)
    constants: list[Fraction | None] = [None, None]
    try:
        budget_left, budget_right = exact.evaluate(left), exact.evaluate(right)
        constants = [budget_left.constant(), budget_right.constant()]
        if None not in constants:
            if constants[0] == constants[1]:
                return "equal"
        elif exact.equal_forms(budget_left, budget_right):
            return "equal"
    except (exact.TooLargeError, ZeroDivisionError, RecursionError):
        pass
    if _rounds_to(left, right, constants[1]) or _rounds_to(right, left, constants[0]):
        return "equal"
    if None not in constants:
        return "different"
    infinite = [numeric.real(tree) if trees.contains(tree, "infty") else None for tree in (left, right)]
    if infinite != [None, None]:
        return "equal" if infinite[0] == infinite[1] else "different"
    verdict = numeric.agree(left, right)
    if verdict == "agree" and trusts_values(left, right):
        return "equal"
    if verdict == "unknown":
        sizes = [numeric.value(left), numeric.value(right)]
        if sizes.count(None) == 1 or (
            sizes.count(None) == 2 and not (trees.symbols(left) or trees.symbols(right))
        ):
            return "different"  # beyond what a float holds, and not the same form
        if None not in sizes and trees.symbols(left) != trees.symbols(right):
            return "different"
    return "different" if verdict == "differ" else "unknown"


def _same_branches(left: Tree, right: Tree) -> Finding:
    r"""`a \pm b` is the pair of its branches, in either order."""
    if has_plus_minus(left) != has_plus_minus(right):
        return "different"
    straight = [same_tree(with_sign(left, sign), with_sign(right, sign)) for sign in (1, -1)]
    crossed = [same_tree(with_sign(left, sign), with_sign(right, -sign)) for sign in (1, -1)]
    for pair in (straight, crossed):
        if pair == ["equal", "equal"]:
            return "equal"
    return "unknown" if "unknown" in straight + crossed else "different"


def _scaled(tree: Tree, factor: Fraction) -> Tree:
    return tree if factor == 1 else ("*", ("n", factor, 0), tree)


def _mentions_percent(question: str | None) -> bool | None:
    return None if question is None else bool(re.search(r"%|percent", question, re.IGNORECASE))


def _same_percent(percentage: Tree, bare: Tree, question: str | None) -> Finding:
    """A percentage against a number without the sign."""
    hundredth = same_tree(("/", percentage, ("n", Fraction(100), 0)), bare)
    if hundredth != "different":
        return hundredth
    size = numeric.real(percentage)
    asked = _mentions_percent(question)
    if asked or (asked is None and size is not None and abs(size) >= 1 and size.is_integer()):
        return same_tree(percentage, bare)
    return "different"


def _angle(scalar: Scalar) -> Tree:
    return ("deg", scalar.tree) if scalar.unit == _DEGREES else scalar.tree


def _is_radian_like(scalar: Scalar) -> bool:
    return (
        scalar.unit == _RADIANS
        or (scalar.unit is None and trees.contains(scalar.tree, "pi"))
        or _has_degrees(scalar.tree)
    )


def _has_degrees(tree: Tree) -> bool:
    return tree[0] == "deg" or any(_has_degrees(part) for part in tree[1:] if isinstance(part, tuple))


def same_scalar(gold: Scalar, pred: Scalar, *, question: str | None = None) -> Finding:
    """Compare two formulas with their units; a unit that only one of them has does not count."""
    if gold.percent != pred.percent:
        percentage, bare = (gold, pred) if gold.percent else (pred, gold)
        if bare.unit is not None:
            return "different"
        return _same_percent(percentage.tree, bare.tree, question)
    for one, other in ((gold, pred), (pred, gold)):
        if one.unit == _DEGREES and other.unit != _DEGREES and _is_radian_like(other):
            return same_tree(_angle(gold), _angle(pred))
    if gold.unit and pred.unit and gold.unit.kinds is not None and pred.unit.kinds is not None:
        if gold.unit.kinds != pred.unit.kinds:
            return "different"
        if gold.unit.size != pred.unit.size:
            return same_tree(_scaled(gold.tree, gold.unit.size), _scaled(pred.tree, pred.unit.size))
    return same_tree(gold.tree, pred.tree)

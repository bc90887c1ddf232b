r"""Formulas as trees, and what can be said of one without computing it.

A tree is nested tuples: `("n", Fraction, decimals)`, `("s", name)`, `("c", "pi")`, `("+", a, b, ...)`,
`("*", a, b, ...)`, `("/", a, b)`, `("^", a, b)`, `("f", name, a, ...)`, `("pm", 1 or -1)` (a factor that is
+1 and -1, or -1 and +1), `("deg", a)`.

    >>> symbols(("+", ("s", "x"), ("s", "y"))) == {"x", "y"}
    True
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

Tree = tuple[Any, ...]

MINUS_ONE: Tree = ("n", Fraction(-1), 0)


def negated(tree: Tree) -> Tree:
    """Minus the tree."""
    return ("n", -tree[1], tree[2]) if tree[0] == "n" else ("*", MINUS_ONE, tree)


def has_plus_minus(tree: Tree) -> bool:
    """Whether the tree stands for two values."""
    return tree[0] == "pm" or any(has_plus_minus(part) for part in tree[1:] if isinstance(part, tuple))


def with_sign(tree: Tree, sign: int) -> Tree:
    """One branch of a tree with plus-minus."""
    if tree[0] == "pm":
        return ("n", Fraction(tree[1] * sign), 0)
    return tuple(with_sign(part, sign) if isinstance(part, tuple) else part for part in tree)


def symbols(tree: Tree) -> frozenset[str]:
    """The names of the symbols in a tree."""
    if tree[0] == "s":
        return frozenset({tree[1]})
    found: frozenset[str] = frozenset()
    for part in tree[1:]:
        if isinstance(part, tuple):
            found |= symbols(part)
    return found


def contains(tree: Tree, name: str) -> bool:
    """Whether a function or a constant of this name occurs in the tree."""
    if tree[0] in ("f", "c") and tree[1] == name:
        return True
    return any(contains(part, name) for part in tree[1:] if isinstance(part, tuple))


def largest_integer(tree: Tree) -> int:
    """The largest whole number or denominator written in the tree."""
    if tree[0] == "n":
        return int(max(abs(tree[1].numerator), tree[1].denominator))
    parts: list[int] = [0]
    parts += [largest_integer(part) for part in tree[1:] if isinstance(part, tuple)]
    return max(parts)

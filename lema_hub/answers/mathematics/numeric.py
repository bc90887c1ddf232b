"""Values of trees at fixed points, to distinguish formulas and to check approximations.

    >>> from lema_hub.answers.mathematics.syntax import parse
    >>> from lema_hub.answers.mathematics.tokens import tokenize
    >>> value(parse(tokenize("1 - x")), point=0) is not None
    True

The points depend on the symbols' names only, so a verdict is the same in every process. Trap: equal values
at three points do not prove that formulas are equal; `agree` says how close they are, and `scalars` decides
whether that is enough.
"""

from __future__ import annotations

import cmath
import math
import zlib
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from lema_hub.answers.mathematics.trees import Tree, contains, symbols

POINTS = 3


@dataclass(slots=True)
class _Scale:
    """The largest term of a sum, which bounds the rounding error of what cancels."""

    largest: float = 0.0


def _symbol(name: str, point: int) -> complex:
    seed = zlib.crc32(f"{name}/{point}".encode("utf-8", "surrogatepass"))
    size = 0.3 + (seed % 999_983) / 999_983 * 2.1
    return complex(-size if point == POINTS else size)


def _root(radicand: complex, degree: float) -> complex:
    if radicand == 0:
        return 0j
    if radicand.imag == 0 and radicand.real < 0 and degree == round(degree) and round(degree) % 2:
        return complex(-((-radicand.real) ** (1 / degree)))
    return cmath.exp(cmath.log(radicand) / degree)


def _power(base: complex, exponent: complex) -> complex:
    if exponent.imag == 0 and exponent.real == round(exponent.real) and abs(exponent.real) < 2**31:
        return base ** int(exponent.real)
    if base.imag == 0 and base.real < 0 and exponent.imag == 0:
        near = Fraction(exponent.real).limit_denominator(99)
        if abs(near - Fraction(exponent.real)) < Fraction(1, 10**12) and near.denominator % 2:
            return complex((-1) ** (near.numerator % 2) * (-base.real) ** exponent.real)
    return base**exponent


def _trigonometric(name: str, x: complex) -> complex:
    if name in ("sec", "csc", "cot"):
        return 1 / {"sec": cmath.cos, "csc": cmath.sin, "cot": cmath.tan}[name](x)
    known = {
        "sin": cmath.sin, "cos": cmath.cos, "tan": cmath.tan, "arcsin": cmath.asin, "arccos": cmath.acos,
        "arctan": cmath.atan,
        "ln": cmath.log,
    }  # fmt: skip
    if name not in known:
        raise ValueError(name)
    return known[name](x)


def _function(name: str, parts: list[complex]) -> complex:
    x = parts[0]
    if name == "root":
        return _root(x, parts[1].real)
    if name == "abs":
        return complex(abs(x))
    if name == "log":
        return cmath.log(x) / (cmath.log(parts[1]) if len(parts) > 1 else math.log(10))
    if name in ("floor", "ceil"):
        return complex(math.floor(x.real + 1e-12) if name == "floor" else math.ceil(x.real - 1e-12))
    if name == "factorial":
        return complex(math.gamma(x.real + 1))
    if name == "binomial":
        n, k = x.real, parts[1].real
        return complex(math.exp(math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)))
    return _trigonometric(name, x)


def _evaluate(tree: Tree, point: int, scale: _Scale) -> complex:
    kind = tree[0]
    if kind == "n":
        result = complex(tree[1].numerator / tree[1].denominator)
    elif kind == "s":
        return _symbol(tree[1], point)
    elif kind == "c":
        return {"pi": complex(math.pi), "e": complex(math.e), "i": 1j, "infty": complex(math.inf)}[tree[1]]
    elif kind == "pm":
        raise ValueError("plus-minus stands for two values")
    else:
        parts = [_evaluate(part, point, scale) for part in (tree[2:] if kind == "f" else tree[1:])]
        if kind == "+":
            scale.largest = max(scale.largest, *map(abs, parts))
            result = sum(parts)
        elif kind == "*":
            result = math.prod(parts, start=complex(1))
        elif kind == "/":
            result = parts[0] / parts[1]
        elif kind == "^":
            result = _power(parts[0], parts[1])
        elif kind == "deg":
            result = parts[0] * math.pi / 180
        else:
            result = _function(tree[1], parts)
            scale.largest = max(scale.largest, 1.0)
    return result


def value(tree: Tree, *, point: int = 0) -> complex | None:
    """The value of a tree at a point; None if it has no value that a float can hold."""
    try:
        result = _evaluate(tree, point, _Scale())
    except (ArithmeticError, ValueError, RecursionError, TypeError):
        return None
    return result if cmath.isfinite(result) else None


def real(tree: Tree) -> float | None:
    """The value of a tree without symbols if it is real; infinities included."""
    if tree == ("c", "infty"):
        return math.inf
    if tree[0] == "*" and tree[1][0] == "n" and tree[1][1] == -1 and tree[2:] == (("c", "infty"),):
        return -math.inf
    if symbols(tree):
        return None
    result = value(tree)
    if result is None or abs(result.imag) > 1e-9 * max(1.0, abs(result.real)):
        return None
    return result.real


def agree(left: Tree, right: Tree) -> Literal["agree", "differ", "unknown"]:
    """Compare two trees at fixed points of their symbols.

    Returns:
        `differ` if they differ by more than rounding at any point, `agree` if they are within rounding at
        all of them, `unknown` if a value is missing or the difference is too close to rounding to call.
    """
    names = symbols(left) | symbols(right)
    points = list(range(POINTS)) if names else [0]
    if names and (contains(left, "abs") != contains(right, "abs")):
        points.append(POINTS)
    compared = 0
    for point in points:
        scale = _Scale()
        try:
            a = _evaluate(left, point, scale)
            b = _evaluate(right, point, scale)
        except (ArithmeticError, ValueError, RecursionError, TypeError):
            continue
        if not (cmath.isfinite(a) and cmath.isfinite(b)):
            continue
        size = max(abs(a), abs(b))
        gap = abs(a - b)
        if gap > 1e-7 * size + 1e-11 * scale.largest:
            return "differ"
        if gap > 1e-10 * size + 1e-13 * scale.largest:
            return "unknown"
        compared += 1
    return "agree" if compared >= min(2, len(points)) else "unknown"

r"""The kinds of value that an answer can be: a number with its unit, a tuple, a relation, a matrix, words, ...

Trap: `(a,b)` is a point or an open interval; it stays a tuple until it is compared with a set.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from lema_hub.answers.mathematics.clock import Clock
from lema_hub.answers.mathematics.trees import Tree


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: sorted kinds with powers and the size in base units; `kinds` is None if a word
    is unknown.
    """

    kinds: tuple[tuple[str, int], ...] | None
    size: Fraction = Fraction(1)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A formula, with its unit if it has one; of a percentage the number before the sign."""

    tree: Tree
    unit: Unit | None = None
    percent: bool = False


@dataclass(frozen=True, slots=True)
class Sequence:
    """A tuple or interval (its brackets kept), a bare list, or a set in braces."""

    kind: str
    items: tuple[Value, ...]
    opening: str = ""
    closing: str = ""


@dataclass(frozen=True, slots=True)
class Relation:
    """A chain `a < x <= b` or `x = 1 + 1 = 2`; `names` tells which sides are only a name (`x`, `f(x)`,
    `AB`).
    """

    sides: tuple[Value, ...]
    operators: tuple[str, ...]
    names: tuple[str | None, ...]


FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "!=": "!="}
"""What a relation becomes when its sides change places."""


@dataclass(frozen=True, slots=True)
class Union:
    r"""Sets joined by `\cup`, or inequalities joined by `or`."""

    parts: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of formulas; `kind` is `matrix`, or `determinant` for vertical bars."""

    rows: tuple[tuple[Tree, ...], ...]
    kind: str = "matrix"


@dataclass(frozen=True, slots=True)
class Ratio:
    """`a : b : c`."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Based:
    """Digits in a base other than the implied ten, `52_8`."""

    digits: str
    base: int


@dataclass(frozen=True, slots=True)
class Words:
    """A text answer, in lower case, without articles and punctuation."""

    text: str


Value = Scalar | Sequence | Relation | Union | Matrix | Ratio | Based | Words | Clock

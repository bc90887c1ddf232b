r"""Whether two values are the same answer: every kind of value against every other.

>>> from lema_hub.answers.mathematics.reading import read
>>> same(read("(3,4]"), read("(3,4)"))
'different'
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from lema_hub.answers.mathematics.clock import Clock
from lema_hub.answers.mathematics.equations import assigned, same_relation
from lema_hub.answers.mathematics.findings import Finding, all_of, known
from lema_hub.answers.mathematics.lists import (
    branches,
    distinct,
    same_ordered,
    same_sequence,
    same_unordered,
)
from lema_hub.answers.mathematics.scalars import same_scalar, same_tree
from lema_hub.answers.mathematics.sets import is_set_like, same_set, to_set
from lema_hub.answers.mathematics.trees import Tree
from lema_hub.answers.mathematics.values import Based, Matrix, Ratio, Relation, Scalar, Sequence, Value, Words

_ORDER_ASKED = re.compile(
    r"\b(?:ordered|respectively|order from|from (?:least|smallest|largest|greatest)"
    r"|in (?:increasing|decreasing|ascending|descending|alphabetical|that|this|order))\b",
    re.IGNORECASE,
)


def same(gold: Value, pred: Value, question: str | None = None) -> Finding:
    """Compare two values; the question settles order, percent and base."""
    return _Comparison(question).same(gold, pred)


@dataclass(frozen=True, slots=True)
class _Comparison:
    question: str | None

    def same(self, gold: Value, pred: Value) -> Finding:
        if isinstance(gold, Scalar) and isinstance(pred, Scalar):
            return same_scalar(gold, pred, question=self.question)
        if is_set_like(gold) or is_set_like(pred):
            finding = self.sets(gold, pred)
            if finding is not None:
                return finding
        if isinstance(gold, Relation) or isinstance(pred, Relation):
            return self.relations(gold, pred)
        if isinstance(gold, Sequence) and isinstance(pred, Sequence):
            ordered = self.question is not None and _ORDER_ASKED.search(self.question) is not None
            return same_sequence(gold, pred, self.same, ordered=ordered)
        for one, other in ((gold, pred), (pred, gold)):
            if isinstance(one, Sequence) and one.kind in ("list", "set"):
                finding = self.listed(one, other, gold_is_list=one is gold)
                if finding is not None:
                    return finding
        return self.alike(gold, pred) if type(gold) is type(pred) else self.unlike(gold, pred)

    def sets(self, gold: Value, pred: Value) -> Finding | None:
        """Sets of real numbers; None if the answers have to be compared in another way."""
        left, right = to_set(gold), to_set(pred)
        same = same_set(left, right)
        if same is not None:
            return known(same)
        if type(gold) is type(pred):
            return None
        if isinstance(gold, Scalar) or isinstance(pred, Scalar):
            return "different"
        if any(isinstance(value, Relation) and assigned(value) is not None for value in (gold, pred)):
            return None
        return "different" if left or right else "unknown"

    def relations(self, gold: Value, pred: Value) -> Finding:
        """Two relations, or one and a value that it may name."""
        if isinstance(gold, Relation) and isinstance(pred, Relation):
            return same_relation(gold, pred, self.same)
        relation = gold if isinstance(gold, Relation) else pred
        if len(branches(relation)) > 1:
            return same_unordered(branches(gold), branches(pred), self.same)
        inner = assigned(relation) if isinstance(relation, Relation) else None
        if inner is None:
            return "different"
        return self.same(inner, pred) if relation is gold else self.same(gold, inner)

    def listed(self, sequence: Sequence, other: Value, *, gold_is_list: bool) -> Finding | None:
        """A list or set and a value that is not a sequence; None if the kinds of both decide."""
        if isinstance(other, Scalar):
            both = (branches(sequence), branches(other))
            return same_unordered(*(both if gold_is_list else both[::-1]), self.same)
        items = sequence.items if len(sequence.items) == 1 else distinct(sequence.items, self.same)
        if len(items) == 1:
            return self.same(items[0], other) if gold_is_list else self.same(other, items[0])
        return "different" if isinstance(other, Matrix) else None

    def alike(self, gold: Value, pred: Value) -> Finding:
        """Two values of one kind."""
        if isinstance(gold, Matrix) and isinstance(pred, Matrix):
            return _same_matrix(gold, pred)
        if isinstance(gold, Ratio) and isinstance(pred, Ratio):
            return _same_ratio(gold, pred)
        if isinstance(gold, Clock) and isinstance(pred, Clock):
            if self.question is not None and "ratio" in self.question.lower():
                return _same_ratio(_clock_ratio(gold), _clock_ratio(pred))
            return known(gold.matches(pred))
        return known(gold == pred)

    def unlike(self, gold: Value, pred: Value) -> Finding:
        """Two values of different kinds, which are the same only in another notation."""
        for one, other in ((gold, pred), (pred, gold)):
            if isinstance(one, Matrix) and isinstance(other, Sequence) and other.opening in ("(", "["):
                row = _as_tuple(one)
                return "different" if row is None else same_ordered(row.items, other.items, self.same)
            if isinstance(one, Clock) and isinstance(other, Ratio):
                return _same_ratio(_clock_ratio(one), other)
            if not isinstance(other, Scalar):
                continue
            if isinstance(one, Based):
                return self.based(one, other, gold_is_based=one is gold)
            if isinstance(one, Ratio) and len(one.parts) == 2 and other.unit is None:
                return same_tree(("/", one.parts[0], one.parts[1]), other.tree)
            if isinstance(one, Words):
                return known(_letters(other.tree) == one.text)
        return "different"

    def based(self, based: Based, bare: Scalar, *, gold_is_based: bool) -> Finding:
        """A base that the question names may be left out; any other base makes another number."""
        asked = self.question is not None and "base" in self.question.lower()
        if based.base != 10 and not (gold_is_based or asked):
            return "different"
        digits = re.fullmatch(r"-?\d{1,4000}(?:\.\d{1,4000})?", based.digits)
        if digits is None or bare.unit is not None or bare.percent:
            return "different"
        return same_tree(bare.tree, ("n", Fraction(based.digits), 0))


def _same_matrix(gold: Matrix, pred: Matrix) -> Finding:
    if gold.kind != pred.kind or len(gold.rows) != len(pred.rows) or len(gold.rows[0]) != len(pred.rows[0]):
        return "different"
    rows = zip(gold.rows, pred.rows, strict=True)
    return all_of(same_tree(*cells) for one, other in rows for cells in zip(one, other, strict=True))


def _as_tuple(matrix: Matrix) -> Sequence | None:
    """A row or a column as a tuple of its entries."""
    if matrix.kind != "matrix":
        return None
    if len(matrix.rows) == 1:
        return Sequence("tuple", tuple(Scalar(tree) for tree in matrix.rows[0]), "(", ")")
    if len(matrix.rows[0]) == 1:
        return Sequence("tuple", tuple(Scalar(row[0]) for row in matrix.rows), "(", ")")
    return None


def _same_ratio(gold: Ratio, pred: Ratio) -> Finding:
    if len(gold.parts) != len(pred.parts):
        return "different"
    first, *others = zip(gold.parts, pred.parts, strict=True)
    return all_of(same_tree(("*", first[0], b), ("*", a, first[1])) for a, b in others)


def _clock_ratio(clock: Clock) -> Ratio:
    return Ratio((("n", Fraction(clock.hour), 0), ("n", Fraction(clock.minute), 0)))


def _letters(tree: Tree) -> str | None:
    """A product of letters as the word it may be meant as: `ACF`."""
    parts = tree[1:] if tree[0] == "*" else (tree,)
    if not all(part[0] in ("s", "c") for part in parts):
        return None
    return "".join(part[1] for part in parts).lower()

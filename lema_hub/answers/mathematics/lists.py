r"""Lists, sets and tuples: which items they have, and whether their order counts.

An item may be any value, so the caller hands in `same`, the function that compares two of them.

    >>> from lema_hub.answers.mathematics.reading import read
    >>> len(branches(read(r"2 \pm 1")))
    2
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lema_hub.answers.mathematics.findings import Finding, all_of
from lema_hub.answers.mathematics.trees import has_plus_minus, with_sign
from lema_hub.answers.mathematics.values import Relation, Scalar, Sequence, Value

Values = tuple[Value, ...]
Same = Callable[[Value, Value], Finding]
"""Compares a part of the gold answer with a part of the prediction."""

_MANY = 100
"""Items beyond which a list is compared in order: comparing every pair of items would take too long."""


def branches(value: Value) -> Values:
    """The values that an answer lists: the items of a list or set, both branches of a plus-minus."""
    if isinstance(value, Scalar) and has_plus_minus(value.tree):
        return tuple(replace(value, tree=with_sign(value.tree, sign)) for sign in (1, -1))
    if isinstance(value, Sequence) and value.kind in ("list", "set"):
        return tuple(branch for item in value.items for branch in branches(item))
    if isinstance(value, Sequence) and value.kind == "tuple":  # `(0, \pm 3)`
        signed = [
            i for i, item in enumerate(value.items) if isinstance(item, Scalar) and has_plus_minus(item.tree)
        ]
        if len(signed) == 1:
            before, after = value.items[: signed[0]], value.items[signed[0] + 1 :]
            return tuple(
                replace(value, items=(*before, branch, *after)) for branch in branches(value.items[signed[0]])
            )
    if isinstance(value, Relation) and value.operators == ("=",) and value.names[0]:
        right = value.sides[1]
        if isinstance(right, Scalar) and has_plus_minus(right.tree):
            return tuple(replace(value, sides=(value.sides[0], branch)) for branch in branches(right))
    return (value,)


def distinct(values: Values, same: Same) -> Values:
    """The values without repetitions, in order."""
    kept: list[Value] = []
    for value in values:
        if not any(same(value, other) == "equal" for other in kept):
            kept.append(value)
    return tuple(kept)


def same_ordered(gold: Values, pred: Values, same: Same) -> Finding:
    """Items one by one."""
    if len(gold) != len(pred):
        return "different"
    return all_of(same(one, other) for one, other in zip(gold, pred, strict=True))


def same_unordered(gold: Values, pred: Values, same: Same, *, gold_is_set: bool = False) -> Finding:
    """Items in any order; repetitions in the prediction count once, those in the gold answer only if it is a set."""
    if max(len(gold), len(pred)) > _MANY:
        return same_ordered(gold, pred, same)
    if len(gold) != len(pred):
        pred = distinct(pred, same)
        gold = distinct(gold, same) if gold_is_set else gold
        if len(gold) != len(pred):
            return "different"
    left = list(pred)
    unsettled = False
    for item in gold:
        findings = [same(item, other) for other in left]
        if "equal" in findings:
            left.pop(findings.index("equal"))
        elif "unknown" in findings:
            unsettled = True
        else:
            return "different"
    return "unknown" if unsettled else "equal"


def same_sequence(gold: Sequence, pred: Sequence, same: Same, *, ordered: bool) -> Finding:
    """Compare two sequences; `ordered` if the question asks for an order."""
    if any(value.kind == "tuple" and len(branches(value)) > 1 for value in (gold, pred)):
        return same_unordered(branches(gold), branches(pred), same)
    if "tuple" in (gold.kind, pred.kind):
        return _same_tuple(gold, pred, same, ordered=ordered)
    if {"both", "conditions"} & {gold.kind, pred.kind}:
        return same_unordered(gold.items, pred.items, same)
    if gold.kind == pred.kind == "list" and ordered:
        return same_ordered(gold.items, pred.items, same)
    if _names_of(gold, pred) or _names_of(pred, gold):  # `x = 1, y = 2` against `1, 2`
        return same_ordered(gold.items, pred.items, same)
    return same_unordered(branches(gold), branches(pred), same, gold_is_set=gold.kind == "set")


def _same_tuple(gold: Sequence, pred: Sequence, same: Same, *, ordered: bool) -> Finding:
    """Compare two sequences of which one at least is a tuple or an interval."""
    if "set" in (gold.kind, pred.kind):
        return "different"
    if gold.kind == pred.kind:
        brackets = {gold.opening + gold.closing, pred.opening + pred.closing}
        if len(brackets) > 1 and (len(gold.items) == 2 or brackets != {"()", "[]"}):
            return "different"
        return same_ordered(gold.items, pred.items, same)
    bracketed = gold if gold.kind == "tuple" else pred
    # `[1, 2]` is how programs write a list; a gold answer of this form is an interval
    as_list = bracketed.opening + bracketed.closing == "[]" and (bracketed is pred or len(gold.items) != 2)
    if as_list and not ordered:
        return same_unordered(gold.items, pred.items, same)
    return same_ordered(gold.items, pred.items, same) if bracketed.opening == "(" else "different"


def _names_of(named: Sequence, bare: Sequence) -> bool:
    """Whether a list gives names to the values of another one."""
    names = [item.names[0] for item in named.items if isinstance(item, Relation) and item.operators == ("=",)]
    all_named = len(names) == len(named.items) and len(set(names)) > 1
    return all_named and not any(isinstance(item, Relation) for item in bare.items)

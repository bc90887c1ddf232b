r"""Whether two bare answers are the same answer.

Our own readers decide nearly always, exactly: decimal strings, rational arithmetic, canonical forms of roots
and polynomials. What they cannot read or settle goes to math-verify in a worker process (`algebra`).
docs/answers.md has the rules; those for what is ambiguous are decided here and in `scalars`:

* A percent sign may stand for a hundredth or for the unit of the question; a missing one never multiplies by
  100.
* A unit counts only if both answers have one.
* A decimal stands for a number without a short decimal form if it is its correct rounding to at least four
  places.
* A bare list is unordered unless the question asks for an order; a tuple is ordered.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence as Many
from dataclasses import dataclass, replace
from fractions import Fraction

from lema_hub.answers.choice import same_option
from lema_hub.answers.mathematics import algebra, exact, numeric
from lema_hub.answers.mathematics.clock import Clock, Date
from lema_hub.answers.mathematics.number import plain
from lema_hub.answers.mathematics.reading import plain_words, read
from lema_hub.answers.mathematics.scalars import Finding, has_plus_minus, same_scalar, same_tree, with_sign
from lema_hub.answers.mathematics.sets import ends, is_set_like, same_set, to_set
from lema_hub.answers.mathematics.syntax import MINUS_ONE, Tree
from lema_hub.answers.mathematics.tokens import UnreadableError
from lema_hub.answers.mathematics.values import (
    Based,
    Matrix,
    Ratio,
    Relation,
    Scalar,
    Sequence,
    Value,
    Words,
)
from lema_hub.answers.text import MAX_LENGTH, clean
from lema_hub.records import AnswerStyle, Verdict

logger = logging.getLogger(__name__)

_MAX_ALGEBRA = 1000
_HOPELESS = re.compile(r"\\(?:sum|prod)(?![a-z]).*(?:10\s?\^|\^\s?\{?\s?\d+\s?\^|\d{6})", re.DOTALL)
_ORDER_ASKED = re.compile(
    r"\b(?:ordered|respectively|order from|from (?:least|smallest|largest|greatest)"
    r"|in (?:increasing|decreasing|ascending|descending|alphabetical|that|this|order))\b",
    re.IGNORECASE,
)
_LETTER_UNIT = re.compile(r"(.*\d)\s*([A-Za-z](?:\^\{?[23]\}?)?(?:\s?/\s?[A-Za-z](?:\^\{?[23]\}?)?)?)")
_NUMERALS = re.compile(r"(?:[-+.,:/]*\d)+")  # what the comparison of words would strip of its signs
_DECIMAL_COMMA = re.compile(r"-?\d+,\d{1,2}|-?0,\d+")
_MIXED_IN_WORDS = re.compile(
    r"(-?\d+)\s*(?:\\text\s*\{\s*and\s*\}|and)\s*(\d+\s?/\s?\d+|\\frac\s?(?:\d\s?\d|\{\d+\}\s?\{\d+\}))"
)


@dataclass(frozen=True, slots=True)
class Equality:
    """The verdict on a pair of bare answers and what decided it."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class _Context:
    question: str | None

    @property
    def ordered(self) -> bool:
        return self.question is not None and bool(_ORDER_ASKED.search(self.question))


def _all(findings: Many[Finding]) -> Finding:
    if "different" in findings:
        return "different"
    return "unknown" if "unknown" in findings else "equal"


def _known(same: bool) -> Finding:
    return "equal" if same else "different"


def _branches(value: Value) -> tuple[Value, ...]:
    """The values that an answer lists: the items of a list or set, both branches of a plus-minus."""
    if isinstance(value, Scalar) and has_plus_minus(value.tree):
        return tuple(Scalar(with_sign(value.tree, sign), value.unit, value.percent) for sign in (1, -1))
    if isinstance(value, Sequence) and value.kind in ("list", "set"):
        return tuple(branch for item in value.items for branch in _branches(item))
    if isinstance(value, Sequence) and value.kind == "tuple":  # `(0, \\pm 3)`
        signed = [
            i for i, item in enumerate(value.items) if isinstance(item, Scalar) and has_plus_minus(item.tree)
        ]
        if len(signed) == 1:
            before, [item], after = (
                value.items[: signed[0]],
                value.items[signed[0] : signed[0] + 1],
                value.items[signed[0] + 1 :],
            )
            return tuple(replace(value, items=(*before, branch, *after)) for branch in _branches(item))
    if isinstance(value, Relation) and value.operators == ("=",) and value.names[0]:
        right = value.sides[1]
        if isinstance(right, Scalar) and has_plus_minus(right.tree):
            return tuple(
                Relation((value.sides[0], branch), ("=",), value.names) for branch in _branches(right)
            )
    return (value,)


def _distinct(values: tuple[Value, ...], context: _Context) -> list[Value]:
    kept: list[Value] = []
    for value in values:
        if not any(_same(value, other, context) == "equal" for other in kept):
            kept.append(value)
    return kept


def _same_unordered(
    gold: tuple[Value, ...], pred: tuple[Value, ...], context: _Context, *, gold_is_set: bool = False
) -> Finding:
    """Items in any order; what the prediction repeats counts once, what the gold answer repeats only in a
    set.
    """
    if max(len(gold), len(pred)) > 100:
        return _same_ordered(gold, pred, context) if len(gold) == len(pred) else "different"
    left = list(pred)
    if len(gold) != len(pred):
        left = _distinct(pred, context)
        gold = tuple(_distinct(gold, context)) if gold_is_set else gold
        if len(gold) != len(left):
            return "different"
    unsettled = False
    for item in gold:
        findings = [_same(item, other, context) for other in left]
        if "equal" in findings:
            left.pop(findings.index("equal"))
        elif "unknown" in findings:
            unsettled = True
        else:
            return "different"
    return "unknown" if unsettled else "equal"


def _same_ordered(gold: tuple[Value, ...], pred: tuple[Value, ...], context: _Context) -> Finding:
    if len(gold) != len(pred):
        return "different"
    findings: list[Finding] = []
    for one, other in zip(gold, pred, strict=True):
        findings.append(_same(one, other, context))
        if findings[-1] == "different":
            return "different"
    return _all(findings)


def _assigned(value: Value) -> Value | None:
    """The right side of `x = 5`, `f(x) = ...`, `5 = x`, and of a sum that is right, `10 * 6 = 60`; None if the
    equation is more than a name for a value.
    """
    if isinstance(value, Relation) and value.operators == ("in",):
        return value.sides[1]
    if isinstance(value, Relation) and set(value.operators) == {"="} and _is_right_sum(value.sides):
        return value.sides[-1]
    if not isinstance(value, Relation) or value.operators != ("=",):
        return None
    left, right = value.sides
    for name, side, other in ((value.names[0], left, right), (value.names[1], right, left)):
        if name is not None and not _defines_itself(side, other):
            return other
    return None


def _is_right_sum(sides: Many[Value]) -> bool:
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


def _defines_itself(side: Value, other: Value) -> bool:
    """Whether `x = 2x - 3` has its name on both sides."""
    if not (isinstance(side, Scalar) and isinstance(other, Scalar)):
        return False
    return side.tree[0] == "s" and side.tree[1] in numeric.symbols(other.tree)


def _equation(value: Relation) -> Tree | None:
    left, right = value.sides[0], value.sides[-1]
    if isinstance(left, Scalar) and isinstance(right, Scalar):
        return ("+", left.tree, ("*", MINUS_ONE, right.tree))
    return None


def _same_equation(gold: Relation, pred: Relation, context: _Context) -> Finding:
    """Equations are the same if one is the other times a constant; so are inequalities, with the sign in
    mind.
    """
    if len(gold.operators) != len(pred.operators):
        return "different"
    if len(gold.operators) > 1:
        same_way = (
            _same_ordered(gold.sides, pred.sides, context)
            if gold.operators == pred.operators
            else "different"
        )
        flipped = tuple(
            {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(mark, mark) for mark in reversed(pred.operators)
        )
        if same_way == "different" and gold.operators == flipped:
            return _same_ordered(gold.sides, tuple(reversed(pred.sides)), context)
        return same_way
    if gold.names[0] and pred.names[0] and _same_ordered(gold.sides, pred.sides, context) == "equal":
        return _known(gold.operators == pred.operators)
    if gold.operators == pred.operators == ("=",) and gold.names[0] and gold.names[0] == pred.names[0]:
        return _same(gold.sides[1], pred.sides[1], context)  # `f(n) = 1` and `f(x) = 1`
    one, other = _equation(gold), _equation(pred)
    if one is None or other is None:
        if gold.names[0] and pred.names[0]:
            return (
                _same(gold.sides[1], pred.sides[1], context)
                if gold.names[0].lower() == pred.names[0].lower()
                else "different"
            )
        return "unknown"
    mark, sign = gold.operators[0], 1
    if mark != pred.operators[0]:
        if {mark, pred.operators[0]} not in ({"<", ">"}, {"<=", ">="}):
            return "different"
        sign = -1
    try:
        forms = exact.evaluate(one), exact.evaluate(other)
        if mark in ("=", "!=") and exact.same_zeros(*forms):
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
        return "equal"
    return _known(ratios[0].real * sign > 0 and abs(ratios[0].imag) < 1e-9)


def _same_sequence(gold: Sequence, pred: Sequence, context: _Context) -> Finding:
    if any(value.kind == "tuple" and len(_branches(value)) > 1 for value in (gold, pred)):
        return _same_unordered(_branches(gold), _branches(pred), context)
    if "tuple" in (gold.kind, pred.kind):
        if "set" in (gold.kind, pred.kind):
            return "different"
        brackets = {gold.opening + gold.closing, pred.opening + pred.closing}
        may_differ = len(gold.items) != 2 and brackets == {"()", "[]"}
        if gold.kind == pred.kind and len(brackets) > 1 and not may_differ:
            return "different"
        if gold.kind != pred.kind:
            bracketed = gold if gold.kind == "tuple" else pred
            # `[1, 2]` as programs write a list; a gold answer of this form is an interval
            as_list = bracketed.opening + bracketed.closing == "[]" and (
                bracketed is pred or len(gold.items) != 2
            )
            if as_list and not context.ordered:
                return _same_unordered(gold.items, pred.items, context)
            if bracketed.opening != "(":
                return "different"
        return _same_ordered(gold.items, pred.items, context)
    if {"both", "conditions"} & {gold.kind, pred.kind}:
        return _same_unordered(gold.items, pred.items, context)
    if gold.kind == pred.kind == "list" and context.ordered:
        return _same_ordered(gold.items, pred.items, context)
    for named, bare in ((gold, pred), (pred, gold)):
        names = [
            item.names[0] for item in named.items if isinstance(item, Relation) and item.operators == ("=",)
        ]
        if (
            len(names) == len(named.items)
            and len(set(names)) > 1
            and not any(isinstance(item, Relation) for item in bare.items)
        ):
            return _same_ordered(gold.items, pred.items, context)  # `x = 1, y = 2` against `1, 2`
    return _same_unordered(_branches(gold), _branches(pred), context, gold_is_set=gold.kind == "set")


def _same_matrix(gold: Matrix, pred: Matrix) -> Finding:
    if gold.kind != pred.kind or len(gold.rows) != len(pred.rows) or len(gold.rows[0]) != len(pred.rows[0]):
        return "different"
    findings: list[Finding] = []
    for one, other in zip(gold.rows, pred.rows, strict=True):
        for left, right in zip(one, other, strict=True):
            findings.append(same_tree(left, right))
            if findings[-1] == "different":
                return "different"
    return _all(findings)


def _as_tuple(matrix: Matrix) -> Sequence | None:
    """A row or a column as a tuple of its entries."""
    if matrix.kind != "matrix":
        return None
    if len(matrix.rows) == 1:
        return Sequence("tuple", tuple(Scalar(tree) for tree in matrix.rows[0]), "(", ")")
    if len(matrix.rows[0]) == 1:
        return Sequence("tuple", tuple(Scalar(row[0]) for row in matrix.rows), "(", ")")
    return None


def _same_vector(entries: Many[Tree], combination: Tree) -> Finding | None:
    r"""`(2, -3, 1)` against `2\mathbf{i} - 3\mathbf{j} + \mathbf{k}`; None if that is no sum of unit vectors."""
    if not 2 <= len(entries) <= 3:
        return None
    if "j" not in numeric.symbols(combination):
        return None
    basis: tuple[Tree, ...] = (("c", "i"), ("s", "j"), ("s", "k"))
    terms = [("*", entry, vector) for entry, vector in zip(entries, basis, strict=False)]
    return same_tree(("+", *terms), combination)


def _same_ratio(gold: Ratio, pred: Ratio) -> Finding:
    if len(gold.parts) != len(pred.parts):
        return "different"
    first, *others = zip(gold.parts, pred.parts, strict=True)
    return _all([same_tree(("*", first[0], b), ("*", a, first[1])) for a, b in others])


def _clock_ratio(clock: Clock) -> Ratio:
    return Ratio((("n", Fraction(clock.hour), 0), ("n", Fraction(clock.minute), 0)))


def _same(gold: Value, pred: Value, context: _Context) -> Finding:
    if isinstance(gold, Scalar) and isinstance(pred, Scalar):
        return same_scalar(gold, pred, question=context.question)
    if is_set_like(gold) or is_set_like(pred):
        same = same_set(to_set(gold), to_set(pred))
        if same is not None:
            return _known(same)
        interval, others = ends(gold), ends(pred)
        if interval is not None and others is not None:  # `a < x < b` and `(a, b)`
            if interval.closed != others.closed or (
                interval.variable and others.variable and interval.variable != others.variable
            ):
                return "different"
            return _same_ordered(interval.bounds, others.bounds, context)
        if isinstance(gold, Relation) and isinstance(pred, Relation):
            return _same_equation(gold, pred, context)
        if type(gold) is not type(pred):
            if isinstance(gold, Scalar) or isinstance(pred, Scalar):
                return "different"
            assigned = [_assigned(value) for value in (gold, pred)]
            if assigned == [None, None]:
                return "different" if to_set(gold) or to_set(pred) else "unknown"
    if isinstance(gold, Relation) and isinstance(pred, Relation):
        return _same_equation(gold, pred, context)
    for one, other in ((gold, pred), (pred, gold)):
        if isinstance(one, Relation):
            branches = _branches(one)
            if len(branches) > 1:
                return _same_unordered(_branches(gold), _branches(pred), context)
            inner = _assigned(one)
            if inner is None:
                return "different"
            return _same(inner, other, context) if one is gold else _same(other, inner, context)
    if isinstance(gold, Sequence) and isinstance(pred, Sequence):
        return _same_sequence(gold, pred, context)
    for one, other in ((gold, pred), (pred, gold)):
        if isinstance(one, Sequence) and one.kind in ("list", "set"):
            if isinstance(other, Scalar):
                return _same_unordered(_branches(gold), _branches(pred), context)
            if len(one.items) == 1:
                return (
                    _same(one.items[0], other, context)
                    if one is gold
                    else _same(other, one.items[0], context)
                )
            distinct = _distinct(one.items, context)
            if len(distinct) == 1:
                return _same(distinct[0], other, context)
            if isinstance(other, Matrix):
                return "different"
    if isinstance(gold, Matrix) and isinstance(pred, Matrix):
        return _same_matrix(gold, pred)
    for one, other in ((gold, pred), (pred, gold)):
        if isinstance(one, Matrix) and isinstance(other, Sequence) and other.opening in ("(", "["):
            row = _as_tuple(one)
            return "different" if row is None else _same_ordered(row.items, other.items, context)
        if isinstance(one, Scalar) and isinstance(other, (Matrix, Sequence)):
            vector = _as_tuple(other) if isinstance(other, Matrix) else other
            if vector is not None and vector.kind == "tuple":
                entries = [item.tree for item in vector.items if isinstance(item, Scalar)]
                finding = _same_vector(entries, one.tree) if len(entries) == len(vector.items) else None
                return finding or "different"
        if isinstance(one, Clock) and isinstance(other, Ratio):
            return _same_ratio(_clock_ratio(one), other)
        if isinstance(one, Based) and isinstance(other, Scalar):
            return _same_based(one, other, gold is one, context)
        if (
            isinstance(one, Ratio)
            and isinstance(other, Scalar)
            and len(one.parts) == 2
            and other.unit is None
        ):
            return same_tree(("/", one.parts[0], one.parts[1]), other.tree)
        if isinstance(one, Words) and isinstance(other, Scalar):
            return _known(_letters(other.tree) == one.text)
    if isinstance(gold, Ratio) and isinstance(pred, Ratio):
        return _same_ratio(gold, pred)
    if isinstance(gold, Clock) and isinstance(pred, Clock):
        asked_ratio = context.question is not None and "ratio" in context.question.lower()
        return (
            _same_ratio(_clock_ratio(gold), _clock_ratio(pred)) if asked_ratio else _known(gold.matches(pred))
        )
    if isinstance(gold, Date) and isinstance(pred, Date):
        return _known(gold.matches(pred))
    return _known(gold == pred)


def _letters(tree: Tree) -> str | None:
    """A product of letters as the word it may be meant as: `ACF`."""
    parts = tree[1:] if tree[0] == "*" else (tree,)
    if not all(part[0] in ("s", "c") for part in parts):
        return None
    return "".join(part[1] for part in parts).lower()


def _same_based(based: Based, bare: Scalar, gold_is_based: bool, context: _Context) -> Finding:
    """The question's base need not be repeated; a base that the question did not ask for is another
    number.
    """
    asked = context.question is not None and "base" in context.question.lower()
    if based.base != 10 and not (gold_is_based or asked):
        return "different"
    if (
        bare.unit is not None
        or bare.percent
        or not re.fullmatch(r"-?\d{1,4000}(?:\.\d{1,4000})?", based.digits)
    ):
        return "different"
    return same_tree(bare.tree, ("n", Fraction(based.digits), 0))


_OPTION_GOLD = re.compile(r"\\(?:text|mathrm|textbf|mathbf)\s?\{\s?\(([A-H])\)\s?\}|\(([A-H])\)")


def _states_option(text: str, letter: str) -> bool:
    """Whether a text is `Option C` or `(C) 5` and names no second option."""
    bare = re.sub(r"\\(?:text|mathrm|textbf|mathbf)\s?\{([^{}]*)\}", r"\1", text)
    stated = re.fullmatch(r"(?:option\s+|choice\s+)?\(?([A-H])\)?[.:)]?(?:\s.*)?", bare, re.IGNORECASE)
    return stated is not None and stated[1] == letter and len(re.findall(r"\b[A-H]\b", bare)) == 1


def _has_unit(value: Value) -> bool:
    return isinstance(value, Scalar) and value.unit is not None and value.unit.kinds is not None


def _read_both(gold: str, pred: str) -> tuple[Value, Value]:
    """Both answers; what is ambiguous alone follows the other one: a comma between digits is a decimal comma, and
    `3 and 1/2` a mixed number, against a number, and `15 m` is 15 meters against an amount.
    """
    values = [read(gold), read(pred)]
    for index, text in enumerate((gold, pred)):
        if not isinstance(values[1 - index], Scalar):
            continue
        if _DECIMAL_COMMA.fullmatch(text):
            values[index] = read(text.replace(",", "."))
        elif mixed := _MIXED_IN_WORDS.fullmatch(text):
            values[index] = read(f"{mixed[1]} {mixed[2]}")
        elif _has_unit(values[1 - index]) and (letter := _LETTER_UNIT.fullmatch(text)):
            amount = read(f"{letter[1]}\\text{{ {letter[2]}}}")
            values[index] = amount if _has_unit(amount) else values[index]
    return values[0], values[1]


def parts(answer: str) -> int:
    """How many values an answer lists: the entries of a list, set or tuple, both values of a plus-minus; else 1."""
    try:
        value = read(clean(answer))
    except (UnreadableError, RecursionError):
        return 1
    return max(1, len(value.items) if isinstance(value, Sequence) else len(_branches(value)))


def compare(pred: str, gold: str, *, style: AnswerStyle, question: str | None = None) -> Equality:
    """Compare a bare answer with a bare gold answer.

    Args:
        pred: The answer to judge.
        gold: The right answer.
        style: `choice` compares option letters, `text` words; `number` and `math` read mathematics.
        question: The problem's text, which settles order, percent and base.

    Returns:
        The verdict and the rule that decided it.
    """
    left, right = plain(pred), plain(gold)
    if left is not None and right is not None and (left == right or max(len(left), len(right)) < 15):
        return Equality("correct" if left == right else "wrong", "plain numbers")
    if style == "choice":
        return Equality(*same_option(pred, gold, question))
    if len(pred) > MAX_LENGTH or len(gold) > MAX_LENGTH:
        return Equality(
            "correct" if pred.strip() == gold.strip() else "wrong",
            f"over {MAX_LENGTH} characters: as strings",
        )
    left, right = clean(pred), clean(gold)
    if left == right and left:
        return Equality("correct", "same text")
    if style == "text":
        same = plain_words(left) == plain_words(right)
        if same or not (re.search(r"\d", left) and re.search(r"\d", right)):
            return Equality("correct" if same else "wrong", "words")
    try:
        gold_value, pred_value = _read_both(right, left)
        finding = _same(gold_value, pred_value, _Context(question))
    except (UnreadableError, RecursionError) as error:
        return _by_algebra(left, right, f"not read: {error}")
    except Exception:  # a fault of ours on this row: counted as such, and the other rows go on
        logger.exception("cannot compare %.200r with %.200r", pred, gold)
        return Equality("crashed", "an error in the judge; the log has its traceback")
    if finding == "unknown":
        return _by_algebra(left, right, "not settled exactly")
    option = _OPTION_GOLD.fullmatch(right)
    if finding == "different" and option is not None and _states_option(left, option[1] or option[2]):
        return Equality("correct", "option letter")
    kind = type(gold_value).__name__.lower()
    return Equality(
        "correct" if finding == "equal" else "wrong", f"{kind} {'equal' if finding == 'equal' else 'differs'}"
    )


def _by_algebra(pred: str, gold: str, why: str) -> Equality:
    """Ask math-verify, in a worker, about what our readers could not settle."""
    if max(len(pred), len(gold)) > _MAX_ALGEBRA:
        return Equality("wrong", f"{why}; over {_MAX_ALGEBRA} characters, so not given to math-verify")
    if "is not mathematics" in why or not (re.search(r"[\d\\]", pred) and re.search(r"[\d\\]", gold)):
        same = plain_words(pred) == plain_words(gold) and _NUMERALS.findall(pred) == _NUMERALS.findall(gold)
        return Equality("correct" if same else "wrong", f"{why}; compared as words")
    if _HOPELESS.search(pred) or _HOPELESS.search(gold):
        return Equality("timeout", f"{why}; too many terms for the time limit")
    finding = algebra.compare(gold, pred)
    if finding.result == "timeout":
        return Equality("timeout", f"{why}; {finding.detail}")
    if finding.result == "crashed":
        return Equality("crashed", f"{why}; {finding.detail}")
    return Equality(
        "correct" if finding.result == "equal" else "wrong",
        f"{why}; math-verify: {finding.detail or finding.result}",
    )

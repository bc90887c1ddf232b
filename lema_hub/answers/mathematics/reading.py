r"""Reading a cleaned answer into a value.

    >>> read(r"(3,4]").closing
    ']'

`read` takes a cleaned answer (`text.clean`) and never computes. One reading per answer: the ambiguous cases
follow the rules of docs/answers.md, and `equality` knows them.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from lema_hub.answers.mathematics.amounts import degrees, unit_words
from lema_hub.answers.mathematics.bases import read_based
from lema_hub.answers.mathematics.clock import read_clock
from lema_hub.answers.mathematics.matrices import nested_lists, read_matrix
from lema_hub.answers.mathematics.syntax import parse, parse_prefix
from lema_hub.answers.mathematics.tokens import (
    Token,
    UnreadableError,
    bracket_partners,
    split_outside,
    tokenize,
)
from lema_hub.answers.mathematics.trees import Tree
from lema_hub.answers.mathematics.units import SCALES, measure
from lema_hub.answers.mathematics.values import (
    Ratio,
    Relation,
    Scalar,
    Sequence,
    Union,
    Unit,
    Value,
    Words,
)
from lema_hub.answers.text import plain_words

_MAX_NESTING = 8

_RELATIONS = {
    "=": "=",
    "<": "<",
    ">": ">",
    "<=": "<=",
    ">=": ">=",
    "!=": "!=",
    "\\in": "in",
    "\\approx": "~",
    "\\equiv": "==",
    "\\simeq": "~",
}
_FILLERS_TEXT = "about approximately around exactly roughly nearly is equals the be only just are a an"
_FILLERS = frozenset(_FILLERS_TEXT.split())
_PERCENT = frozenset(("percent", "pct", "percentage", "percents"))
_SUBSCRIPT = r"(?:_(?:\{[^{}]*\}|\w))?"
_LETTER_NAME = rf"(?:[a-zA-Z]|\\[a-z]+){_SUBSCRIPT}"
_NAME = re.compile(
    rf"m?\\(?:angle|triangle|overline|overrightarrow|vec|hat|widehat|bar|measuredangle)\{{?[A-Za-z]+\}}?{_SUBSCRIPT}'*"
    r"|\|\\?(?:vec|overline|overrightarrow)?\{?[A-Za-z]{1,3}\}?\|"  # the length |AB|
    rf"|[A-Z]{{1,5}}{_SUBSCRIPT}:[A-Z]{{1,5}}{_SUBSCRIPT}"  # the ratio S:T
    rf"|(?:[a-zA-Z]|[A-Z]{{2,4}}|[A-Za-z]{{4,}}|\\[A-Za-z]+){_SUBSCRIPT}'*(?:\^\{{?-1\}}?)?(?:\([^()=]*\))?"
    rf"|[(\[{{](?:{_LETTER_NAME},)+{_LETTER_NAME}[)\]}}]"  # the point (x,y)
)


class _Reader:
    """Reads a range of one token list; the brackets are paired once."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.partners = bracket_partners(tokens)

    def name_of(self, start: int, end: int) -> str | None:
        tokens = self.tokens[start:end]
        if not tokens or len(tokens) > 24:
            return None
        if all(token.kind == "word" for token in tokens):
            return " ".join(token.text.lower() for token in tokens)
        joined = "".join(token.text for token in tokens)
        match = _NAME.fullmatch(joined)
        if match is None or joined in ("\\pi", "\\infty", "e", "i"):
            return None
        return re.sub(r"(?<=.)\([a-z]\)$", "", joined)

    def value(self, start: int, end: int, nesting: int = 0) -> Value:
        if nesting > _MAX_NESTING:
            raise UnreadableError(f"nested deeper than {_MAX_NESTING}")
        tokens = self.tokens
        while (
            start < end
            and tokens[start].kind == "word"
            and tokens[start].text.lower() in _FILLERS
            and end - start > 1
        ):
            start += 1
        while start < end and tokens[start].text in ("(", "{") and self.partners[start] == end - 1:
            if tokens[end - 1].text == "]" or len(self.split(start + 1, end - 1, ",;")[0]) > 1:
                break
            start, end = start + 1, end - 1
        if start >= end:
            return Sequence("list", ())
        listed = self.listed(start, end, nesting)
        if listed is not None:
            return listed
        readings = (self.unions, self.relation, self.bracketed, self.matrix, self.ratio)
        for reading in readings:
            found = reading(start, end, nesting)
            if found is not None:
                return found
        return self.scalar(start, end)

    def split(self, start: int, end: int, separators: str) -> tuple[list[tuple[int, int]], list[str]]:
        marks = frozenset(separators) | ({"and", "or"} if "," in separators else frozenset())
        ranges, found = split_outside(self.tokens[start:end], self.partners, start, marks)
        return [(start + a, start + b) for a, b in ranges], found

    def listed(self, start: int, end: int, nesting: int) -> Value | None:
        ranges, separators = self.split(start, end, ",;")
        if not separators:
            return None
        if "or" in separators and len(ranges) == 2 and self.tokens[start].kind == "word":
            return None
        for mark, following, (a, b) in zip(separators, separators[1:], ranges[1:], strict=False):
            if a == b and not (mark in ",;" and following in ("and", "or")):
                raise UnreadableError("a list with a gap")
        items = [self.value(a, b, nesting + 1) for a, b in ranges if a < b]
        if not items:
            raise UnreadableError("a list of nothing")
        if len(items) == 1:
            return items[0]
        inequalities = [isinstance(item, Relation) and item.operators[0] != "=" for item in items]
        if all(inequalities) and set(separators) <= {"or"}:
            return Union(tuple(items))
        if all(inequalities) and set(separators) <= {"and"}:
            return Sequence("both", tuple(items))
        if all(inequalities) and "or" not in separators:
            return Sequence("conditions", tuple(items))
        if isinstance(items[0], Relation) and items[0].operators == ("=",) and items[0].names[0]:
            first = items[0].sides[1]
            if not any(isinstance(item, Relation) for item in items[1:]):  # `x = 1, 2, 3`
                return Sequence("list", (first, *items[1:]))
        return Sequence("list", tuple(items))

    def unions(self, start: int, end: int, nesting: int) -> Value | None:
        ranges, separators = split_outside(
            self.tokens[start:end], self.partners, start, frozenset(("\\cup",))
        )
        if not separators:
            return None
        relation = self.relation(start, end, nesting)  # `x \in A \cup B`
        return relation or Union(tuple(self.value(start + a, start + b, nesting + 1) for a, b in ranges))

    def relation(self, start: int, end: int, nesting: int) -> Value | None:
        ranges, found = split_outside(self.tokens[start:end], self.partners, start, frozenset(_RELATIONS))
        if not found:
            return None
        operators = [_RELATIONS[operator] for operator in found]
        spans = [(start + a, start + b) for a, b in ranges]
        if any(a == b for a, b in spans):
            if spans[0][0] == spans[0][1] and len(spans) == 2 and operators[0] in ("=", "~"):
                return self.value(*spans[1], nesting + 1)
            raise UnreadableError("a relation with an empty side")
        while (
            operators and operators[-1] == "~"
        ):  # `1/3 \approx 0.33`: the exact value counts, unless there is only the rounded one
            if len(operators) == 1 and self.name_of(*spans[0]):
                operators[-1] = "="
            else:
                operators.pop()
                spans.pop()
        if not operators:
            return self.value(*spans[0], nesting + 1)
        names = tuple(self.name_of(*span) for span in spans)
        if operators == ["in"]:
            if names[0] is None:
                raise UnreadableError("a membership without a name")
            members = self.value(*spans[1], nesting + 1)
            interval = isinstance(members, Sequence) and members.kind == "tuple"
            if interval or isinstance(members, Union):
                return Relation((Words(names[0]), members), ("in",), names)
            return members
        if all(operator == "=" for operator in operators) and len(operators) > 1:
            if names[0]:
                spans, names, operators = [spans[0], spans[-1]], (names[0], names[-1]), ["="]
            else:
                return self.value(*spans[-1], nesting + 1)
        sides = []
        for span, name in zip(spans, names, strict=True):
            try:
                sides.append(self.value(*span, nesting + 1))
            except UnreadableError:
                if name is None:
                    raise
                sides.append(Words(name))
        return Relation(tuple(sides), tuple(operators), names)

    def bracketed(self, start: int, end: int, nesting: int) -> Value | None:
        tokens = self.tokens
        opening = tokens[start].text
        if opening not in ("(", "[", "{", "\\{", "\\langle") or self.partners[start] != end - 1:
            return None
        closing = tokens[end - 1].text
        if tokens[start + 1].kind == "environment" and self.partners.get(start + 1) == end - 2:
            return None
        if opening == "\\{":
            bar = next((i for i in range(start + 1, end - 1) if tokens[i].text in ("|", ":")), None)
            member = next((i for i in range(start + 1, bar or start + 1) if tokens[i].text == "\\in"), bar)
            if bar is not None and member is not None and self.name_of(start + 1, member) is not None:
                return self.value(bar + 1, end - 1, nesting + 1)
            if bar is not None and tokens[bar].text == "|":
                raise UnreadableError("set-builder notation")
        ranges, separators = self.split(start + 1, end - 1, ",;")
        items = tuple(self.value(a, b, nesting + 1) for a, b in ranges if a < b)
        if opening == "\\{":
            return Sequence("set", items)
        if opening == "{":
            return Sequence("list", items)
        if opening == "(" and len(items) == 1 and not separators and closing == ")":
            return items[0]
        if opening == "\\langle":
            opening, closing = "(", ")"
        if (
            opening == "["
            and items
            and all(isinstance(item, Sequence) and item.opening == "[" for item in items)
        ):
            return nested_lists(items)
        return Sequence("tuple", items, opening, closing)

    def matrix(self, start: int, end: int, _nesting: int) -> Value | None:
        return read_matrix(self.tokens, self.partners, start, end)

    def ratio(self, start: int, end: int, _nesting: int) -> Value | None:
        ranges, found = split_outside(self.tokens[start:end], self.partners, start, frozenset((":", "to")))
        if not found or any(a == b for a, b in ranges):
            return None
        return Ratio(tuple(parse(self.tokens[start + a : start + b]) for a, b in ranges))

    def scalar(self, start: int, end: int) -> Value:
        tokens = self.tokens[start:end]
        if all(
            token.kind == "word" or (token.kind == "letter" and token.upright) for token in tokens
        ) and not (len(tokens) == 1 and tokens[0].kind == "letter"):
            return self.words(start, end)
        money = None
        sign: list[Token] = []
        if tokens[0].text in ("-", "+") and len(tokens) > 1 and tokens[1].text == "$":
            sign, tokens = [tokens[0]], tokens[1:]
        if tokens[0].text == "$":
            money, tokens = Unit((("money", 1),)), tokens[1:]
        tokens = [*sign, *tokens]
        if tokens and tokens[-1].text == "$":
            money, tokens = Unit((("money", 1),)), tokens[:-1]
        if tokens and tokens[0].kind == "command" and tokens[0].text == "\\emptyset" and len(tokens) == 1:
            return Sequence("set", ())
        if (
            len(tokens) > 1
            and tokens[0].kind == "word"
            and tokens[0].text.lower() in ("usd", "rs", "eur", "gbp")
        ):
            money, tokens = Unit(*(measure([(tokens[0].text.lower(), 1)]) or (None,))), tokens[1:]
        if tokens and tokens[0].kind == "word":
            return self.words(start, end)
        percent = bool(tokens) and tokens[-1].text == "%"
        if percent:
            tokens = tokens[:-1]
        tokens, unit = degrees(tokens)
        try:
            tree, used = parse_prefix(tokens)
        except UnreadableError:
            if any(token.kind == "word" for token in tokens) and not any(
                token.kind == "number" for token in tokens
            ):
                return self.words(start, end)
            raise
        rest = tokens[used:]
        while rest and rest[0].kind == "word" and rest[0].text.lower() in SCALES:
            tree = ("*", tree, ("n", Fraction(SCALES[rest[0].text.lower()]), 0))
            rest = rest[1:]
        if rest and rest[0].kind == "word" and rest[0].text.lower() in _PERCENT:
            percent, rest = True, rest[1:]
        if not rest:
            return Scalar(tree, unit or money, percent)
        return self.with_unit(tree, rest, percent=percent, money=money)

    def with_unit(self, tree: Tree, rest: list[Token], *, percent: bool, money: Unit | None) -> Value:
        words, known, stop = unit_words(rest)
        if stop == 0:
            raise UnreadableError(f"{rest[0].text!r} follows a number")
        unit = Unit(None)
        if known:
            measured = measure(words)
            if measured is not None:
                unit = Unit(*measured)
        if money is not None and unit.kinds is None:
            unit = money
        if stop < len(rest):
            raise UnreadableError("two amounts side by side")
        return Scalar(tree, unit, percent)

    def words(self, start: int, end: int) -> Value:
        return Words(plain_words(" ".join(token.text for token in self.tokens[start:end])))


@lru_cache(maxsize=4096)
def read(text: str) -> Value:
    """Read a cleaned answer.

    Raises:
        UnreadableError: It is not in the language that we read.
    """
    if len(text) < 60:
        clock = read_clock(text)
        if clock is not None:
            return clock
        based = read_based(text)
        if based is not None:
            return based
        parts = re.split(r",\s*|\s+(?:and|or)\s+", text)
        if len(parts) > 1:
            times = [read_clock(part) for part in parts]
            if None not in times:
                return Sequence("list", tuple(time for time in times if time is not None))
    try:
        tokens = tokenize(text)
        return _Reader(tokens).value(0, len(tokens))
    except UnreadableError:
        words = plain_words(text)
        if re.search(r"[A-Za-z]{2}", words) and not re.search(r"[\\^_=<>]", words):
            return Words(words)
        raise

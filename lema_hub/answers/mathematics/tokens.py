r"""Tokens of a cleaned answer, LaTeX or plain: numbers, commands, letters, words, symbols.

    >>> [token.text for token in tokenize(r"\frac{x}{2} \text{ cm}")]
    ['\\frac', '{', 'x', '}', '{', '2', '}', 'cm']

A run of letters is a word if it is in `\text{...}`, is four letters or longer, or is a unit or an English
word that we know; any other run is a product of letters. The trap: `in`, `m` and `s` are units only after a
number, which the reader decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from lema_hub.answers.mathematics.units import UNIT_WORDS

Kind = Literal["number", "command", "letter", "word", "symbol", "environment"]

MAX_TOKENS = 20_000


class UnreadableError(Exception):
    """The answer is not in the mathematical language that we read; never leaves `lema_hub.answers`."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `spaced` if white space stands before it, `upright` if it was written in a text command."""

    kind: Kind
    text: str
    spaced: bool
    upright: bool = False


_FUNCTIONS_TEXT = """
sin cos tan cot sec csc arcsin arccos arctan log ln gcd floor ceil abs
"""
FUNCTIONS = frozenset(_FUNCTIONS_TEXT.split())
_GLUED_NAME = re.compile(r"(sin|cos|tan|cot|sec|csc|log|ln|pi)([a-gi-z])")
_NAMED = FUNCTIONS | {
    "sqrt",
    "pi",
    "infty",
    "theta",
    "alpha",
    "beta",
    "gamma",
    "delta",
    "lambda",
    "phi",
    "omega",
    "pm",
    "frac",
    "binom",
}
_ALIASES = {
    "inf": "infty",
    "infinity": "infty",
    "oo": "infty",
    "ceiling": "ceil",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
}
_COMMAND_ALIASES = {
    "varphi": "phi", "bigcup": "cup", "bigcap": "cap",
    "varepsilon": "epsilon", "vartheta": "theta", "lvert": "|", "rvert": "|", "vert": "|",
    "mid": "|", "lfloor": "floor(", "rfloor": ")", "lceil": "ceil(", "rceil": ")", "backslash": "setminus",
    "ne": "!=", "le": "<=", "ge": ">=", "ast": "*", "land": "and", "lor": "or", "wedge": "and", "vee": "or",
    "varnothing": "emptyset", "imath": "i", "jmath": "j", "exists": "", "limits": "", "empty": "emptyset",
    "Re": "mathbb{R}", "implies": "implies",
}  # fmt: skip
_SHORT_WORDS_TEXT = """
a all an and any are at be by east even for if is it its no none north not odd of on one or pct per
six south sq ten the to two west yes
"""
_SHORT_WORDS = frozenset(_SHORT_WORDS_TEXT.split())

_TEXT_COMMANDS = (
    r"text(?:bf|it|rm|normal|sf|tt|up)?|mbox|hbox|mathrm|mathbf|mathit|mathsf|mathtt|mathcal|operatorname\*?"
    r"|emph|boldsymbol|bm|rm|bf|it|underline|boxed|fbox|ensuremath"
)
_TOKEN = re.compile(
    rf"""\s*(?:
    (?P<repeating>\d*\.\d*\\overline\s?\{{\d{{1,50}}\}})
  | (?P<number>\d+(?:\.\d+)?(?:[eE][-+]?\d{{1,4}}(?![\w.]))?|\.\d+(?:[eE][-+]?\d{{1,4}}(?![\w.]))?)
  | (?P<text>\\(?:{_TEXT_COMMANDS})\s*\{{(?P<content>(?:[^{{}}]|\{{[^{{}}]*\}})*)\}})
  | (?P<environment>\\(?:begin|end)\s*\{{[a-zA-Z]+\*?\}}(?:\s*\{{[clr|\s]*\}})?)
  | (?P<blackboard>\\mathbb\s?\{{?[A-Z]\}}?)
  | (?P<command>\\[A-Za-z]+)
  | (?P<escaped>\\[{{}}|])
  | (?P<row>\\\\)
  | (?P<symbol><=|>=|!=|==|\*\*|\.\.\.|[-+*/^_(){{}}\[\]<>=!|,;:%&$'])
  | (?P<letters>[A-Za-z]+)
  | (?P<other>[^\W\d_]+)
    )""",
    re.VERBOSE,
)


def _letters(run: str, spaced: bool, upright: bool) -> list[Token]:
    """Tokens of a run of letters: a name, a word, or a product of letters."""
    lower = run.lower()
    name = _ALIASES.get(lower, lower if len(run) > 1 else run)
    if name in _NAMED and (run.islower() or lower in _ALIASES):
        return [Token("command", "\\" + name, spaced)]
    if len(run) == 1:
        return [Token("letter", run, spaced, upright)]
    if upright or len(run) >= 4 or lower in _SHORT_WORDS or lower in UNIT_WORDS:
        return [Token("word", run, spaced, upright)]
    for known in ("sqrt", "pi"):
        if known in run and run != known:  # `xpi`, `2sqrt` and the like in plain text
            head, tail = run.split(known, 1)
            middle = [Token("command", "\\" + known, False)]
            return [
                *(_letters(head, spaced, upright) if head else []),
                *middle,
                *(_letters(tail, False, upright) if tail else []),
            ]
    return [Token("letter", letter, spaced and index == 0) for index, letter in enumerate(run)]


def tokenize(text: str, *, upright: bool = False) -> list[Token]:
    """Split a cleaned answer into tokens.

    Raises:
        UnreadableError: A character that no answer contains, or more than `MAX_TOKENS` tokens.
    """
    tokens: list[Token] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise UnreadableError(f"{text[position : position + 10]!r} is not mathematics")
        kind = "text" if match["content"] is not None else str(match.lastgroup)
        spaced = match.start(kind) > position or position == 0
        position = match.end()
        tokens.extend(_tokens_of(kind, match, spaced, upright))
        if len(tokens) > MAX_TOKENS:
            raise UnreadableError(f"more than {MAX_TOKENS} tokens")
    for index, token in enumerate(tokens):  # `40 min` and `30 sec` are times, `\\sec x` is a function
        if token.text in ("\\min", "\\sec") and (
            index + 1 == len(tokens) or tokens[index + 1].kind == "word"
        ):
            tokens[index] = Token("word", token.text[1:], token.spaced)
    return tokens


_SPELLINGS = {"**": "^", "==": "=", "\\|": "|"}


def _tokens_of(kind: str, found: re.Match[str], spaced: bool, upright: bool) -> list[Token]:
    """The tokens of one match."""
    value = found[kind]
    match kind:
        case "text":
            return _text_command(value, found["content"], spaced)
        case "command":
            return _command(value[1:], spaced)
        case "letters":
            return _letters(value, spaced, upright)
        case "number" | "repeating":
            return [Token("number", value, spaced)]
        case "blackboard":
            return [Token("command", "\\mathbb" + value.rstrip("}")[-1], spaced)]
        case "environment":
            return [Token("environment", re.sub(r"\s|\{[clr|\s]*\}$", "", value), spaced)]
        case "other":
            return [Token("word", value, spaced, upright=True)]
    return [Token("word" if value == "..." else "symbol", _SPELLINGS.get(value, value), spaced)]


def _text_command(value: str, content: str, spaced: bool) -> list[Token]:
    r"""The content of `\text{...}`, `\mathbf{...}` or a box; a box and a font keep several tokens together."""
    inner = tokenize(
        content, upright=not value.startswith(("\\boxed", "\\fbox", "\\underline", "\\ensuremath"))
    )
    font = not value.startswith(("\\text", "\\mbox", "\\hbox"))
    if value.startswith(("\\boxed", "\\fbox")) or (len(inner) > 1 and font):
        return [Token("symbol", "{", spaced), *inner, Token("symbol", "}", False)]
    return inner


def _command(name: str, spaced: bool) -> list[Token]:
    r"""A command under its usual name: `\ne` is `!=`, `\lfloor` opens a bracket of `\floor`."""
    glued = _GLUED_NAME.fullmatch(name)
    if glued is not None:  # `\\cotx`, which stands in real golds
        return [Token("command", "\\" + glued[1], spaced), *_letters(glued[2], spaced=True, upright=False)]
    alias = _COMMAND_ALIASES.get(name, name)
    if alias == "":
        return []
    if alias in ("floor(", "ceil("):
        return [Token("command", "\\" + alias[:-1], spaced), Token("symbol", "(", False)]
    if alias in ("i", "j"):
        return [Token("letter", alias, spaced)]
    if alias in ("and", "or"):
        return [Token("word", alias, spaced)]
    if not alias[0].isalpha():
        return [Token("symbol", alias, spaced)]
    return [Token("command", "\\" + alias, spaced)]


def bracket_partners(tokens: list[Token]) -> dict[int, int]:
    """For each opening bracket the position of its closing one; `(` may close with `]`, as intervals do.

    Raises:
        UnreadableError: The brackets do not pair.
    """
    partners: dict[int, int] = {}
    stack: list[tuple[int, str]] = []
    closers = {")": "round", "]": "round", "}": "brace", "\\}": "set", "\\rangle": "angle"}
    openers = {"(": "round", "[": "round", "{": "brace", "\\{": "set", "\\langle": "angle"}
    for index, token in enumerate(tokens):
        if token.kind == "environment":
            if token.text.startswith("\\begin"):
                stack.append((index, "environment"))
            elif not stack or stack[-1][1] != "environment":
                raise UnreadableError("\\end without \\begin")
            else:
                partners[stack.pop()[0]] = index
        elif token.text in openers:
            stack.append((index, openers[token.text]))
        elif token.text in closers:
            if not stack or stack[-1][1] != closers[token.text]:
                raise UnreadableError(f"{token.text!r} closes nothing")
            partners[stack.pop()[0]] = index
    if stack:
        raise UnreadableError(f"{tokens[stack[-1][0]].text!r} never closes")
    return partners


def split_outside(
    tokens: list[Token], partners: dict[int, int], offset: int, separators: frozenset[str]
) -> tuple[list[tuple[int, int]], list[str]]:
    """Ranges between separators at the outermost level, and the separators."""
    ranges, found = [], []
    start = index = 0
    bars = 0
    while index < len(tokens):
        if offset + index in partners:
            index = partners[offset + index] - offset + 1
            continue
        text = tokens[index].text
        if text == "|":
            bars ^= 1
        elif not bars and (
            text in separators or (tokens[index].kind == "word" and text.lower() in separators)
        ):
            ranges.append((start, index))
            found.append(text.lower())
            start = index + 1
        index += 1
    ranges.append((start, len(tokens)))
    return ranges, found

r"""What a sentence states as its answer: its number, its formula, its words.

    >>> number_in("$18 per day, because 9 * 2 = 18")
    '$18'
    >>> formula_in("the sum $a + b$")
    '$a + b$'

The trap: a number inside a formula is not the number that a sentence states. `(x+1)^{20}` is taken whole.
"""

from __future__ import annotations

import re

from lema_hub.answers.text import MAX_LENGTH

MAX_LINE = 4000
"""Characters of a line or sentence that are read."""

_AFTERTHOUGHT = re.compile(
    r"[,;]?\s+(?:because|since|so|which|whereas|as (?:we|it|the|this|that)|when|where|it|if)\b"
    r"|(?<=[\w%])\s\((?=[a-z]{2})",
    re.IGNORECASE,
)
ABOUT = re.compile(
    r"^(?:(?:that|therefore|thus|hence|just|exactly|about|approximately|only|indeed|simply|clearly|for sure"
    r"|probably)\b\s*,?\s*)+",
    re.IGNORECASE,
)

_NUMBER = (
    r"(?:(?<![\w.])-|(?<=\s)\+)?\s?(?:\\?\$\s?)?-?(?:\\[dtc]?frac\s?(?:\{[^{}]*\}\s?\{[^{}]*\}|\d\s?\d)"
    r"|(?:\d{1,3}(?:(?:,|\{,\}|,?\\[!,] ?)\d{3})+(?!\d)|[1-9]\d{0,2}(?: \d{3})+(?![\d/])|\d+)(?:\.\d+)?"
    r"|(?<!\d)\.\d+)"
)
_VALUE = re.compile(
    _NUMBER + r"(?:\s?[eE][-+]?\d+\b|\s*(?:\\times|\\cdot|[x*×])\s*10\s?(?:\^|\*\*)\s?(?:\{-?\d+\}|-?\d+)"
    r"|\s?/\s?\d+(?![\d/])|\s\d+/\d+|\s?\\[dtc]?frac\s?(?:\{\d+\}\s?\{\d+\}|\d\s?\d)"
    r"|:\d\d(?!\d)(?:\s?[ap]\.?m\b\.?)?|,\d{1,2}(?![\d,])(?=\s?[$€]|\s?$))?"
    r"(?:\s?\\?%|\s(?:percent|pct)\b|\s(?:hundred|thousand|million|billion|trillion)\b)?",
    re.IGNORECASE,
)
_BOLD = re.compile(r"\*\*([^*\n]{1,80})\*\*")
FORMULA = re.compile(
    r"\$\$(.{1,4000}?)\$\$|(?<![\\$])\$(?!\s?\d[\d,.]*\s[^$]*$)([^$\n]{1,1000}?)(?<!\\)\$|\\\((.{1,1000}?)\\\)|\\\[(.{1,4000}?)\\\]",
    re.DOTALL,
)

_OR_AND = re.compile(r"\s(?:or|and)\s", re.IGNORECASE)
_ALTERNATIVES = re.compile(
    rf"(?:{_VALUE.pattern})(?:(?:\s+[A-Za-z]+)?\s+or\s+|\s+and\s+)(?:{_VALUE.pattern})", re.IGNORECASE
)
_NOT = re.compile(r"(?:\bnot|n['’]t)\b\W*$")
_MINUS = re.compile(r"^\s*(?:minus|negative)\s+(?=\\?\$?\s?[\d.])", re.IGNORECASE)
_OPERATION = re.compile(rf"(?:\s*(?:[-+*/×÷]|\\times|\\cdot)\s*(?:{_NUMBER}))+(?![\w(])")
_OPEN_SUM = re.compile(r"\s*\+\s*[A-Za-z(]")

_PART = re.compile(
    r"(?:(?<![A-Za-z])[A-Za-z]|[)}\]]|\^\s?\w)(?:\s[-+*/^]\s|[-+*/^]\s?)$"
    r"|\\?sqrt\s*(?:\[[^\]]*\])?\s*[({]\s*-?$|\^\s*\{?-?$"
)
_PART_GOES_ON = re.compile(
    r"\s*(?:\^|\*\*\s*[\d({])|[A-Za-z]?\s*[-+*/]\s*\(\s*[-\d]|[A-Za-z]\s*[-+*]\s*\d|\([A-Za-z]\s*[-+*/^)]"
)
_BROKEN = re.compile(r"^[\^*/=_]|[-+*/^=_\\]$")
_PROSE = re.compile(r"(?<![A-Za-z\\])(?!sqrt)[^\W\d_]{2,}|=|[,;:]\s|\n|。")


def last_number(text: str, *, first: bool = False) -> str | None:
    """The last (or first) number of a sentence as it is written, with its fraction, percent sign or scale word.

    A formula that the number is a part of, and a sum or product that is not worked out (`5 + 3`), are taken whole.
    A number that is negated (`not 10`) or added to words (`5 + tax`) does not count.
    """
    found = None
    position = 0
    while match := _VALUE.search(text, position):
        operation = _OPERATION.match(text, match.end()) if first else None
        end = operation.end() if operation else match.end()
        formula = _formula_around(text, match.start(), end)
        position = end
        negated = _NOT.search(text[max(0, match.start() - 8) : match.start()])
        if negated or (first and formula is None and _OPEN_SUM.match(text, end)):
            continue
        found = formula or text[match.start() : end]
        if first:
            break
    return found.strip() if found else None


def _formula_around(text: str, start: int, end: int) -> str | None:
    """The formula that contains a number, or None if the number stands alone."""
    digits = end - len(text[start:end].lstrip("+- "))
    if not (_PART.search(text, max(0, start - 40), digits) or _PART_GOES_ON.match(text, end)):
        return None
    before = [match.end() for match in _PROSE.finditer(text, max(0, start - 200), start)]
    after = _PROSE.search(text, end, end + 200)
    formula = text[
        before[-1] if before else max(0, start - 200) : after.start() if after else len(text)
    ].strip(" .,;:$*")
    whole = all(formula.count(a) == formula.count(b) for a, b in ("()", "[]", "{}"))
    return formula if whole and not _BROKEN.search(formula) else None


def number_in(clause: str) -> str | None:
    """The number that a sentence like `$18 per day, because 9 * 2 = 18` states as its answer."""
    cut = _AFTERTHOUGHT.search(clause)
    stated = clause[: cut.start()] if cut and last_number(clause[: cut.start()]) else clause
    bold = _BOLD.findall(stated)
    if bold and re.search(r"\d", bold[-1]):
        stated = bold[-1]
    if "=" in stated and re.search(r"\d", stated.rsplit("=", 1)[1]):
        stated = stated.rsplit("=", 1)[1]
    stated = _MINUS.sub("-", stated)
    number = last_number(stated, first=True)
    both = _ALTERNATIVES.search(stated[:200]) if _OR_AND.search(stated) else None
    if number is not None and both is not None and both[0].strip().startswith(number):
        return both[0].strip()  # `5 or 6` is not one number
    return number


_QUOTES = re.compile(r'^\\?["“]|\\?["”]$')
_WORD = re.compile(r"[^\W\d_]{2,}")
_COPULA = re.compile(
    r"\b(?:is|are|was|were|equals|equal to|be|means)\b|:(?!\d)|应该是|是|为|等于", re.IGNORECASE
)
_SENTENCE_START = re.compile(r"(?<=[.!?])\s+(?=[A-Z\[(\"'*])|。")


def words(text: str) -> int:
    """How many words a text has outside its formulas, not counting `and` and `or`; prose has many."""
    bare = re.sub(r"\\[A-Za-z]+", " ", FORMULA.sub(" ", text))
    return sum(
        len(word) if ord(word[0]) > 0x2E80 else word.lower() not in ("and", "or")
        for word in _WORD.findall(bare)
    )


def formula_in(clause: str) -> str | None:
    """The answer that a sentence states: its formulas with what joins them, its number, or its words."""
    clause = ABOUT.sub("", _QUOTES.sub("", clause.strip().strip("*").strip())).strip()
    formulas = list(FORMULA.finditer(clause))
    if not formulas:
        cut = _AFTERTHOUGHT.search(clause)
        if cut and cut.start():
            clause = clause[: cut.start()].strip()
        if words(clause) <= 3 or not re.search(r"\d", clause):
            return clause or None
        stated = _COPULA.split(clause)[-1].strip()
        if stated != clause and re.search(r"\d", stated):
            return formula_in(stated)
        return last_number(clause, first=True)
    head = clause[: formulas[0].start()]
    if words(head) or "=" in head:
        stated = _COPULA.split(clause)[-1].strip()
        if stated != clause and (re.search(r"\d", stated) or FORMULA.search(stated)):
            return formula_in(stated)
        clause = clause[formulas[0].start() :]
    cut = _AFTERTHOUGHT.search(clause, formulas[0].end() - formulas[0].start())
    if cut:
        clause = clause[: cut.start()].strip()
    if words(clause) <= 3:
        return clause
    return content(formulas[0])


def content(formula: re.Match[str]) -> str:
    """A formula without its delimiters."""
    return next(group for group in formula.groups() if group is not None).strip()


def of_last_line(line: str, *, formulas: bool, alone: bool) -> str | None:
    """The answer that the last line of a text without a marker states.

    Args:
        line: The line.
        formulas: Whether a formula may be the answer, and not only a number.
        alone: Whether the text has no other line.
    """
    label = re.match(r"\w+\s?:\s+", line)
    if label and formulas:
        line = line[label.end() :]
    if formulas and alone and words(line) <= 3 and len(line) <= MAX_LENGTH:
        first = FORMULA.search(line)
        return line if first is None or not words(line[: first.start()]) else formula_in(line)
    sentences = [
        part
        for part in _SENTENCE_START.split(line)
        if part and (re.search(r"\d", part) or FORMULA.search(part))
    ]
    if not sentences:
        short = formulas and alone and len(line) <= 80 and not _SENTENCE_START.search(line)
        return line if short else None
    last = sentences[-1]
    bold = [part for part in _BOLD.findall(last) if re.search(r"\d", part)]
    if bold:
        return last_number(bold[-1])
    if formulas and (found := list(FORMULA.finditer(last))):
        after = last[found[-1].end() :]
        return (last_number(after) if re.search(r"\d", after) else None) or content(found[-1])
    if alone and len(line) <= 60 and _AFTERTHOUGHT.search(line):
        return number_in(line)
    return last_number(last)

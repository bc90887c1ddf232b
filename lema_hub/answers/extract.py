r"""Finding the final answer in what a model wrote.

The rules, in the order in which they decide (docs/answers.md has the reasons):

1. What follows the first answer is cut at a chat token or at the heading of another question (`Question:`,
   `### Instruction:`): base models run on.
2. Markers of an answer: `#### 18`, `\boxed{18}`, `The answer is 18.`, `Answer: 18`, a line `A: 18`. The
   **last** marker that has an answer behind it wins, whatever its kind: a text that corrects itself counts
   by its last answer. Boxes joined by nothing but commas, `and` and `or` are one list.
3. Without a marker the last line counts: for `number` its last number, for `math` its last formula (or the
   whole line if it is short), for `choice` its letter, for `text` the line itself.
4. An answer that touches the end of an output cut off by the token limit, or a box that never closes, is
`cut`.

    >>> find("So 3 + 4 = 8. The answer is 8. Wait, 3 + 4 = 7. The answer is 7.", style="number").answer
    '7'
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lema_hub.answers.choice import UNDECIDED, choice_in, options, rejects_all, whole_text
from lema_hub.answers.mathematics.words import read_number_words
from lema_hub.answers.text import MAX_LENGTH, ascii_spelling
from lema_hub.records import AnswerStyle

Marker = Literal["hash", "boxed", "phrase", "label", "last line"]

MAX_OUTPUT = 200_000
"""Characters of an output that are searched, counted from its end."""

MAX_MARKERS = 40
"""Markers of an answer that are tried, counted from the last."""

_MAX_LINE = 4000


@dataclass(frozen=True, slots=True)
class Found:
    """Where an answer was found; `answer` is None if there is none, `cut` if the token limit cut it off."""

    answer: str | None
    marker: Marker | None
    cut: bool = False


_CHAT_TOKEN = re.compile(
    r"<\|(?:im_end|im_start|eot_id|endoftext|end_of_text|end|user|assistant)\|>|</s>|<eos>|<end_of_turn>"
)
_NEXT_QUESTION = re.compile(
    r"\n[ \t]*(?:#+[ \t]*)?(?:\*\*)?(?:Question|Problem|Q|Instruction|User|Human|Input)(?:\s*\d+)?(?:\*\*)?\s*[:：]",
    re.IGNORECASE,
)
_MARKER = re.compile(
    r"(?P<hash>####)"
    r"|(?P<boxed>\\(?:(?:begin)?boxed|fboxed|fbox)(?![A-Za-z]))"
    r"|(?P<phrase>\banswers?(?:\*\*)?(?:\s+(?:to|for|of)\s[^.:=\n$]{0,80}?)?\s*"
    r"(?:(?:\b(?:is|are|was|would\sbe|should\sbe|must\sbe|equals)\b|=)\s*(?:\*\*)?\s*[:：]?|[:：])|答案(?:是|为|[:：])|\bréponse\s*(?:est|:))"
    r"|(?P<label>(?:^|\n)[ \t]*A:)",
    re.IGNORECASE,
)
_NO_ANSWER = re.compile(
    r"\W*(?:(?:not|correct|right|wrong|incorrect|therefore|given|found|verified|as follows|confirmed)\b"
    r"|unknown\W*$|$)",
    re.IGNORECASE,
)
_JOIN = re.compile(
    r"(?:\s|[$,.;&]|\\[()]|\\quad|\\text\s*\{|\}|\band\b|\bor\b|\\\]|\\\[|\\[,;!])*", re.IGNORECASE
)
_SENTENCE_END = re.compile(r"(?<!\b[ap])(?<!\b[ap]\.m)[.!?](?=[\s*\"')]*(?:\s|$))|。|\n[ \t]*\n")
_AFTERTHOUGHT = re.compile(
    r"[,;]?\s+(?:because|since|so|which|whereas|as (?:we|it|the|this|that)|when|where|it|if)\b"
    r"|(?<=[\w%])\s\((?=[a-z]{2})",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"^(?:(?:that|therefore|thus|hence|just|exactly|about|approximately|only|indeed|simply|clearly|for sure"
    r"|probably)\b\s*,?\s*)+",
    re.IGNORECASE,
)


def boxed_content(text: str, start: int) -> tuple[str | None, int]:
    r"""The content of the `\boxed` whose command ends at `start`, and where it ends; None if it never
    closes.
    """
    position = start
    while position < len(text) and text[position] in " \n":
        position += 1
    if position >= len(text):
        return None, len(text)
    if text[position] != "{":
        match = re.compile(r"[^\s$.,;]+").match(text, position)  # `\boxed 5`
        return (match[0], match.end()) if match else (None, position)
    depth = 0
    index = position
    while index < len(text):
        character = text[index]
        if character == "\\":
            index += 2
            continue
        if character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                return text[position + 1 : index], index + 1
        index += 1
    return None, len(text)


_DOLLAR = re.compile(r"(?<!\\)\$")
_MATH_DOLLAR = re.compile(r"(?<!\\)\$(?!\s?\d[\d,.]*(?:[\s.]|$))")


def _outside_math(text: str, pattern: re.Pattern[str], start: int = 0) -> int | None:
    r"""Where `pattern` first matches outside `$...$`, `\(...\)`, `\[...\]` and braces."""
    line = text[start:].split("\n\n")[0]
    delimiter = _DOLLAR if len(_DOLLAR.findall(line)) % 2 == 0 else _MATH_DOLLAR
    for match in pattern.finditer(text, start):
        before = text[start : match.start()]
        if len(delimiter.findall(before)) % 2:
            continue
        if before.count("\\(") > before.count("\\)") or before.count("\\[") > before.count("\\]"):
            continue
        if before.count("{") - before.count("\\{") > before.count("}") - before.count("\\}"):
            continue
        return match.start()
    return None


def _clause(text: str, start: int) -> tuple[str, int]:
    """The sentence that follows a marker, and where it ends."""
    begin = start
    while begin < len(text) and text[begin] in " \t\n:*":
        begin += 1
    if text.startswith(("\\[", "$$"), begin):
        close = text.find("\\]" if text[begin] == "\\" else "$$", begin + 2)
        if close >= 0:
            return text[begin : close + 2][:_MAX_LINE], close + 2
    rest = text[begin : begin + 2000]
    line = _outside_math(rest, re.compile(r"\n"))
    if line is not None:
        rest = rest[:line]
    end = _outside_math(rest, _SENTENCE_END)
    clause = rest if end is None else rest[:end]
    return clause, begin + len(clause)


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
_EXPRESSION = re.compile(r"^[\s$\\]*[-+(]?[\d.,$\\%()\[\]{}+*/^= a-z-]*$", re.IGNORECASE)
_BOLD = re.compile(r"\*\*([^*\n]{1,80})\*\*")
_FORMULA = re.compile(
    r"\$\$(.{1,4000}?)\$\$|(?<![\\$])\$(?!\s?\d[\d,.]*\s[^$]*$)([^$\n]{1,1000}?)(?<!\\)\$|\\\((.{1,1000}?)\\\)|\\\[(.{1,4000}?)\\\]",
    re.DOTALL,
)


_OR_AND = re.compile(r"\s(?:or|and)\s", re.IGNORECASE)
_ALTERNATIVES = re.compile(
    rf"(?:{_VALUE.pattern})(?:(?:\s+[A-Za-z]+)?\s+or\s+|\s+and\s+)(?:{_VALUE.pattern})", re.IGNORECASE
)
_NOT = re.compile(r"(?:\bnot|n['’]t)\b\W*$")
_MINUS = re.compile(r"^\s*(?:minus|negative)\s+(?=\\?\$?\s?[\d.])", re.IGNORECASE)
_EMPTY_BOX = re.compile(r"\\boxed\s*\{\s*\}")


_OPERATION = re.compile(rf"(?:\s*(?:[-+*/×÷]|\\times|\\cdot)\s*(?:{_NUMBER}))+(?![\w(])")
_OPEN_SUM = re.compile(r"\s*\+\s*[A-Za-z(]")


def last_number(text: str, *, first: bool = False) -> str | None:
    """The last (or first) number of a sentence as it is written, with its fraction, percent sign or scale word.

    A sum or product that is not worked out (`5 + 3`) is taken whole; a number in a sum with words is none.
    """
    found = None
    position = 0
    while match := _VALUE.search(text, position):
        operation = _OPERATION.match(text, match.end()) if first else None
        position = operation.end() if operation else match.end()
        denied = _NOT.search(text[max(0, match.start() - 8) : match.start()])
        if denied or (first and _OPEN_SUM.match(text, position)):
            continue
        found = text[match.start() : position]
        if first:
            break
    return found.strip() if found else None


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
        return both[0].strip()  # `5 or 6` is no answer of one number
    return number


_QUOTES = re.compile(r'^\\?["“]|\\?["”]$')
_WORD = re.compile(r"[^\W\d_]{2,}")
_COPULA = re.compile(
    r"\b(?:is|are|was|were|equals|equal to|be|means)\b|:(?!\d)|应该是|是|为|等于", re.IGNORECASE
)
_SENTENCE_START = re.compile(r"(?<=[.!?])\s+(?=[A-Z\[(\"'*])|。")


def _words(text: str) -> int:
    """Words of a text outside its formulas, `and` and `or` not counted: prose has many of them."""
    bare = re.sub(r"\\[A-Za-z]+", " ", _FORMULA.sub(" ", text))
    return sum(
        len(word) if ord(word[0]) > 0x2E80 else word.lower() not in ("and", "or")
        for word in _WORD.findall(bare)
    )


def formula_in(clause: str) -> str | None:
    """The answer that a sentence states: its formulas with what joins them, its number, or its words."""
    clause = _ABOUT.sub("", _QUOTES.sub("", clause.strip().strip("*").strip())).strip()
    formulas = list(_FORMULA.finditer(clause))
    if not formulas:
        cut = _AFTERTHOUGHT.search(clause)
        if cut and cut.start():
            clause = clause[: cut.start()].strip()
        if _words(clause) <= 3 or not re.search(r"\d", clause):
            return clause or None
        stated = _COPULA.split(clause)[-1].strip()
        if stated != clause and re.search(r"\d", stated):
            return formula_in(stated)
        return last_number(clause, first=True)
    head = clause[: formulas[0].start()]
    if _words(head) or "=" in head:
        stated = _COPULA.split(clause)[-1].strip()
        if stated != clause and (re.search(r"\d", stated) or _FORMULA.search(stated)):
            return formula_in(stated)
        clause = clause[formulas[0].start() :]
    cut = _AFTERTHOUGHT.search(clause, formulas[0].end() - formulas[0].start())
    if cut:
        clause = clause[: cut.start()].strip()
    if _words(clause) <= 3:
        return clause
    return _content(formulas[0])


def _content(formula: re.Match[str]) -> str:
    return next(group for group in formula.groups() if group is not None).strip()


_CHOICE_LINE = re.compile(
    r"\W*(?:(?:final\s+)?(?:solution|choice|option)\s*:\s*)?(?:(?:choice|option)\\?[\s_]+)?\(?[A-J]\)?(?:[.:)]\s[^/]*|\W*)",
    re.IGNORECASE,
)
_VALUE_FIRST = re.compile(r"\W*(?:approximately|about|roughly)?\W*\d")


def _spelled_out(clause: str) -> str | None:
    """`eighteen` or `eighteen dollars`, if the sentence says nothing else."""
    words = re.findall(r"[A-Za-z-]+", clause[:80])
    for count in (len(words), len(words) - 1):
        phrase = " ".join(words[:count])
        if count and read_number_words(phrase) is not None:
            return phrase
    return None


def _answer_in(clause: str, style: AnswerStyle, among: Mapping[str, str]) -> str | None:
    if _NO_ANSWER.match(clause):
        if style == "choice":
            return whole_text(clause, among) or (UNDECIDED if rejects_all(clause) else None)
        return None
    if style == "number":
        return number_in(clause) or _spelled_out(clause)
    if style == "choice":
        letter = choice_in(clause, first=True, among=among)
        # A value that is none of the options is an answer too, and takes an earlier one back.
        return UNDECIDED if letter is None and among and _VALUE_FIRST.match(clause) else letter
    if style == "text":
        return _ABOUT.sub("", clause.strip().strip("*")).strip() or None
    return formula_in(clause)


def _is_final(text: str, match: re.Match[str], clause: str) -> bool:
    """Whether a sentence behind a box gives a new answer, and does not only talk about the boxed one."""
    bare = re.search(r"\d", clause) or _FORMULA.search(clause)
    if re.search(r"final\s+$", text[max(0, match.start() - 8) : match.start()], re.IGNORECASE):
        return bool(bare) or clause[:1].isupper()
    return bool(bare) and _words(clause) <= 2 and "\\equiv" not in clause and clause.count("=") <= 1


def _run_on(text: str, first_marker: int) -> str:
    match = _NEXT_QUESTION.search(text, first_marker)
    return text if match is None else text[: match.start()]


def _last_line(text: str, style: AnswerStyle, among: Mapping[str, str]) -> str | None:
    """The answer of a text without a marker: what its last line, or the last sentence with a number in it,
    states.
    """
    lines = [line.strip() for line in text.strip().split("\n") if line.strip(" *`$\\[]")]
    if not lines:
        return None
    line = lines[-1][-_MAX_LINE:]
    if style == "choice":
        return choice_in(line, first=False, among=among) or None
    if style == "text":
        return line
    label = re.match(r"\w+\s?:\s+", line)
    if label and style == "math":
        line = line[label.end() :]
    if style == "math" and _words(line) <= 3 and len(line) <= MAX_LENGTH and len(lines) == 1:
        formulas = list(_FORMULA.finditer(line))
        return line if not formulas or not _words(line[: formulas[0].start()]) else formula_in(line)
    sentences = [
        part
        for part in _SENTENCE_START.split(line)
        if part and (re.search(r"\d", part) or _FORMULA.search(part))
    ]
    if not sentences:
        if style == "math" and len(lines) == 1 and len(line) <= 80 and not _SENTENCE_START.search(line):
            return line
        return None
    bold = [part for part in _BOLD.findall(sentences[-1]) if re.search(r"\d", part)]
    if bold:
        return last_number(bold[-1])
    if style == "math" and _FORMULA.search(sentences[-1]):
        formulas = list(_FORMULA.finditer(sentences[-1]))
        after = sentences[-1][formulas[-1].end() :]
        return (last_number(after) if re.search(r"\d", after) else None) or _content(formulas[-1])
    if len(lines) == 1 and len(line) <= 60 and _AFTERTHOUGHT.search(line):
        return number_in(line)
    return last_number(sentences[-1])


def _closing_choice(text: str, matches: list[re.Match[str]], among: Mapping[str, str]) -> str | None:
    """The letter of a last line that is nothing else (`Solution: Choice B`), where no marker stands in it or after."""
    line = text.rstrip()[-200:].rsplit("\n", 1)[-1]
    start = len(text.rstrip()) - len(line)
    if not _CHOICE_LINE.fullmatch(line) or (matches and matches[-1].start() >= start):
        return None
    return choice_in(line, first=True, among=among) or None


def find(
    output: str,
    *,
    style: AnswerStyle = "number",
    finish_reason: str | None = None,
    question: str | None = None,
) -> Found:
    """Find the final answer of a whole output.

    Args:
        output: What a model wrote; anything goes, nothing in it is executed.
        style: What kind of answer is looked for.
        finish_reason: `length` if the token limit ended the output.
        question: The problem's text; it has the options of a `choice`.

    Returns:
        The answer as it is written there, the marker that gave it, and whether it was cut off.
    """
    text = output[-MAX_OUTPUT:]
    if not text.isascii():
        text = ascii_spelling(text) if style in ("number", "choice") else _CHAT_SAFE.sub("", text)
    text = _DOT_IN_MATH.sub(r"$\1", text)
    limit_hit = finish_reason == "length"
    among = options(question) if style == "choice" else {}
    token = _CHAT_TOKEN.search(text)
    if token is not None and text[: token.start()].strip():
        text, limit_hit = text[: token.start()], False
    matches = list(_MARKER.finditer(text))
    if matches:
        shorter = _run_on(text, matches[0].start())
        if len(shorter) < len(text):
            text, limit_hit = shorter, False
            matches = [match for match in matches if match.end() <= len(text)]
    if style == "choice" and not limit_hit and (letter := _closing_choice(text, matches, among)):
        return Found(letter, "label")
    for position in range(len(matches) - 1, max(-1, len(matches) - 1 - MAX_MARKERS), -1):
        match = matches[position]
        kind = match.lastgroup
        if kind == "boxed":
            content, end = boxed_content(text, match.end())
            if content is None:
                partial = text[match.end() :].lstrip(" {")
                if finish_reason == "stop" and partial.strip():
                    return Found(partial.strip().splitlines()[0], "boxed")
                return Found(None, "boxed", cut=True)
            if not content.strip():
                continue
            if content.lstrip().startswith(("\\boxed", "\\fbox")):
                continue
            parts = [content]
            for earlier in range(position - 1, -1, -1):
                if matches[earlier].lastgroup != "boxed":
                    break
                other, other_end = boxed_content(text, matches[earlier].end())
                if (
                    other is None
                    or other_end > match.start()
                    or not _JOIN.fullmatch(text, other_end, match.start())
                ):
                    break
                parts.insert(0, other)
                match = matches[earlier]
            answer: str | None = ", ".join(parts) if len(parts) > 1 else content
            if style == "number":
                answer = content if len(content) < 200 else number_in(content)
            elif style == "choice":
                answer = choice_in(", ".join(parts), first=True, among=among)
            if answer is None:
                continue
            return Found(answer.strip() or None, "boxed")
        if kind == "hash":
            clause = text[match.end() :].lstrip(" \t").split("\n", 1)[0].strip()[:_MAX_LINE]
            end = len(text) if match.end() + len(clause) + 1 >= len(text.rstrip()) else 0
            if not clause:
                continue
            answer = clause if style in ("math", "text") else _answer_in(clause, style, among)
        elif kind == "label":
            clause = text[match.end() :].lstrip(" \t").split("\n", 1)[0].strip()
            end = match.end() + len(clause) + 1
            if len(clause) > 60 or not clause:
                continue
            answer = _answer_in(clause, style, among)
        else:
            clause, end = _clause(text, match.end())
            if style == "math" and "\\boxed" in clause:
                continue
            answer = _answer_in(clause, style, among)
            boxed_before = any(other.lastgroup == "boxed" for other in matches[:position])
            final = len(clause.split()) <= 4 if style == "choice" else _is_final(text, match, clause)
            if boxed_before and answer is not None and not final:
                continue
        if answer is None:
            continue
        if style == "choice" and answer == UNDECIDED:
            return Found(None, kind)  # type: ignore[arg-type]
        if (
            limit_hit
            and end >= len(text.rstrip())
            and not text.rstrip().endswith((".", "$", "}", ")", "\\]"))
        ):
            return Found(None, kind, cut=True)  # type: ignore[arg-type]
        return Found(answer.strip(), kind)  # type: ignore[arg-type]
    if limit_hit:
        return Found(None, None, cut=True)
    answer = _last_line(text, style, among) if _EMPTY_BOX.sub("", text).strip(" \n$\\[].") else None
    return Found(answer, "last line" if answer is not None else None)


_DOT_IN_MATH = re.compile(r"([.,])\$(?=\s|$)")
_CHAT_SAFE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\x00]")


def extract(output: str, *, style: AnswerStyle = "number", question: str | None = None) -> str | None:
    r"""The final answer of an output as it is written there (of a `choice` its letter), None if there is none.

    Example:
        >>> extract("She has 9 * 2 = $<<9*2=18>>18 left.\n#### 18")
        '18'
        >>> extract(r"Hence $x = \boxed{\frac{1}{2}}$.", style="math")
        '\\frac{1}{2}'
    """
    return find(output, style=style, question=question).answer

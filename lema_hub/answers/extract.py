r"""Finding the final answer in what a model wrote.

The rules, in the order in which they decide (docs/answers.md has the reasons):

1. What follows the first answer is cut at a chat token or at the heading of another question (`Question:`,
   `### Instruction:`): base models run on.
2. Markers of an answer: `#### 18`, `\boxed{18}`, `The answer is 18.`, `Answer: 18`, a line `A: 18`. The **last** marker
   that has an answer behind it wins, whatever its kind: a text that corrects itself counts by its last answer.
   Boxes joined by nothing but commas, `and` and `or` are one list.
3. Without a marker the last line counts: for `number` its last number, for `math` its last formula (or the whole line
   if it is short), for `choice` its letter, for `text` the line itself.
4. An answer that touches the end of an output cut off by the token limit, or a box that never closes, is `cut`.

    >>> find("So 3 + 4 = 8. The answer is 8. Wait, 3 + 4 = 7. The answer is 7.", style="number").answer
    '7'
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from lema_hub.answers.text import ascii_spelling
from lema_hub.records import AnswerStyle

Marker = Literal["hash", "boxed", "phrase", "label", "last line"]

MAX_OUTPUT = 200_000
"""Characters of an output that are searched, counted from its end."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where an answer was found; `answer` is None if there is none, `cut` if the token limit cut it off."""

    answer: str | None
    marker: Marker | None
    cut: bool = False


_CHAT_TOKEN = re.compile(r"<\|(?:im_end|im_start|eot_id|endoftext|end_of_text|end|user|assistant)\|>|</s>|<eos>|<end_of_turn>")
_NEXT_QUESTION = re.compile(
    r"\n\s*(?:#+\s*)?(?:\*\*)?(?:Question|Problem|Q|Instruction|User|Human|Input)(?:\s*\d+)?(?:\*\*)?\s*[:：]", re.IGNORECASE
)
_MARKER = re.compile(
    r"(?P<hash>####)"
    r"|(?P<boxed>\\(?:begin)?f?boxed\b|\\fbox\b)"
    r"|(?P<phrase>\b(?:answers?|solution)(?:\*\*)?(?:\s+(?:to|for|of)\s[^.:=\n$]{0,80}?)?\s*(?:(?:\bis\b|\bare\b|\bwas\b|\bwould\sbe\b|\bshould\sbe\b"
    r"|\bequals\b|\bmust\sbe\b|=)\s*(?:\*\*)?\s*[:：]?|[:：])|答案(?:是|为|[:：])|\bréponse\s*(?:est|:))"
    r"|(?P<label>(?:^|\n)[ \t]*A:)",
    re.IGNORECASE,
)
_NO_ANSWER = re.compile(
    r"(?:\W*(?:not\b|correct\b|right\b|wrong\b|incorrect\b|therefore\b|given\b|found\b|verified\b|as follows\b|confirmed\b|unknown\W*$)|\W*$)",
    re.IGNORECASE,
)
_JOIN = re.compile(r"(?:\s|[$,.;&]|\\quad|\\text\s*\{|\}|\band\b|\bor\b|\\\]|\\\[|\\[,;!])*", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<!\b[ap])(?<!\b[ap]\.m)[.!?](?=[\s*\"')]*(?:\s|$))|。|\n\s*\n")
_AFTERTHOUGHT = re.compile(r"[,;]?\s+(?:because|since|so that|which|whereas|as (?:we|it|the|this|that)|when|where|it|if)\b|\s\(", re.IGNORECASE)
_ABOUT = re.compile(r"^(?:(?:that|therefore|thus|hence|just|exactly|about|approximately|only|indeed|simply|clearly|for sure|probably)\b\s*,?\s*)+", re.IGNORECASE)  # fmt: skip


def boxed_content(text: str, start: int) -> tuple[str | None, int]:
    r"""The content of the `\boxed` whose command ends at `start`, and where it ends; None if it never closes."""
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


def _outside_math(text: str, pattern: re.Pattern[str], start: int = 0) -> int | None:
    r"""Where `pattern` first matches outside `$...$`, `\(...\)`, `\[...\]` and braces."""
    for match in pattern.finditer(text, start):
        before = text[start : match.start()]
        dollars = len(re.findall(r"(?<!\\)\$(?!\s?\d[\d,.]*(?:\s|$))", before))
        if dollars % 2 and "$" in text[match.start() :].split("\n")[0]:
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
            return text[begin : close + 2], close + 2
    rest = text[begin : begin + 2000]
    line = _outside_math(rest, re.compile(r"\n"))
    if line is not None:
        rest = rest[:line]
    end = _outside_math(rest, _SENTENCE_END)
    clause = rest if end is None else rest[:end]
    return clause, begin + len(clause)


_NUMBER = (
    r"(?:(?<![\w.])-|(?<=\s)\+)?\s?(?:\\?\$\s?)?-?(?:\\[dtc]?frac\s?(?:\{[^{}]*\}\s?\{[^{}]*\}|\d\s?\d)"
    r"|(?:\d{1,3}(?:(?:,|\{,\}|,?\\[!,] ?)\d{3})+(?!\d)|[1-9]\d{0,2}(?: \d{3})+(?![\d/])|\d+)(?:\.\d+)?|\.\d+)"
)
_VALUE = re.compile(
    _NUMBER + r"(?:\s?[eE][-+]?\d+\b|\s*(?:\\times|\\cdot|[x*×])\s*10\s?(?:\^|\*\*)\s?(?:\{-?\d+\}|-?\d+)"
    r"|\s?/\s?\d+(?![\d/])|\s\d+/\d+|\s?\\[dtc]?frac\s?(?:\{\d+\}\s?\{\d+\}|\d\s?\d)|:\d\d(?!\d)(?:\s?[ap]\.?m\b\.?)?|,\d{1,2}(?![\d,])(?=\s?[$€]|\s?$))?"
    r"(?:\s?\\?%|\s(?:percent|pct)\b|\s(?:hundred|thousand|million|billion|trillion)\b)?",
    re.IGNORECASE,
)
_EXPRESSION = re.compile(r"^[\s$\\]*[-+(]?[\d.,$\\%()\[\]{}+*/^= a-z-]*$", re.IGNORECASE)
_BOLD = re.compile(r"\*\*([^*\n]{1,80})\*\*")
_FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$])\$(?!\s?\d[\d,.]*\s[^$]*$)([^$\n]+?)(?<!\\)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)


def last_number(text: str, *, first: bool = False) -> str | None:
    """The last (or first) number of a sentence as it is written, with its fraction, percent sign or scale word."""
    found = None
    for match in _VALUE.finditer(text):
        found = match[0]
        if first:
            break
    return found.strip() if found else None


def number_in(clause: str) -> str | None:
    """The number that a sentence like `$18 per day, because 9 * 2 = 18` states as its answer."""
    cut = _AFTERTHOUGHT.search(clause)
    stated = clause[: cut.start()] if cut and re.search(r"\d", clause[: cut.start()]) else clause
    bold = _BOLD.findall(stated)
    if bold and re.search(r"\d", bold[-1]):
        stated = bold[-1]
    if "=" in stated and re.search(r"\d", stated.rsplit("=", 1)[1]):
        stated = stated.rsplit("=", 1)[1]
    return last_number(stated, first=True)


def formula_in(clause: str) -> str | None:
    """The answer that a sentence states: its formulas, with the words between them if they join a list."""
    clause = clause.strip().strip("*").strip()
    clause = _ABOUT.sub("", clause)
    formulas = list(_FORMULA.finditer(clause))
    if not formulas:
        cut = _AFTERTHOUGHT.search(clause)
        return (clause[: cut.start()] if cut and cut.start() else clause).strip() or None
    outside = _FORMULA.sub("", clause)
    words = re.findall(r"[A-Za-z]+", outside)
    if len(formulas) == 1 and len(words) > 4:
        match = formulas[0]
        return next(group for group in match.groups() if group is not None).strip()
    if words and len([word for word in words if word.lower() not in ("and", "or")]) > 6:
        match = formulas[-1]
        return next(group for group in match.groups() if group is not None).strip()
    return clause[formulas[0].start() :] if len(words) <= 2 else clause


_LETTER = re.compile(r"(?<![\w'’\\])\(?\s*([A-J])\s*\)?(?![\w'’])")
_DENIED = re.compile(r"(?:\bnot|n't|\bnor|\bneither|不是|instead of|rather than)\s+(?:be\s+)?(?:option\s+|choice\s+)?$", re.IGNORECASE)


def choice_in(clause: str, *, first: bool) -> str | None:
    """The option letter that a sentence states; denied letters (`not A`) and the article `A` don't count."""
    found = None
    for match in _LETTER.finditer(re.sub(r"\\(?:text(?:bf|rm)?|mathrm|mathbf|mbox)\s*\{([^{}]*)\}", r"\1", clause)):
        before, after = match.string[: match.start()], match.string[match.end() :]
        bare = match[0].strip() == match[1]
        if _DENIED.search(before) or (bare and match[1] in "AI" and re.match(r"\s+[a-z]", after)):
            continue
        found = match[1]
        if first:
            break
    return found


def _answer_in(clause: str, style: AnswerStyle) -> str | None:
    if _NO_ANSWER.match(clause):
        return None
    if style == "number":
        return number_in(clause)
    if style == "choice":
        return choice_in(clause, first=True)
    if style == "text":
        return _ABOUT.sub("", clause.strip().strip("*")).strip() or None
    return formula_in(clause)


def _run_on(text: str, first_marker: int) -> str:
    for pattern in (_CHAT_TOKEN, _NEXT_QUESTION):
        match = pattern.search(text, first_marker)
        if match is not None:
            text = text[: match.start()]
    return text


def _last_line(text: str, style: AnswerStyle) -> str | None:
    lines = [line.strip() for line in text.strip().splitlines() if line.strip(" *`$\\[]")]
    if not lines:
        return None
    line = lines[-1]
    if style == "number":
        bold = [part for part in _BOLD.findall(line) if re.search(r"\d", part)]
        if bold:
            return last_number(bold[-1])
        if len(lines) == 1 and len(line) <= 60 and _AFTERTHOUGHT.search(line):
            return number_in(line)
        return last_number(line)
    if style == "choice":
        return choice_in(line, first=False)
    if style == "text":
        return line
    if len(lines) == 1 and len(line) <= 200 and not re.search(r"[A-Za-z]{2,} [A-Za-z]+ [A-Za-z]{2,}", _FORMULA.sub("", line)):
        return line
    formulas = list(_FORMULA.finditer(text))
    if formulas:
        return next(group for group in formulas[-1].groups() if group is not None).strip()
    return last_number(line)


def find(output: str, *, style: AnswerStyle = "number", finish_reason: str | None = None) -> Found:
    """Find the final answer of a whole output.

    Args:
        output: What a model wrote; anything goes, nothing in it is executed.
        style: What kind of answer is looked for.
        finish_reason: `length` if the token limit ended the output.

    Returns:
        The answer as it is written there, the marker that gave it, and whether it was cut off.
    """
    text = output[-MAX_OUTPUT:]
    if not text.isascii():
        text = ascii_spelling(text) if style in ("number", "choice") else _CHAT_SAFE.sub("", text)
    limit_hit = finish_reason == "length"
    matches = list(_MARKER.finditer(text))
    if matches:
        shorter = _run_on(text, matches[0].start())
        if len(shorter) < len(text):
            text, limit_hit = shorter, False
            matches = [match for match in matches if match.end() <= len(text)]
    for position in range(len(matches) - 1, -1, -1):
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
                if other is None or other_end > match.start() or not _JOIN.fullmatch(text, other_end, match.start()):
                    break
                parts.insert(0, other)
                match = matches[earlier]
            answer: str | None = ", ".join(parts) if len(parts) > 1 else content
            if style == "number":
                answer = content if len(content) < 200 else number_in(content)
            elif style == "choice":
                answer = choice_in(content, first=True)
            if answer is None:
                continue
            return Found(answer.strip(), "boxed")
        if kind == "hash":
            clause = text[match.end() :].lstrip(" \t").split("\n", 1)[0].strip()
            end = len(text) if match.end() + len(clause) + 1 >= len(text.rstrip()) else 0
            if not clause:
                continue
            answer = clause if style in ("math", "text") else _answer_in(clause, style)
        elif kind == "label":
            clause = text[match.end() :].lstrip(" \t").split("\n", 1)[0].strip()
            end = match.end() + len(clause) + 1
            if len(clause) > 60 or not clause:
                continue
            answer = _answer_in(clause, style)
        else:
            clause, end = _clause(text, match.end())
            if style == "math" and "\\boxed" in clause:
                continue
            answer = _answer_in(clause, style)
        if answer is None:
            continue
        if limit_hit and end >= len(text.rstrip()) and not text.rstrip().endswith((".", "$", "}", ")", "\\]")):
            return Found(None, kind, cut=True)  # type: ignore[arg-type]
        return Found(answer.strip(), kind)  # type: ignore[arg-type]
    if limit_hit:
        return Found(None, None, cut=True)
    answer = _last_line(text, style)
    return Found(answer, "last line" if answer is not None else None)


_CHAT_SAFE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\x00]")


def extract(output: str, *, style: AnswerStyle = "number") -> str | None:
    r"""The final answer of an output as it is written there, None if there is none.

    Example:
        >>> extract("She has 9 * 2 = $<<9*2=18>>18 left.\n#### 18")
        '18'
        >>> extract(r"Hence $x = \boxed{\frac{1}{2}}$.", style="math")
        '\\frac{1}{2}'
    """
    return find(output, style=style).answer

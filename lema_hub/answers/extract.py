r"""Finding the final answer in a model's output.

The rules, in the order in which they decide (docs/answers.md has the reasons):

1. What follows the first answer is cut at a chat token or at the heading of another question (`Question:`,
   `### Instruction:`): base models run on.
2. Markers of an answer: `#### 18`, `\boxed{18}`, `The answer is 18.`, `Answer: 18`, a line `A: 18`. The
   **last** marker that is followed by an answer wins, whatever its kind: a text that corrects itself counts
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
from typing import Literal, cast

from lema_hub.answers.choice import UNDECIDED, choice_in, options, rejects_all, whole_text
from lema_hub.answers.sentence import (
    ABOUT,
    FORMULA,
    MAX_LINE,
    formula_in,
    number_in,
    of_last_line,
    words,
)
from lema_hub.answers.text import ascii_spelling
from lema_hub.records import AnswerStyle

Marker = Literal["hash", "boxed", "phrase", "label", "last line"]

MAX_OUTPUT = 200_000
"""Characters of an output that are searched, counted from its end."""

MAX_MARKERS = 40
"""Markers of an answer that are tried, counted from the last."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where an answer was found.

    `answer` is None if there is none, and `cut` if the token limit cut it off. `boxes` are the different boxes of
    the output if `answer` is the last one; they are one answer if the gold answer has as many parts.
    """

    answer: str | None
    marker: Marker | None
    cut: bool = False
    boxes: tuple[str, ...] = ()


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
    r"(?:\s|[$,.;&*]|\\[()]|\\quad|\\text\s*\{|\}|\band\b|\bor\b|\\\]|\\\[|\\[,;!])*", re.IGNORECASE
)
_SENTENCE_END = re.compile(r"(?<!\b[ap])(?<!\b[ap]\.m)[.!?](?=[\s*\"')]*(?:\s|$))|。|\n[ \t]*\n")
_EMPTY_BOX = re.compile(r"\\boxed\s*\{\s*\}")
_DOT_IN_MATH = re.compile(r"([.,])\$(?=\s|$)")
_CHAT_SAFE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\x00]")
_CHOICE_LINE = re.compile(
    r"\W*(?:(?:final\s+)?(?:solution|choice|option)\s*:\s*)?(?:(?:choice|option)\\?[\s_]+)?\(?[A-J]\)?(?:[.:)]\s[^/]*|\W*)",
    re.IGNORECASE,
)
_VALUE_FIRST = re.compile(r"\W*(?:approximately|about|roughly)?\W*\d")


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
            return text[begin : close + 2][:MAX_LINE], close + 2
    rest = text[begin : begin + 2000]
    line = _outside_math(rest, re.compile(r"\n"))
    if line is not None:
        rest = rest[:line]
    end = _outside_math(rest, _SENTENCE_END)
    clause = rest if end is None else rest[:end]
    return clause, begin + len(clause)


def _answer_in(clause: str, style: AnswerStyle, among: Mapping[str, str]) -> str | None:
    if _NO_ANSWER.match(clause):
        if style == "choice":
            return whole_text(clause, among) or (UNDECIDED if rejects_all(clause) else None)
        return None
    if style == "number":
        return number_in(clause)
    if style == "choice":
        letter = choice_in(clause, first=True, among=among)
        # A value outside the options is an answer too; it replaces an earlier one.
        return UNDECIDED if letter is None and among and _VALUE_FIRST.match(clause) else letter
    if style == "text":
        return ABOUT.sub("", clause.strip().strip("*")).strip() or None
    return formula_in(clause)


def _is_final(text: str, match: re.Match[str], clause: str) -> bool:
    """Whether a sentence after a box gives a new answer, and does not only talk about the boxed one."""
    bare = re.search(r"\d", clause) or FORMULA.search(clause)
    if re.search(r"final\s+$", text[max(0, match.start() - 8) : match.start()], re.IGNORECASE):
        return bool(bare) or clause[:1].isupper()
    return bool(bare) and words(clause) <= 2 and "\\equiv" not in clause and clause.count("=") <= 1


def _last_line(text: str, style: AnswerStyle, among: Mapping[str, str]) -> str | None:
    lines = [line.strip() for line in text.strip().split("\n") if line.strip(" *`$\\[]")]
    if not lines:
        return None
    line = lines[-1][-MAX_LINE:]
    if style == "choice":
        return choice_in(line, first=False, among=among) or None
    if style == "text":
        return line
    return of_last_line(line, formulas=style == "math", alone=len(lines) == 1)


def _closing_choice(text: str, matches: list[re.Match[str]], among: Mapping[str, str]) -> str | None:
    """The letter of a last line that holds nothing else (`Solution: Choice B`) and no marker."""
    line = text.rstrip()[-200:].rsplit("\n", 1)[-1]
    start = len(text.rstrip()) - len(line)
    if not _CHOICE_LINE.fullmatch(line) or (matches and matches[-1].start() >= start):
        return None
    return choice_in(line, first=True, among=among) or None


@dataclass(frozen=True, slots=True)
class _Output:
    """An output, cut where it continues with another question, and the markers in it."""

    text: str
    markers: list[re.Match[str]]
    style: AnswerStyle
    among: Mapping[str, str]
    limit_hit: bool
    stopped: bool

    def boxed(self, position: int) -> Found | None:
        """The answer of a box, together with the boxes that are joined to it; None if it is empty."""
        marker = self.markers[position]
        content, _ = boxed_content(self.text, marker.end())
        if content is None:
            partial = self.text[marker.end() :].lstrip(" {").strip()
            return (
                Found(partial.splitlines()[0], "boxed")
                if self.stopped and partial
                else Found(None, "boxed", cut=True)
            )
        if not content.strip() or content.lstrip().startswith(("\\boxed", "\\fbox")):
            return None
        parts, start = [content], marker.start()
        for earlier in reversed(self.markers[:position]):
            other, end = (
                boxed_content(self.text, earlier.end()) if earlier.lastgroup == "boxed" else (None, 0)
            )
            if not (other and other.strip()) or end > start or not _JOIN.fullmatch(self.text, end, start):
                break
            parts.insert(0, other)
            start = earlier.start()
        together = ", ".join(parts)
        answer: str | None = together
        if self.style == "number":
            answer = together if len(together) < 200 else number_in(content)
        elif self.style == "choice":
            answer = choice_in(together, first=True, among=self.among)
        if answer is None:
            return None
        several = self.style in ("number", "math") and position > 0
        return Found(answer.strip() or None, "boxed", boxes=self.boxes(position) if several else ())

    def boxes(self, position: int) -> tuple[str, ...]:
        """The different boxes up to a marker, in order."""
        markers = [one for one in self.markers[: position + 1][-MAX_MARKERS:] if one.lastgroup == "boxed"]
        contents = [boxed_content(self.text, marker.end())[0] for marker in markers]
        return tuple(dict.fromkeys(content.strip() for content in contents if content and content.strip()))

    def stated(self, position: int) -> Found | None:
        """The answer after a marker that is not a box, or None."""
        marker = self.markers[position]
        kind = cast("Marker", marker.lastgroup)
        rest = self.text[marker.end() :]
        if kind == "phrase":
            clause, end = _clause(self.text, marker.end())
            if self.style == "math" and "\\boxed" in clause:
                return None
        else:
            clause = rest.lstrip(" \t").split("\n", 1)[0].strip()[:MAX_LINE]
            end = marker.end() + len(clause) + 1
            if not clause or (kind == "label" and len(clause) > 60):
                return None
        if kind == "hash" and self.style in ("math", "text"):
            answer: str | None = clause
        else:
            answer = _answer_in(clause, self.style, self.among)
        if answer is None or (kind == "phrase" and not self.counts(position, clause)):
            return None
        if self.style == "choice" and answer == UNDECIDED:
            return Found(None, kind)
        text = self.text.rstrip()
        if self.limit_hit and end >= len(text) and not text.endswith((".", "$", "}", ")", "\\]")):
            return Found(None, kind, cut=True)
        return Found(answer.strip(), kind)

    def counts(self, position: int, clause: str) -> bool:
        """Whether a sentence gives a new answer, and does not only talk about an earlier box."""
        if all(other.lastgroup != "boxed" for other in self.markers[:position]):
            return True
        return (
            len(clause.split()) <= 4
            if self.style == "choice"
            else _is_final(self.text, self.markers[position], clause)
        )


def _output(output: str, style: AnswerStyle, finish_reason: str | None, among: Mapping[str, str]) -> _Output:
    text = output[-MAX_OUTPUT:]
    if not text.isascii():
        text = ascii_spelling(text) if style in ("number", "choice") else _CHAT_SAFE.sub("", text)
    text = _DOT_IN_MATH.sub(r"$\1", text)
    limit_hit = finish_reason == "length"
    token = _CHAT_TOKEN.search(text)
    if token is not None and text[: token.start()].strip():
        text, limit_hit = text[: token.start()], False
    markers = list(_MARKER.finditer(text))
    next_question = _NEXT_QUESTION.search(text, markers[0].start()) if markers else None
    if next_question is not None:
        text, limit_hit = text[: next_question.start()], False
        markers = [marker for marker in markers if marker.end() <= len(text)]
    return _Output(text, markers, style, among, limit_hit, finish_reason == "stop")


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
    among = options(question) if style == "choice" else {}
    read = _output(output, style, finish_reason, among)
    if (
        style == "choice"
        and not read.limit_hit
        and (letter := _closing_choice(read.text, read.markers, among))
    ):
        return Found(letter, "label")
    for position in reversed(range(len(read.markers))[-MAX_MARKERS:]):
        boxed = read.markers[position].lastgroup == "boxed"
        found = read.boxed(position) if boxed else read.stated(position)
        if found is not None:
            return found
    if read.limit_hit:
        return Found(None, None, cut=True)
    answer = _last_line(read.text, style, among) if _EMPTY_BOX.sub("", read.text).strip(" \n$\\[].") else None
    return Found(answer, "last line" if answer is not None else None)


def extract(output: str, *, style: AnswerStyle = "number", question: str | None = None) -> str | None:
    r"""The final answer of an output as it is written there (for a `choice`, its letter), or None.

    Example:
        >>> extract("She has 9 * 2 = $<<9*2=18>>18 left.\n#### 18")
        '18'
        >>> extract(r"Hence $x = \boxed{\frac{1}{2}}$.", style="math")
        '\\frac{1}{2}'
    """
    return find(output, style=style, question=question).answer

r"""A panel of graders on the same rows: ours beside what others use, to find the rows that a person should
look at.

* `string`: the extracted answer and the gold answer, equal as they are written.
* `lema`: the rule of LeMa's released evaluation (microsoft/LEMA, inference_code/utils.py, at 7f8f7ae),
  written anew with rational arithmetic where the original calls `eval` on what the model wrote. It reads
  only after "The answer is", and takes what it cannot read as 0 on GSM8K.
* `lighteval`: the rule of LightEval 0.13's extractive match (metrics/utils/extractive_match_utils.py): the
  match with the best anchor, numbers equal to six decimals, all else by algebra; the expression is computed
  by our parser, not by SymPy's `eval`.
* `math-verify`: the installed math-verify with its defaults, in a worker process.

Each says `correct`, `wrong`, or `none` where it finds nothing to judge.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from lema_hub.answers.extract import boxed_content, extract
from lema_hub.answers.judge import Item, Judgement, judge_many
from lema_hub.answers.mathematics import algebra, exact
from lema_hub.answers.mathematics.syntax import parse
from lema_hub.answers.mathematics.tokens import UnreadableError, tokenize
from lema_hub.records import AnswerStyle

Opinion = Literal["correct", "wrong", "none"]

OTHERS = ("string", "lema", "lighteval", "math-verify")


@dataclass(frozen=True, slots=True)
class PanelRow:
    """Ours and the others' opinions of one row."""

    judgement: Judgement
    opinions: dict[str, Opinion]

    @property
    def disputed(self) -> bool:
        """Whether another grader that found an answer disagrees with ours."""
        ours = "correct" if self.judgement.verdict == "correct" else "wrong"
        return any(opinion not in (ours, "none") for opinion in self.opinions.values())


def _opinion(same: bool | None) -> Opinion:
    return "none" if same is None else "correct" if same else "wrong"


def _computed(text: str) -> Fraction | None:
    """The value of arithmetic as `1/2` or `3+4`, None if it is anything else or too large."""
    try:
        return exact.evaluate(parse(tokenize(text))).constant()
    except (UnreadableError, exact.TooLargeError, ZeroDivisionError, RecursionError):
        return None


def lema_number(completion: str) -> Fraction:
    """LeMa's final result of a GSM8K completion; 0 for everything that it cannot read."""
    for heading in ("\n\nQ: ", "\n\nQuestion: "):
        completion = completion.split(heading)[0]
    _, marker, result = completion.replace("The answer is: ", "The answer is ").rpartition("The answer is ")
    if not marker:
        return Fraction(0)
    result = re.sub(r"[£€,]", "", result.removesuffix(".")).removesuffix(".")
    result = result.rpartition("=")[2].rpartition(">>")[2]
    result = re.sub(r"[a-z$\"]", "", result.lower()).partition(":")[0].strip()
    if "%" in result:
        if not result.endswith("%"):
            return Fraction(0)
        result = result[:-1]
    return _computed(result.removesuffix("/").replace(" ", "")) or Fraction(0)


def lema_formula(completion: str) -> str:
    """LeMa's final result of a MATH completion: a normalised string, which may be empty."""
    for heading in ("Q:", "Question:"):
        completion = completion.split(heading)[0]
    _, marker, result = completion.replace("The answer is: ", "The answer is ").rpartition("The answer is ")
    text = result.strip().removesuffix(".").replace("$", "").strip() if marker else completion
    if not marker or "boxed{" in text:
        start = max(text.rfind("\\boxed"), text.rfind("\\fbox"))
        content, _ = boxed_content(
            text, start + len("\\boxed" if text[start:].startswith("\\boxed") else "\\fbox")
        )
        if start < 0 or content is None:
            return ""
        text = content
    for cut, replacement in (
        ("\n", ""), ("\\!", ""), ("\\\\", "\\"), ("tfrac", "frac"), ("dfrac", "frac"), ("\\left", ""),
        ("\\right", ""),
        ("^{\\circ}", ""), ("^\\circ", ""), ("\\$", ""), ("\\%", ""), (" .", " 0."), ("{.", "{0."),
    ):  # fmt: skip
        text = text.replace(cut, replacement)
    text = text.partition("\\text{ ")[0]
    if text.startswith("."):
        text = "0" + text
    if text.count("=") == 1 and len(text.partition("=")[0]) <= 2:
        text = text.partition("=")[2]
    text = re.sub(r"\\sqrt(?=[^{])(.)", r"\\sqrt{\1}", text).replace(" ", "")
    text = re.sub(r"\\frac([^{])", r"\\frac{\1}", text)
    text = re.sub(r"(\\frac\{[^{}]*\})([^{])", r"\1{\2}", text)
    if text == "0.5":
        return "\\frac{1}{2}"
    return re.sub(r"(-?\d+)/(-?\d+)", r"\\frac{\1}{\2}", text) if re.fullmatch(r"-?\d+/-?\d+", text) else text


def lema(item: Item) -> Opinion:
    """LeMa's released rule for the item's style."""
    output = f"The answer is {item.output}." if item.bare else item.output
    if item.style == "number":
        return _opinion(lema_number(output) == lema_number(f"The answer is {item.gold}"))
    formula = lema_formula(output)
    return _opinion(formula == lema_formula(f"The answer is {item.gold}") if formula else None)


_NUMBER = r"-?\d{1,3}(?:[ ,]\d{3})+(?:\.\d+)?|-?\d+[.,]\d+|\.\d+|-?\d+"
_EXPRESSION = (
    r"(?:(?:^|\s|=)(?:\*\*)?(?:(-?\(?-?\d[\d.\s+*/^()×÷-]*[+*/^()×÷-][\d.\s+*/^()×÷-]+\)?)(?=[.,:\s)$]|$)"
    rf"|[$€£¥₹]?({_NUMBER})))"
)
_LATEX = r"(?:\$\$((?:[^$])+?)\$\$|(?<!\\|\d)\$([^\n$]+?)(?<!\\)\$|\\\[(.+?)\\\]|\\\((.+?)\\\))"
_ANCHORS = (
    r"final answer is:?\s*{}\.?\s?I hope",
    r"final answer.{{0,100}}?\sis:?\s*{}",
    None,  # the last box
    r"answer\s?:.{{0,50}}?{}",
    r"answer.{{0,50}}?{}",
    r"{}",
)
_PATTERNS = [
    None
    if anchor is None
    else re.compile(anchor.format(f"(?:{_LATEX}|{_EXPRESSION})"), re.IGNORECASE | re.DOTALL)
    for anchor in _ANCHORS
]


def _extractive(text: str) -> str | None:
    """The last match of the best anchor; boxes come after the two anchors of a final answer."""
    text = text[-20_000:]
    for pattern in _PATTERNS:
        if pattern is None:
            start = text.rfind("\\boxed")
            content = boxed_content(text, start + len("\\boxed"))[0] if start >= 0 else None
            if content is not None:
                return content
            continue
        matches = list(pattern.finditer(text))
        if matches:
            return next(group for group in matches[-1].groups() if group is not None).strip()
    return None


def lighteval(item: Item) -> Opinion:
    """The rule of LightEval's extractive match, latex and expressions, precision 6."""
    found = item.output if item.bare else _extractive(item.output)
    if found is None:
        return "none"
    values = []
    for text in (item.gold, found):
        number = re.sub(r"(?<=\d)[ ,](?=\d{3})", "", text.strip().strip("$").replace("\\%", "%"))
        percent = number.endswith("%")
        value = _computed(number.removesuffix("%"))
        values.append(value / 100 if percent and value is not None else value)
    gold, pred = values
    if gold is not None and pred is not None:
        return _opinion(round(gold, 6) == round(pred, 6))
    if found.strip() == item.gold.strip():
        return "correct"
    return _opinion(algebra.compare(item.gold, found[:1000]).result == "equal")


def math_verify(item: Item) -> Opinion:
    """The installed math-verify with its defaults."""
    finding = algebra.compare(
        item.gold, f"${item.output}$" if item.bare else item.output[-20_000:], whole=True
    )
    return "none" if finding.result == "unreadable" else _opinion(finding.result == "equal")


def string(item: Item) -> Opinion:
    """Equality of the extracted answer with the gold answer, as written."""
    answer = item.output if item.bare else extract(item.output, style=item.style)
    return _opinion(None if answer is None else answer.strip() == item.gold.strip())


def convene(items: Sequence[Item]) -> list[PanelRow]:
    """Every grader's opinion of every item, in order."""
    graders = {"string": string, "lema": lema, "lighteval": lighteval, "math-verify": math_verify}
    return [
        PanelRow(judgement, {name: grader(item) for name, grader in graders.items()})
        for item, judgement in zip(items, judge_many(items), strict=True)
    ]


def tally(rows: Sequence[PanelRow]) -> dict[str, dict[str, int]]:
    """For each other grader: how often it agrees, accepts what we reject, rejects what we accept, and finds
    nothing.
    """
    table: dict[str, dict[str, int]] = {}
    for name in OTHERS:
        counts: Counter[str] = Counter()
        for row in rows:
            ours, opinion = row.judgement.verdict == "correct", row.opinions[name]
            if opinion == "none":
                counts["none"] += 1
            elif (opinion == "correct") == ours:
                counts["agree"] += 1
            else:
                counts["accepts_more" if opinion == "correct" else "rejects_more"] += 1
        table[name] = {key: counts[key] for key in ("agree", "accepts_more", "rejects_more", "none")}
    return table


def settlement_table(items: Sequence[Item], rows: Sequence[PanelRow]) -> str:
    """The disputed rows as a Markdown table with an empty column for a person's verdict."""
    header = ["row", "gold", "extracted", "ours", *OTHERS, "settled (correct or wrong)", "reason"]
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    for index, (item, row) in enumerate(zip(items, rows, strict=True)):
        if row.disputed:
            cells = [
                str(index),
                _cell(item.gold),
                _cell(row.judgement.extracted or ""),
                row.judgement.verdict,
            ]
            lines.append("| " + " | ".join([*cells, *(row.opinions[name] for name in OTHERS), "", ""]) + " |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    shown = text if len(text) <= 80 else text[:77] + "..."
    return (
        "`` "
        + re.sub(
            r"[\s|`]+", lambda m: " " if m[0].isspace() else m[0].replace("|", "\\|").replace("`", "'"), shown
        )
        + " ``"
    )


def settled_cases(table: str, items: Sequence[Item], *, source: str) -> list[dict[str, str | bool]]:
    """The rows of a settlement table that a person filled in, as test cases.

    Args:
        table: The Markdown that `settlement_table` made, with `correct` or `wrong` in the settled column.
        items: The items that the table was made from.
        source: Where the rows come from; goes into every case.
    """
    cases: list[dict[str, str | bool]] = []
    for line in table.splitlines()[2:]:
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 6 + len(OTHERS) and cells[-2].lower() in ("correct", "wrong"):
            item = items[int(cells[0])]
            answer = item.output if item.bare else extract(item.output, style=item.style) or ""
            cases.append(
                {
                    "pred": answer,
                    "gold": item.gold,
                    "style": item.style,
                    "same": cells[-2].lower() == "correct",
                    "source": source,
                    "reason": cells[-1] or "settled by a person",
                }
            )
    return cases


__all__ = ["OTHERS", "AnswerStyle", "PanelRow", "convene", "settled_cases", "settlement_table", "tally"]

r"""Recorded answers: rows of a JSONL file that are judged again, without generating anything.

    {"gold": "18", "output": "... The answer is 18.", "finish_reason": "stop", "question": "..."}
    {"gold": "\\frac12", "pred": "0.5", "style": "math"}

`output` is a whole text in which the answer is looked for, `pred` a bare answer. Other columns stay as they are.
"""

from __future__ import annotations

import json
import typing
from pathlib import Path
from typing import Any

from lema_hub.answers.judge import Item, Judgement
from lema_hub.errors import InputError
from lema_hub.records import AnswerStyle

STYLES: tuple[AnswerStyle, ...] = typing.get_args(AnswerStyle)

Row = dict[str, Any]


def read_items(file: Path, *, style: AnswerStyle = "number") -> list[tuple[Row, Item]]:
    """The rows of a file, each with what the judge is given of it.

    Args:
        file: JSONL in UTF-8; blank lines are skipped.
        style: The style of rows that have no `style` of their own.

    Raises:
        InputError: The file cannot be read or is empty, or a row lacks a column or has an unknown style.
    """
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {file}: {error}; expected a JSONL file in UTF-8") from error
    pairs = [_pair(line, f"{file}:{number}", style) for number, line in enumerate(lines, 1) if line.strip()]
    if not pairs:
        raise InputError(f"{file} holds no row; expected one JSON object per line")
    return pairs


def _pair(line: str, where: str, style: AnswerStyle) -> tuple[Row, Item]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is not JSON ({error}); expected one JSON object per line") from error
    if not isinstance(row, dict) or "gold" not in row or not ("pred" in row or "output" in row):
        raise InputError(f"{where} lacks a column; expected `gold`, and `pred` or `output`")
    text = row["output"] if "output" in row else row["pred"]
    own = row.get("style", style)
    if own not in STYLES:
        raise InputError(f"{where} has the style {own!r}; expected one of {', '.join(STYLES)}")
    item = Item(
        output="" if text is None else str(text),
        gold=str(row["gold"]),
        style=own,
        finish_reason=row.get("finish_reason"),
        question=row.get("question"),
        bare="output" not in row,
    )
    return row, item


def judged_row(row: Row, judgement: Judgement) -> Row:
    """A row with its verdict, the extracted answer and the reason."""
    return row | {
        "verdict": judgement.verdict,
        "extracted": judgement.extracted,
        "reason": judgement.reason,
    }

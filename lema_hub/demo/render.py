"""A diagnosis, a note or a corrector as HTML, everything that people or models wrote escaped.

The words are in `result.html.jinja`, rendered with autoescape: no text can become a tag. Nothing
here depends on Gradio.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from lema_hub.answers import extract
from lema_hub.demo.correctors import Corrector
from lema_hub.demo.diagnose import Diagnosis
from lema_hub.demo.taxonomy import MEANINGS, NAMES
from lema_hub.steps import join_steps

_MATHS = re.compile(r"\d+(?:[.,]\d+)*|[-+*/×÷=−]")
_RELATED = 0.5  # of the numbers and signs of two steps that must agree before single ones are marked


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a step's text; `marked` if it is what differs."""

    text: str
    marked: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A step as it is shown."""

    number: int
    state: Literal["kept", "wrong", "after", "missing", "changed"]
    pieces: tuple[Piece, ...]


def diagnosis(found: Diagnosis) -> str:
    """The two solutions side by side, with the wrong step, the reason and what is known about both."""
    kind = found.error_type
    return _block(
        "diagnosis",
        found=found,
        kind=NAMES[kind] if kind else None,
        meaning=MEANINGS[kind] if kind else None,
        original=original_lines(found),
        corrected=corrected_lines(found),
        answer_before=extract(join_steps(found.steps_original), style="math"),
    )


def note(text: str) -> str:
    """A sentence instead of a diagnosis."""
    return _block("note", text=text)


def heading() -> str:
    """The title of the page, and what it is for."""
    return _block("heading")


def waiting() -> str:
    """What stands where the diagnosis will be."""
    return _block("waiting")


def about(corrector: Corrector) -> str:
    """What a corrector is, and how often it finds the wrong step."""
    return _block("about", corrector=corrector)


def original_lines(found: Diagnosis) -> list[Line]:
    """The original steps: kept ones, the wrong one, and those that rest on it."""
    wrong = found.incorrect_step
    if wrong is None:
        return [
            Line(k, "kept", (Piece(step, False),)) for k, step in enumerate(found.steps_original, start=1)
        ]
    lines = []
    for k, step in enumerate(found.steps_original, start=1):
        state: Literal["kept", "wrong", "after"] = "kept" if k < wrong else "wrong" if k == wrong else "after"
        pieces = _marked(step, _step(found.steps_corrected, k)) if k == wrong else (Piece(step, False),)
        lines.append(Line(k, state, pieces))
    if wrong > len(lines):
        lines.append(Line(wrong, "missing", (Piece("A step is missing here.", False),)))
    return lines


def corrected_lines(found: Diagnosis) -> list[Line]:
    """The corrected steps: those that stand in the original as they are, and the others."""
    lines = []
    for k, step in enumerate(found.steps_corrected, start=1):
        same = step == _step(found.steps_original, k)
        pieces = (
            _marked(step, _step(found.steps_original, k))
            if k == found.incorrect_step
            else (Piece(step, False),)
        )
        lines.append(Line(k, "kept" if same else "changed", pieces))
    return lines


def _step(steps: Sequence[str], number: int) -> str:
    return steps[number - 1] if number <= len(steps) else ""


def _marked(text: str, other: str) -> tuple[Piece, ...]:
    """The text with the numbers and signs marked that another step has not, if the two have much in common.

    >>> [piece.text for piece in _marked("Paul has 6 + 6 = 12.", "Together 16 + 6 = 22.") if piece.marked]
    ['6', '12']
    """
    mine, theirs = list(_MATHS.finditer(text)), _MATHS.findall(other)
    matcher = SequenceMatcher(a=[match[0] for match in mine], b=theirs, autojunk=False)
    if not mine or matcher.ratio() < _RELATED:
        return (Piece(text, False),)
    differing = [
        k for tag, start, end, _, _ in matcher.get_opcodes() if tag != "equal" for k in range(start, end)
    ]
    pieces, at = [], 0
    for match in (mine[k] for k in differing):
        pieces += [Piece(text[at : match.start()], False), Piece(match[0], True)]
        at = match.end()
    return tuple(piece for piece in (*pieces, Piece(text[at:], False)) if piece.text)


def _block(name: str, **fields: Any) -> str:
    return str(getattr(_template(), name)(**fields)).strip()


@cache
def _template() -> Any:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = files("lema_hub.demo").joinpath("result.html.jinja").read_text(encoding="utf-8")
    return environment.from_string(source).module

"""Correctors' texts: a text is a correction, or `FormatError` says why it is not one."""

from __future__ import annotations

import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st

from lema_hub.errors import FormatError
from lema_hub.steps import (
    CorrectionText,
    format_correction,
    incorrect_step,
    join_steps,
    parse_correction,
    parse_json_correction,
    split_steps,
)
from tests.fuzz.conftest import said

PIECES = st.sampled_from(
    [
        "Incorrect Step:", " Step 2.", "Step 2:", "Step 0:", "Step 9999:", "Step 99999:", "Explanation:",
        "Correct Solution:",
        "{", "}", "...", "…", "\n", "\n\n", "**", "###", "- ", "```", "The answer is 2.", "# ", " ", "1", "2 + 2 = 4",
        "Step ٣:", "step 2 -", "Correct Steps", "\u2028", "\r", "\0", "$", "\\boxed{4}",
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES | st.text(max_size=6), max_size=40).map("".join)
LINE = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=12)


@given(text=TEXTS)
def test_any_text_is_a_correction_or_not(text: str) -> None:
    incorrect_step(text)
    assert all(step == step.strip() and step for step in split_steps(text))
    for parse in (parse_correction, parse_json_correction):
        with contextlib.suppress(FormatError):
            read = parse(text)
            assert read.incorrect_step >= 1
            assert read.first >= 1
            assert read.steps
            assert all(step.strip() for step in read.steps)


@given(text=TEXTS)
def test_an_error_is_one_line(text: str) -> None:
    for parse in (parse_correction, parse_json_correction):
        said(lambda parse=parse: parse(text))


@given(number=st.integers(1, 9), steps=st.lists(LINE, min_size=1, max_size=5), explanation=LINE)
def test_what_is_written_is_read_again(number: int, steps: list[str], explanation: str) -> None:
    text = format_correction(number, explanation, steps)
    with contextlib.suppress(FormatError):  # a step may itself read `Step 2:`
        read = parse_correction(text)
        assert (read.incorrect_step, read.first) == (number, number)


@given(number=st.integers(1, 9), steps=st.lists(LINE, min_size=1, max_size=5), explanation=LINE)
def test_json_is_read_as_it_was_written(number: int, steps: list[str], explanation: str) -> None:
    text = json.dumps({"incorrect_step": number, "explanation": explanation, "correct_steps": steps})
    with contextlib.suppress(FormatError):
        read = parse_json_correction(text)
        assert read == CorrectionText(number, explanation, read.first, read.steps)
        assert len(read.steps) == len(steps)


@given(steps=st.lists(LINE.filter(lambda step: "tep" not in step.lower()), min_size=1, max_size=6))
def test_steps_are_split_as_they_were_joined(steps: list[str]) -> None:
    assert split_steps(join_steps(steps)) == tuple(steps)


def test_long_texts_take_no_longer_than_they_are_long() -> None:
    for piece in (
        "\n",
        "Step 2.\n",
        "Explanation:",
        "Correct Solution:",
        "**",
        "{\n",
        "Step 1: a\n",
        "`" * 3 + "\n",
        " ",
    ):
        for text in (
            piece * 20_000,
            " Step 1.\nExplanation: " + piece * 20_000,
            "Correct Solution:\n{\n" + piece * 20_000,
        ):
            with contextlib.suppress(FormatError):
                parse_correction(text)
            incorrect_step(text)

"""Recorded answers: what the judge is given of a row, and what is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from lema_hub.answers import Judgement
from lema_hub.answers.recorded import judged_row, read_items
from lema_hub.errors import InputError


def test_outputs_and_bare_answers_with_their_styles(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(
        '{"id": 7, "gold": 18, "output": "The answer is 18.", "finish_reason": "stop", "question": "?"}\n\n'
        '{"gold": "1/2", "pred": "0.5", "style": "math"}\n{"gold": "1", "output": null, "pred": "1"}\n'
    )
    (whole, first), (_, bare), (_, empty) = read_items(file)
    assert whole["id"] == 7
    assert (first.output, first.gold, first.style, first.bare) == ("The answer is 18.", "18", "number", False)
    assert (first.finish_reason, first.question) == ("stop", "?")
    assert (bare.output, bare.style, bare.bare) == ("0.5", "math", True)
    assert (empty.output, empty.bare) == ("", False)
    assert read_items(file, style="text")[0][1].style == "text"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n\n", "holds no row"),
        (b"\xff", "JSONL file in UTF-8"),
        (b'{"gold": "1", "pred": "1"}\n[]', ":2 lacks a column"),
        (b"{", ":1 is not JSON"),
        (b'{"gold": "1", "pred": "1", "style": "poem"}', "style 'poem'; expected one of number, math"),
    ],
)
def test_what_cannot_be_judged_is_an_error(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "rows.jsonl").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_items(tmp_path / "rows.jsonl")
    with pytest.raises(InputError, match="cannot read"):
        read_items(tmp_path / "none.jsonl")


def test_a_judged_row_keeps_its_columns() -> None:
    row = judged_row({"id": 7}, Judgement("wrong", "3", "other number"))
    assert row == {"id": 7, "verdict": "wrong", "extracted": "3", "reason": "other number"}

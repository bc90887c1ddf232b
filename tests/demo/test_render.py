"""The HTML of a diagnosis: what is marked, and that no text becomes a tag."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from lema_hub.demo import Diagnosis, HitRate, diagnose, examples, render
from lema_hub.demo.correctors import Corrector, exact
from lema_hub.demo.taxonomy import NAMES
from lema_hub.engines.exact import ExactEngine

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&${alert(3)}{{7*7}}`<b>"


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def _read(html: str) -> _Tags:
    parser = _Tags()
    parser.feed(html)
    return parser


def _diagnosis(**changes: object) -> Diagnosis:
    values = {
        "corrector": "A model",
        "steps_original": ("Tom has 2 + 3 = 5 pens.", "He gives 2, so 5 + 2 = 7.", "The answer is 7."),
        "steps_corrected": ("Tom has 2 + 3 = 5 pens.", "He gives 2, so 5 - 2 = 3.", "The answer is 3."),
        "incorrect_step": 2,
        "error_type": "OP",
        "explanation": "Giving is subtracting.",
        "answer": "3",
        "verdict": "correct",
        "exact_step": 2,
        "seconds": 0.31,
        "note": "",
    }
    return Diagnosis(**{**values, **changes})  # type: ignore[arg-type]


def test_steps_are_kept_wrong_or_changed() -> None:
    found = _diagnosis()
    assert [(line.number, line.state) for line in render.original_lines(found)] == [
        (1, "kept"),
        (2, "wrong"),
        (3, "after"),
    ]
    assert [line.state for line in render.corrected_lines(found)] == ["kept", "changed", "changed"]


def test_the_numbers_and_signs_that_differ_are_marked() -> None:
    found = _diagnosis()
    wrong, right = render.original_lines(found)[1], render.corrected_lines(found)[1]
    assert [piece.text for piece in wrong.pieces if piece.marked] == ["+", "7"]
    assert [piece.text for piece in right.pieces if piece.marked] == ["-", "3"]
    assert "".join(piece.text for piece in wrong.pieces) == found.steps_original[1]


def test_a_step_missing_at_the_end_is_shown_as_missing() -> None:
    found = _diagnosis(steps_original=("Tom has 2 + 3 = 5 pens.",))
    assert [line.state for line in render.original_lines(found)] == ["kept", "missing"]
    assert "Step 2 is missing" in _read(render.diagnosis(found)).text


def test_a_diagnosis_says_everything_in_words() -> None:
    text = _read(render.diagnosis(_diagnosis())).text
    for words in (
        "Step 2 is wrong",
        NAMES["OP"],
        "Giving is subtracting.",
        "first wrong step",
        "changed",
        "right",
    ):
        assert words in text
    assert "agrees" in text
    assert "the first wrong step is 1" in _read(render.diagnosis(_diagnosis(exact_step=1))).text
    assert "not checked" in _read(render.diagnosis(_diagnosis(verdict=None))).text


@pytest.mark.parametrize("part", ["diagnosis", "note", "about"])
def test_no_text_becomes_a_tag(part: str) -> None:
    plain = {"diagnosis": render.diagnosis(_diagnosis()), "note": render.note("x")}
    if part == "diagnosis":
        html = render.diagnosis(
            _diagnosis(
                corrector=HOSTILE,
                steps_original=("Tom has 2 + 3 = 5 pens.", HOSTILE + " 5 + 2 = 7", "The answer is 7."),
                steps_corrected=("Tom has 2 + 3 = 5 pens.", HOSTILE + " 5 - 2 = 3", "The answer is 3."),
                explanation=HOSTILE,
                answer=HOSTILE,
                note=HOSTILE,
            )
        )
        expected = {tag for tag, _ in _read(plain["diagnosis"]).tags}
    elif part == "note":
        html, expected = render.note(HOSTILE), {tag for tag, _ in _read(plain["note"]).tags}
    else:
        corrector = Corrector(
            key="x", name="x", about=HOSTILE, engine=ExactEngine(), prompt="lema-correction", world="any"
        )
        html, expected = render.about(corrector), {"p", "span", "b"}
    parsed = _read(html)
    assert {tag for tag, _ in parsed.tags} <= expected
    assert all(name in {"class", "role", "aria-live"} for _, names in parsed.tags for name in names)
    assert HOSTILE in parsed.text


def test_the_hit_rate_is_shown_with_its_interval_or_as_not_measured() -> None:
    def text(hit_rate: HitRate | None) -> str:
        corrector = Corrector(
            key="adapter",
            name="x",
            about="A model.",
            engine=ExactEngine(),
            prompt="lema-correction",
            world="nano",
            hit_rate=hit_rate,
        )
        return " ".join(_read(render.about(corrector)).text.split())

    rate = HitRate(hits=660, n=1_200, low=0.5217, high=0.5779)
    assert "the first wrong step of 55 % of 1,200 held-out mistakes (95 % interval 52 % to 58 %)." in text(
        rate
    )
    controls = (("always naming the commonest step", 0.53), ("solving again", 0.66))
    compared = text(HitRate(hits=660, n=1_200, low=0.5217, high=0.5779, controls=controls))
    assert "For comparison, always naming the commonest step: 53 %; solving again: 66 %." in compared
    assert "How often it finds the wrong step: not measured" in text(None)
    assert "measured" not in _read(render.about(exact())).text


def test_a_right_solution_is_shown_once() -> None:
    problem = examples.shown()[0].problem
    html = render.diagnosis(
        diagnose(problem.question, examples.right_solution(problem.problem_id), corrector=exact())
    )
    parsed = _read(html)
    assert "No mistake found" in parsed.text
    assert [tag for tag, _ in parsed.tags].count("ol") == 1

"""Test questions are found however they are written, and nothing else is taken for one."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lema_hub import nano
from lema_hub.errors import InputError
from lema_hub.tasks.held_out import from_file
from lema_hub.tasks.overlap import Index, Overlap, words

LONG = (
    "Ina sold 48 clips to her friends in April, and then she sold half as many clips in May. "
    "How many clips did Ina sell altogether?"
)
LATEX = r"What is $\dfrac{3}{4}\cdot\left(x^2-1\right)$ when $x=7$ and when $x = -7$, in lowest terms?"
SHORT = "Compute $12 - 5$."
FIGURE = '[asy] draw((0,0)--(1,2)--(3,4)--cycle); label("$A$", (0,0), SW); [/asy]'
PROSE = "The triangle in the figure has three sides of length four and five and six, find its area."
QUESTIONS = [LONG, LATEX, SHORT, f"{PROSE} {FIGURE}", f"Find $x$. {FIGURE}", "Why?"]


def hits(text: str, questions: list[str] = QUESTIONS, **options: int) -> list[Overlap]:
    (found,) = Index(questions, **options).find([text])
    return [overlap for overlap in found if overlap.is_hit]


@pytest.mark.parametrize(
    "change",
    [
        str,
        str.upper,
        str.title,
        lambda text: text.replace(" ", "  \n\t"),
        lambda text: f"Consider this. {text} Then answer.",
        lambda text: text.replace("-", "−").replace("7", "７"),
        lambda text: text.replace(r"\dfrac", r"\frac").replace(r"\left", "").replace(r"\right", ""),
        lambda text: text.replace("=", r"\,=\;").replace("$", " $ "),
    ],
)
def test_a_question_is_found_however_it_is_written(change: Callable[[str], str]) -> None:
    for number, question in enumerate(QUESTIONS[:-1]):
        found = {overlap.question: overlap for overlap in hits(change(question))}
        assert number in found, question
        assert found[number].kind == "whole"
        assert words(found[number].text)[0] == words(question)[0]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_planted_question_is_always_found_whole(seed: int) -> None:
    dice = random.Random(seed)
    before, after = (made.problem.question for made in nano.generate("train", 2, start=seed))
    planted = WORLD[dice.randrange(len(WORLD))]
    written = "".join(char.upper() if dice.random() < 0.3 else char for char in planted)
    written = "".join(char * dice.randint(1, 3) if char == " " else char for char in written)
    (found,) = INDEX.find([f"{before} {written} {after}"])
    whole = [WORLD[overlap.question] for overlap in found if overlap.kind == "whole"]
    assert planted in whole


WORLD = [made.problem.question for made in nano.generate("test", 300)]
INDEX = Index(WORLD)


def test_every_shared_run_is_found_and_no_other() -> None:
    """Against the plain definition: sets of tuples of words."""
    texts = [made.problem.question for made in nano.generate("train", 400)]

    def runs(text: str) -> set[tuple[str, ...]]:
        said = words(text)
        return {tuple(said[at : at + 13]) for at in range(len(said) - 12)}

    known = [runs(question) for question in WORLD]
    expected = [[n for n, theirs in enumerate(known) if theirs & runs(text)] for text in texts]
    found = [[overlap.question for overlap in there] for there in INDEX.find(texts)]
    assert found == expected
    assert sum(map(bool, found)) > 50


def test_a_collision_of_hashes_is_no_hit() -> None:
    index = Index(QUESTIONS)
    index._values = np.ones_like(index._values)  # all runs of one length have one hash now
    index._runs = index._indexed()
    index._tables = index._likely()
    texts = [LONG, "twelve other words that stand nowhere else and mean nothing at all here", SHORT]
    assert [[o.question for o in found] for found in index.find(texts)] == [[0], [], [2]]


def test_other_numbers_are_another_problem() -> None:
    (found,) = Index([LONG]).find([LONG.replace("48", "36")])
    assert [(overlap.kind, overlap.same_numbers, overlap.is_hit) for overlap in found] == [
        ("ngram", False, False)
    ]
    assert found[0].words == 23
    assert hits(LONG.replace("Ina sold 48 clips", "Ben sold 48 clips"))[0].kind == "ngram"


def test_numbers_in_another_order_are_another_problem() -> None:
    question = (
        "The yard of Tom is 4 feet wide and 9 feet longer than wide, so how many feet long is the fence?"
    )
    swapped = question.replace("4", "#").replace("9", "4").replace("#", "9")
    assert not hits(swapped, [question])
    assert hits(f"It is 11 o'clock. {question}", [question])


def test_a_short_question_is_found_with_its_operators_only() -> None:
    assert hits("Now compute 12 - 5, please.")
    assert not hits("Now compute 12 + 5, please.")
    assert not hits("Now compute 12, 5.")


def test_a_question_of_two_words_must_be_the_whole_text() -> None:
    assert [overlap.question for overlap in hits("WHY ?")] == [5]
    assert not hits("And why is that so?")


def test_a_figure_drawn_otherwise_is_the_same_problem_and_shared_code_is_none() -> None:
    redrawn = FIGURE.replace("(1,2)", "(2,4)")
    assert [overlap.question for overlap in hits(f"{PROSE} {redrawn}")] == [3]
    assert not hits(f"How many corners does this have? {FIGURE.replace('label', 'dot')}")


def test_batches_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [made.problem.question for made in nano.generate("train", 100)] + WORLD[:20] + ["", "…"]
    at_once = list(INDEX.find(texts))
    monkeypatch.setattr("lema_hub.tasks.overlap._BATCH", 200)
    assert list(INDEX.find(texts)) == at_once
    assert [next(INDEX.find([text])) for text in texts] == at_once


def test_shorter_runs_find_more() -> None:
    text = "then she sold half as many clips in May, 48 of them"
    assert not hits(text)
    assert hits(text, n=8)[0].text == "then she sold half as many clips in may"


@pytest.mark.parametrize(
    ("questions", "n", "message"),
    [(["fine", "…"], 13, "test question 1 has no word"), (["fine"], 2, "n must be >= 3 words, got 2")],
)
def test_what_cannot_be_looked_for_is_an_error(questions: list[str], n: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Index(questions, n=n)


def test_math_and_gsm8k_train_against_test(shared_data: Path) -> None:
    """Every test question is found in itself; what the training questions share is what the page says."""
    tests = [
        question
        for name in ("gsm8k", "math")
        for question in from_file(shared_data / name / "test.jsonl").questions
    ]
    index = Index(tests)
    for number, found in enumerate(index.find(tests)):
        assert any(overlap.question == number and overlap.kind == "whole" for overlap in found)
    counts = {}
    for name in ("gsm8k", "math"):
        found = list(index.find(from_file(shared_data / name / "train.jsonl").questions))
        shared = sum(map(bool, found))
        held = sum(any(overlap.is_hit for overlap in there) for there in found)
        whole = sum(any(overlap.kind == "whole" for overlap in there) for there in found)
        counts[name] = (shared, held, whole)
    assert counts == {"gsm8k": (4, 0, 0), "math": (655, 194, 21)}

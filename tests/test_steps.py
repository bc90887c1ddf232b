"""Both papers' texts are written and read back without a loss; what is no correction says why."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lema_hub.errors import FormatError
from lema_hub.steps import (
    ANSWER_STEP,
    CorrectionText,
    format_correction,
    format_trajectory,
    join_steps,
    parse_correction,
    put_together,
    split_steps,
    with_answer_step,
)

HEADER = re.compile(r"(?im)^[ \t]*\**step[ \t]+\d")
LABEL = re.compile(r"(?im)^\s*correct solution\s*:")
CLOSED = re.compile(r"(?m)^[ \t]*\}[ \t]*$")

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80).map(str.strip).filter(bool)
STEPS = st.lists(
    WORDS.filter(lambda s: not HEADER.search(s) and not CLOSED.search(s) and not s.startswith(("...", "…"))),
    min_size=1, max_size=6,
)  # fmt: skip
EXPLANATIONS = WORDS.filter(lambda s: not LABEL.search(s))

CORRECTION = """ Step 2.
Explanation: Tom gives pens away, so they must be subtracted.
Correct Solution:
{
...
Step 2: Tom has 5 - 3 = 2 pens.
Step 3: The answer is 2.
}"""
READ = CorrectionText(
    2, "Tom gives pens away, so they must be subtracted.", 2, ("Tom has 5 - 3 = 2 pens.", "The answer is 2.")
)


@given(STEPS)
def test_numbered_steps_are_read_back(steps: list[str]) -> None:
    assert split_steps(join_steps(steps)) == tuple(steps)


@given(st.integers(1, 9999), EXPLANATIONS, STEPS)
def test_a_correction_is_read_back(step: int, explanation: str, steps: list[str]) -> None:
    if step + len(steps) > 9999:
        step = 1
    text = format_correction(step, explanation, steps)
    assert parse_correction(text) == CorrectionText(step, explanation, step, tuple(steps))
    assert parse_correction("Incorrect Step:" + text) == parse_correction(text)


def test_lema_s_format_to_the_letter() -> None:
    assert format_correction(READ.incorrect_step, READ.explanation, READ.steps) == CORRECTION
    assert format_correction(1, "It is 3.", ["The answer is 3."]) == (
        " Step 1.\nExplanation: It is 3.\nCorrect Solution:\n{\nStep 1: The answer is 3.\n}"
    )


@pytest.mark.parametrize(
    "text",
    [
        CORRECTION,
        "Incorrect Step:" + CORRECTION,
        CORRECTION.replace("Step 2.", "Step 2:", 1),
        CORRECTION.replace("Step 2.", "Step 2", 1),
        CORRECTION.replace("Step 2.", "2.", 1),
        CORRECTION.replace("Step 2.\n", "Step 2. ", 1),
        CORRECTION.replace("{\n", ""),
        CORRECTION.replace("\n}", ""),
        CORRECTION.replace("{\n", "").replace("\n}", ""),
        CORRECTION.replace("\n}", "}"),
        CORRECTION.replace("...\n", ""),
        CORRECTION.replace("...\n", "…\n"),
        CORRECTION.replace("\n", "\n\n"),
        CORRECTION.lower().replace("tom", "Tom").replace("the answer", "The answer"),
        CORRECTION + "\n",
        CORRECTION + "\n\nQuestion: What comes next?\nOriginal Solution:\n{\nStep 1: Nothing.\n}",
        CORRECTION.replace("Step 2: Tom", "**Step 2:** Tom"),
    ],
)
def test_what_is_clearly_meant_is_understood(text: str) -> None:
    read = parse_correction(text)
    assert (read.incorrect_step, read.first, read.steps) == (READ.incorrect_step, READ.first, READ.steps)
    assert read.explanation in (READ.explanation, READ.explanation.lower().replace("tom", "Tom"))


def test_a_solution_written_from_its_first_step_says_so() -> None:
    read = parse_correction(CORRECTION.replace("...", "Step 1: Tom has 5 pens."))
    assert (read.incorrect_step, read.first, len(read.steps)) == (2, 1, 3)


def test_a_step_may_span_lines_and_hold_braces() -> None:
    steps = ("Solve\n\\begin{cases}\nx = 1\n\\end{cases}", "The answer is $\\{1\\}$.")
    assert parse_correction(format_correction(3, "It is {1}.", steps)).steps == steps


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", r"no correction in ''.*found: none"),
        ("The solution is right.", r"no correction in 'The solution is right\.'.*found: none"),
        (CORRECTION.replace("Explanation:", "Because"), r"found: Correct Solution:"),
        (CORRECTION.replace("Correct Solution:", "So"), r"found: Explanation:"),
        (CORRECTION.replace("Step 2.", "The second step.", 1), r"expected ' Step k\.'"),
        (CORRECTION.replace("Step 2: ", "").replace("Step 3: ", ""), r"no 'Step k:' in the correct solution"),
        (CORRECTION.replace("Step 3:", "Step 4:"), r"numbered 2, 4; expected no gaps"),
        (CORRECTION.replace("Step 3:", "Step 2:"), r"numbered 2, 2; expected no gaps"),
        (CORRECTION.replace("Step 2.", "Step 0.", 1), r"step 0"),
        (CORRECTION.replace("Step 2:", "Step 0:").replace("Step 3:", "Step 1:"), r"step 0"),
        (CORRECTION.replace("Tom has 5 - 3 = 2 pens.", ""), r"has no words"),
        (CORRECTION.replace("Step 2.", "Step ٢.", 1), r"no correction"),
        (CORRECTION.partition("Correct")[0], r"found: Explanation:"),
    ],
)
def test_what_is_no_correction_says_why_in_one_line(text: str, complaint: str) -> None:
    with pytest.raises(FormatError, match=complaint) as raised:
        parse_correction(text)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 250


@given(st.text())
def test_garbage_is_a_format_error_and_nothing_else(text: str) -> None:
    for garbage in (
        text,
        f" Step 1.\nExplanation: {text}\nCorrect Solution:\n{{\nStep 1: {text}\n}}",
        text + CORRECTION,
    ):
        complaint = ""
        try:
            read = parse_correction(garbage)
        except FormatError as error:
            complaint = str(error)
        else:
            assert min(read.incorrect_step, read.first) >= 1
            assert all(read.steps)
        assert "\n" not in complaint


@pytest.mark.parametrize(
    "text",
    [
        "\n" * 50_000,
        " Step 1" + "\n" * 50_000,
        " Step 1.\nExplanation:" + "\n" * 50_000,
        " Step 1.\nExplanation:" + " \n" * 30_000,
        " " * 50_000 + "x",
        "Step 1." + " " * 50_000,
        CORRECTION[:60] + "Correct Solution" * 5_000,
        " Step 1.\nExplanation: E\nCorrect Solution:" + "\n" * 50_000,
        CORRECTION.partition("Step 2: ")[0] + "Step 7: a\n" * 20_000,
    ],
)
def test_endless_texts_are_refused_quickly(text: str) -> None:
    with pytest.raises(FormatError) as raised:
        parse_correction(text)
    assert len(str(raised.value)) < 250
    split_steps(text)
    ANSWER_STEP.search("The answer is " + text)


def test_a_correction_to_write_needs_a_step_and_a_number() -> None:
    with pytest.raises(FormatError, match="got 0 and 1"):
        format_correction(0, "E", ["S"])
    with pytest.raises(FormatError, match="got 2 and 0"):
        format_correction(2, "E", [])


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("Step 1: A.\nStep 2: B.", ("A.", "B.")),
        ("Step 1. A.\nStep 2) B.", ("A.", "B.")),
        ("**Step 1:** A.\n**Step 2:** B.", ("A.", "B.")),
        ("Let us see.\nStep 1: A.\n  more of A.\nStep 2: B.", ("Let us see.", "A.\n  more of A.", "B.")),
        ("Step 1: A. As Step 2: says, B.", ("A. As Step 2: says, B.",)),
        ("A is 1.\n\nB is 2.\n", ("A is 1.", "B is 2.")),
        ("A is 1. B is 2.5. So C is $3.", ("A is 1.", "B is 2.5.", "So C is $3.")),
        ("Step 1:\nStep 2: B.", ("B.",)),
        ("", ()),
        (" \n ", ()),
    ],
)
def test_solutions_with_and_without_headers(text: str, steps: tuple[str, ...]) -> None:
    assert split_steps(text) == steps


@pytest.mark.parametrize(
    ("steps", "answer", "expected"),
    [
        (("A.",), "3", ("A.", "The answer is 3.")),
        (("A.", "The answer is 3."), "3", ("A.", "The answer is 3.")),
        (("A.", "So the answer is: $3$"), "3", ("A.", "So the answer is: $3$")),
        (("A.", "3"), "3", ("A.", "The answer is 3.")),
        (("A.", "$3$."), "3", ("A.", "The answer is 3.")),
        (("A.",), None, ("A.",)),
        ((), "3", ("The answer is 3.",)),
    ],
)
def test_the_answer_step(steps: tuple[str, ...], answer: str | None, expected: tuple[str, ...]) -> None:
    assert with_answer_step(steps, answer) == expected


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The answer is 3.", "3"), ("The answer is: 3", "3"), ("So the answer is $\\frac{1}{2}$.", "$\\frac{1}{2}$"),
        ("The answer is 3.5.", "3.5"), ("the answer is 3 . ", "3"), ("The answer is", None), ("The answer is .", None),
        ("It is 3.", None),
    ],
)  # fmt: skip
def test_the_answer_of_an_answer_step(text: str, answer: str | None) -> None:
    match = ANSWER_STEP.search(text)
    assert (match["answer"] if match else None) == answer


@given(STEPS, WORDS.filter(lambda s: not HEADER.search(s)), STEPS)
def test_a_trajectory_holds_prefix_turn_and_continuation(
    prefix: list[str], turn: str, rest: list[str]
) -> None:
    fixed = format_trajectory(prefix, turn, rest, first=len(prefix))
    assert fixed == f"{join_steps(prefix)}\n{turn}\n{join_steps(rest, first=len(prefix))}"
    fresh = format_trajectory(prefix, turn, rest, first=1)
    assert fresh.endswith("\n" + join_steps(rest))
    assert split_steps(fresh)[-len(rest) :] == tuple(rest)


def test_a_trajectory_to_the_letter() -> None:
    assert format_trajectory(["A.", "B."], "Wait, B is wrong.", ["C.", "The answer is 3."], first=2) == (
        "Step 1: A.\nStep 2: B.\nWait, B is wrong.\nStep 2: C.\nStep 3: The answer is 3."
    )


@pytest.mark.parametrize(
    ("number", "first", "steps", "solution", "rewritten", "fault"),
    [
        (2, 2, ("B", "C"), ("a", "B", "C"), False, ""),
        (2, 1, ("A.", "B"), ("a", "B"), False, ""),
        (2, 1, ("Another", "B"), ("a", "B"), True, ""),
        (1, 1, ("A",), ("A",), False, ""),
        (4, 4, ("D",), ("a", "b", "c", "D"), False, ""),
        (3, 1, ("a", "b"), ("a", "b"), False, "no corrected step 3"),
        (3, 2, ("B", "C"), ("a", "b", "B", "C"), False, "corrected from step 2, incorrect is step 3"),
        (1, 3, ("C",), ("C",), False, "corrected from step 3, incorrect is step 1"),
    ],
)
def test_kept_and_corrected_steps_are_put_together(
    number: int, first: int, steps: tuple[str, ...], solution: tuple[str, ...], rewritten: bool, fault: str
) -> None:
    found = put_together(["a", "b", "c"], CorrectionText(number, "No.", first, steps))
    assert (found.solution, found.rewritten, found.fault) == (solution, rewritten, fault)

"""What chat models write instead of LeMa's format: read where it is clearly meant, counted, else refused."""

from __future__ import annotations

import json

import pytest

from lema_hub.errors import FormatError
from lema_hub.steps import CorrectionText, incorrect_step, parse_correction, parse_json_correction

STEPS = ("So 24 + 48 = 72 muffins.", "The answer is 72.")
READ = CorrectionText(2, "The morning is missing.", 2, STEPS)
TAIL = "{\n...\nStep 2: So 24 + 48 = 72 muffins.\nStep 3: The answer is 72.\n}"

OUTPUTS = {
    "to the letter": (f" Step 2.\nExplanation: The morning is missing.\nCorrect Solution:\n{TAIL}", ()),
    "colon for full stop": (
        f"Step 2:\nExplanation: The morning is missing.\nCorrect Solution:\n{TAIL}",
        ("header",),
    ),
    "no braces": (
        "Step 2.\nExplanation: The morning is missing.\nCorrect Solution:\nStep 2: So 24 + 48 = 72 muffins.\n"
        "Step 3: The answer is 72.",
        ("braces",),
    ),
    "bold labels": (
        "**Incorrect Step:** Step 2.\n\n**Explanation:** The morning is missing.\n\n**Correct Solution:**\n"
        "**Step 2:** So 24 + 48 = 72 muffins.\n**Step 3:** The answer is 72.",
        ("markup", "braces"),
    ),
    "bold with the colon outside": (
        "**Incorrect Step**: 2\n**Explanation**: The morning is missing.\n**Correct Solution**:\n"
        "- Step 2: So 24 + 48 = 72 muffins.\n- Step 3: The answer is 72.",
        ("markup", "braces"),
    ),
    "a bare number": (
        f"Incorrect Step: 2\nExplanation: The morning is missing.\nCorrect Solution:\n{TAIL}",
        ("header",),
    ),
    "headings": (
        "### Incorrect Step\nStep 2\n\n### Explanation\nThe morning is missing.\n\n### Corrected Solution\n"
        "Step 2: So 24 + 48 = 72 muffins.\nStep 3: The answer is 72.",
        ("markup", "braces"),
    ),
    "a code fence": (
        f"```\nIncorrect Step: Step 2.\nExplanation: The morning is missing.\nCorrect Solution:\n{TAIL}\n```",
        ("markup",),
    ),
    "a fence around the solution": (
        "Step 2.\nExplanation: The morning is missing.\nCorrect Solution:\n```text\n"
        "Step 2: So 24 + 48 = 72 muffins.\nStep 3: The answer is 72.\n```",
        ("braces", "markup"),
    ),
    "dashes": (
        "Step 2 - the muffins of the afternoon only\nExplanation: The morning is missing.\nCorrect Solution:\n"
        "{\nStep 2 - So 24 + 48 = 72 muffins.\nStep 3 - The answer is 72.\n}",
        ("markup",),
    ),
    "the wrong step repeated": (
        "Incorrect Step: Step 2: In the afternoon 48 * $3 = $144.\nExplanation: The morning is missing.\n"
        f"Correct Solution:\n{TAIL}",
        ("markup",),
    ),
    "small talk before": (
        "Let's go through the solution.\n\nIncorrect Step: Step 2.\nExplanation: The morning is missing.\n"
        f"Correct Solution:\n{TAIL}",
        ("markup",),
    ),
    "words after the brace": (
        f"Step 2.\nExplanation: The morning is missing.\nCorrect Solution:\n{TAIL}\n\nI hope this helps!",
        ("trailing",),
    ),
    "words after the answer": (
        "Step 2.\nExplanation: The morning is missing.\nCorrect Solution:\nStep 2: So 24 + 48 = 72 muffins.\n"
        "Step 3: The answer is 72.\n\nLet me know if you need anything else.",
        ("braces", "trailing"),
    ),
    "corrected for correct": (
        f"Step 2.\nExplanation: The morning is missing.\nCorrected Solution:\n{TAIL}",
        ("markup",),
    ),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_what_is_clearly_meant_is_read_and_named(name: str) -> None:
    text, repairs = OUTPUTS[name]
    read = parse_correction(text)
    assert read == READ
    assert read.repairs == repairs


@pytest.mark.parametrize(
    "text",
    [
        "The error is in the second step. Explanation: it forgets the morning.\nCorrect Solution:\n" + TAIL,
        "Step 2.\nExplanation: The morning is missing.\nCorrect Solution:\nIt is 72, because 24 + 48 = 72.",
        "Step 2.\nExplanation: The morning is missing.\nCorrect Solution:\nStep 2: 72.\nStep 4: The answer is 72.",
        "**Incorrect Step:** None, the solution is right.",
        "Step 2.\nExplanation: The morning is missing.",
        "I'm sorry, but I can't help with that.",
    ],
)
def test_what_is_not_clear_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        parse_correction(text)


def _json(**changed: object) -> str:
    fields = {"incorrect_step": 2, "explanation": "The morning is missing.", "correct_steps": list(STEPS)}
    return json.dumps({**fields, **changed})


def test_json_is_read_strictly() -> None:
    assert parse_json_correction(_json()) == READ
    numbered = [f"Step {number}: {step}" for number, step in enumerate(STEPS, start=2)]
    read = parse_json_correction(_json(correct_steps=numbered))
    assert (read, read.repairs) == (READ, ("json",))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("Step 2.", "no JSON in 'Step 2.'"),
        ("[]", "is not a correction; expected the fields"),
        ("{}", "is not a correction; expected the fields"),
        (_json(note="x"), "is not a correction; expected the fields"),
        (_json(incorrect_step="2"), "incorrect_step is '2'"),
        (_json(incorrect_step=True), "incorrect_step is 'True'"),
        (_json(incorrect_step=0), "incorrect_step is '0'"),
        (_json(explanation=None), "explanation is no text"),
        (_json(correct_steps=[]), "correct_steps no list of steps"),
        (_json(correct_steps="Step 2: 72."), "correct_steps no list of steps"),
        (_json(correct_steps=["a", " "]), "a correct step is no text or has no words"),
        (_json(correct_steps=["Step 2: a", "Step 4: b"]), r"numbered \[2, 4\]; expected no gaps"),
        (_json(correct_steps=["Step 2:", "Step 3: b"]), "has no words"),
    ],
)
def test_json_that_is_no_correction_says_why(text: str, complaint: str) -> None:
    with pytest.raises(FormatError, match=complaint) as raised:
        parse_json_correction(text)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "step"),
    [
        (" Step 3.\nExplanation: x", 3),
        ("3", 3),
        ("Incorrect Step: Step 3: So 5 + 3 = 8", 3),
        ("**Incorrect Step:** 3", 3),
        ("### Incorrect Step\n\nStep 3", 3),
        ("Step 3 is wrong.", 3),
        ("3.5 is wrong.", None),
        ("The third step.", None),
        ("Step 0.", None),
        ("", None),
    ],
)
def test_a_vote_is_the_step_that_the_first_line_names(text: str, step: int | None) -> None:
    assert incorrect_step(text) == step

from __future__ import annotations

from dataclasses import replace

import pytest

from lema_hub import nano, tasks
from lema_hub.builders.corrections import build_corrections, corrected
from lema_hub.builders.gates import GATES
from lema_hub.engines import Failure, Ledger
from lema_hub.engines.exact import ExactEngine
from lema_hub.records import Correction, Problem, ReasoningPath, Rejection
from lema_hub.steps import join_steps, parse_correction
from tests.builders.conftest import Scripted

PROBLEM = Problem(
    problem_id="gsm8k/train/1", task="gsm8k", split="train",
    question="Tom has 5 pens and gives 3 away. How many?", answer="2", gold_solution="5 - 3 = 2",
    level=None, subject=None, source_repo="r", source_revision="1", license="mit",
)  # fmt: skip
PATH = ReasoningPath.make(
    problem_id=PROBLEM.problem_id, model="m", text="t", answer="8", verdict="wrong", prompt_id="p",
    steps=("Tom has 5 pens.", "He has 5 + 3 = 8 pens.", "The answer is 8."),
)  # fmt: skip


def outcome(text: str) -> str:
    """`kept`, or the reason of the rejection."""
    row = corrected(PROBLEM, PATH, text, corrector="c", prompt_id="p")
    return row.reason if isinstance(row, Rejection) else "kept"


def test_a_good_correction_becomes_a_row_in_lemas_formats() -> None:
    steps = "Step 2: 5 - 3 = 2 pens.\nStep 3: The answer is 2."
    text = f" Step 2.\nExplanation: He gives.\nCorrect Solution:\n{{\n...\n{steps}\n}}"
    row = corrected(PROBLEM, PATH, text, corrector="c", prompt_id="p", cost_usd=0.5)
    assert isinstance(row, Correction)
    assert row.completion == text
    assert row.prompt.endswith(f"Original Solution:\n{{\n{join_steps(PATH.steps)}\n}}\nIncorrect Step:")
    assert (
        row.correct_solution == "Step 1: Tom has 5 pens.\nStep 2: 5 - 3 = 2 pens.\nStep 3: The answer is 2."
    )
    assert row.correct_steps == ("5 - 3 = 2 pens.", "The answer is 2.")
    assert (row.incorrect_step, row.explanation, row.answer_verdict) == (2, "He gives.", "correct")
    assert [gate.name for gate in row.gates] == list(GATES)
    assert Correction.from_row(row.to_row()) == row


REST = "Explanation: He gives.\nCorrect Solution:\n{\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Step 2\n{REST}Step 2: 5 - 3 = 2 pens.\nStep 3: The answer is 2.", "kept"),
        (f"Step 2.\n{REST}Step 1: Tom has 5 pens\nStep 2: 5 - 3 = 2.\nStep 3: The answer is 2.\n}}", "kept"),
        (f"Step 2.\n{REST}Step 1: Tom has 9.\nStep 2: 5 - 3 = 2.\nStep 3: The answer is 2.\n}}", "numbering"),
        (f"Step 2.\n{REST}Step 3: 5 - 3 = 2.\nStep 4: The answer is 2.\n}}", "numbering"),
        (f"Step 2.\n{REST}Step 1: Tom has 5 pens.\n}}", "numbering"),
        (f"Step 4.\n{REST}Step 4: The answer is 2.\n}}", "step_exists"),
        (f"Step 2.\n{REST}Step 2: 5 - 4 = 1 pens.\nStep 3: The answer is 1.\n}}", "answer"),
        (f"Step 2.\n{REST}Step 2: He has two.\nStep 3: That is it.\n}}", "answer"),
        (f"Step 2.\n{REST}Step 2: he has 5 + 3 = 8 pens\nStep 3: The answer is 2.\n}}", "changed"),
        (f"Step 2.\n{REST}Step 2: 5 - 3 = 1 pens.\nStep 3: The answer is 2.\n}}", "arithmetic"),
        (f"Step 2.\n{REST}Step 2: 5 - 3 = 2.\nStep 4: The answer is 2.\n}}", "format"),
        ("Step 2.\nExplanation:\nCorrect Solution:\n{\nStep 2: 2.\nStep 3: The answer is 2.\n}", "format"),
        ("The solution is right.", "format"),
        ("", "format"),
    ],
)  # fmt: skip
def test_each_gate_drops_what_it_is_there_for(text: str, expected: str) -> None:
    assert outcome(text) == expected


def test_gates_that_are_not_required_are_only_stored() -> None:
    text = f"Step 2.\n{REST}Step 2: 5 - 3 = 1 pens.\nStep 3: The answer is 2.\n}}"
    row = corrected(PROBLEM, PATH, text, corrector="c", prompt_id="p", require=["answer"])
    assert isinstance(row, Correction)
    assert {gate.name: gate.verdict for gate in row.gates}["arithmetic"] == "fail"


def test_the_exact_corrector_passes_every_gate(
    mistaken: tuple[list[Problem], list[ReasoningPath]], ledger: Ledger
) -> None:
    problems, paths = mistaken
    built = build_corrections(problems, paths, ExactEngine(), ledger)
    assert len(built.rows) == len(paths)
    assert built.rejected == ()
    for row in built.rows:
        found = nano.check(nano.load(row.problem.problem_id), row.path.steps)
        assert (row.incorrect_step, row.error_type) == (found.first_wrong, found.error_type)
        assert parse_correction(row.completion).steps == row.correct_steps
        assert nano.check(nano.load(row.problem.problem_id), tuple(_steps(row))).ok


def _steps(row: Correction) -> list[str]:
    return [*row.path.steps[: row.incorrect_step - 1], *row.correct_steps]


def test_a_corrector_that_errs_is_caught(
    mistaken: tuple[list[Problem], list[ReasoningPath]], ledger: Ledger
) -> None:
    problems, paths = mistaken

    def erring(request):  # type: ignore[no-untyped-def]
        ((_, answer),) = ExactEngine().generate([request])
        return answer.text.replace("The answer is ", "The answer is 1", 1)

    built = build_corrections(problems, paths, Scripted(erring), ledger)
    assert built.rows == ()
    assert built.stages[0].dropped == {"answer": len(paths)}
    assert all(r.text.startswith(" Step") for r in built.rejected)


def test_failures_and_test_questions_are_refused_with_their_reason(
    mistaken: tuple[list[Problem], list[ReasoningPath]], ledger: Ledger
) -> None:
    problems, paths = list(mistaken[0]), mistaken[1]
    problems[0] = replace(problems[0], split="test")
    keys = frozenset([tasks.question_key(problems[1].question)])
    engine = Scripted(lambda request: Failure(reason="timeout", detail="60 s"))
    built = build_corrections(problems, paths, engine, ledger, test_keys=keys)
    assert built.rows == ()
    assert built.stages[0].dropped == {"request_timeout": len(paths) - 2, "test_question": 2}
    assert engine.sent == len(paths) - 2  # no money is spent on what cannot be used


def test_right_paths_are_passed_over(
    mistaken: tuple[list[Problem], list[ReasoningPath]], ledger: Ledger
) -> None:
    problems, paths = mistaken
    right = [replace(path, verdict="correct") for path in paths]
    built = build_corrections(problems, right, ExactEngine(), ledger)
    assert built.rows == built.rejected == ()


def test_the_wording_varies_and_is_reproducible(
    mistaken: tuple[list[Problem], list[ReasoningPath]], ledger: Ledger
) -> None:
    problems, paths = mistaken
    built = build_corrections(problems, paths, ExactEngine(), ledger)
    again = build_corrections(problems, paths, ExactEngine(), ledger, stage="again")
    assert [row.completion for row in built.rows] == [row.completion for row in again.rows]
    assert len({row.explanation for row in built.rows}) > len(built.rows) / 2

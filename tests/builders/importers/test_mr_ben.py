"""MR-Ben: annotated solutions of MMLU questions, taken only by those who say that MMLU is not scored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lema_hub import tasks
from lema_hub.builders.annotated import Refused, build_annotated
from lema_hub.builders.importers import mr_ben
from lema_hub.builders.importers.recorded import import_paths
from lema_hub.errors import FormatError, InputError

ROW: dict[str, Any] = {
    "Question_UUID": "q1",
    "Subject": "high_school_math",
    "Question": "What is 3 times 4?",
    "Options": "A: 7 \nB: 12 \nC: 34 \nD: -12 ",
    "Ground_Truth_Answer_Modified": "B",
    "Sampled_Model": "Claude2",
    "Model_Solution_Steps": [
        "Step 1: We add the numbers.",
        "",
        "Step 2: The sum is 7.",
        "Solution: Choice_A",
    ],
    "Model_Solution_Correctness": "incorrect",
    "Model_Solution_First_Error_Step": "2",
    "Model_Solution_Error_Reason": ["\n", "times means a product\n"],
    "Model_Solution_Rectified_First_Error_Step": ["Step 2: ?", "Step 2: The product is 3 * 4 = 12.\n"],
}


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text(json.dumps({f"q{number}": [row] for number, row in enumerate(rows)}))
    return path


def read(tmp_path: Path, **changes: Any) -> mr_ben.Solution | Refused:
    (row,) = mr_ben.read(write(tmp_path / "m.json", {**ROW, **changes}))
    return mr_ben.solution(row)


def rectified(tmp_path: Path, step: str, **changes: Any) -> str:
    notes = {"Model_Solution_Error_Reason": ["Wrong."], "Model_Solution_Rectified_First_Error_Step": [step]}
    found = read(tmp_path, **{**notes, **changes})
    assert isinstance(found, mr_ben.Solution)
    assert found.annotation is not None
    return found.annotation.refused or "whole"


def test_a_solution_becomes_a_correction_by_the_annotator_who_reaches_the_answer(tmp_path: Path) -> None:
    found = import_paths(write(tmp_path / "m.json", ROW), "mr-ben", training=True, mmlu_scored=False)
    (row,) = build_annotated(found.problems, found.paths.rows, found.annotations).rows
    assert row.problem.question == "What is 3 times 4?\n(A) 7\n(B) 12\n(C) 34\n(D) -12"
    assert row.path.steps == ("We add the numbers.", "The sum is 7.", "The answer is A.")
    assert row.correct_steps == ("The product is 3 * 4 = 12.", "The answer is B.")
    assert (row.incorrect_step, row.explanation) == (2, "Times means a product.")
    assert (row.path.model, row.corrector, row.problem.license) == (
        "anthropic/claude-2",
        mr_ben.ANNOTATOR,
        "mit",
    )
    assert row.prompt.startswith("For the following question, the original solution is incorrect.")
    assert "MMLU" in found.source.stated


@pytest.mark.parametrize(
    "step",
    [
        "The product is 12, so option B is correct.", "Solution: Option B.", "The correct answer is B.",
        "That is 12. Answer: Option_B.", "3 * 4 = 12", "The result matches 12, thus the answer is option B.",
    ],
)  # fmt: skip
def test_a_rectified_step_that_reaches_the_answer_is_whole(tmp_path: Path, step: str) -> None:
    assert rectified(tmp_path, step) == "whole"


@pytest.mark.parametrize(
    "step",
    [
        "Multiply the numbers.", "If option B is correct, the product is 12.", "Option A is incorrect.",
        "Option A is correct.", "So option B is not correct.", "Options A and B remain.", "3 * 4 = 13",
        "Statement B is correct, but we go on.",
    ],
)  # fmt: skip
def test_a_rectified_step_that_stops_before_the_answer_is_unfinished(tmp_path: Path, step: str) -> None:
    assert rectified(tmp_path, step) == "unfinished"


def test_a_value_counts_only_where_no_step_follows(tmp_path: Path) -> None:
    assert rectified(tmp_path, "3 * 4 = 12", Model_Solution_First_Error_Step="1") == "unfinished"
    assert rectified(tmp_path, "So option B is correct.", Model_Solution_First_Error_Step="1") == "whole"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Ground_Truth_Answer_Modified": "BD"}, "no_gold"),
        ({"Options": "none"}, "no_gold"),
        ({"Model_Solution_Steps": ["Step 1: 7.", "Solution: Choice_A/B"]}, "no_final_answer"),
        ({"Model_Solution_Steps": ["Step 1: 7.", "Solution: None of the choices."]}, "no_final_answer"),
        ({"Model_Solution_Steps": []}, "no_final_answer"),
        ({"Model_Solution_Steps": ["Step 1: 7.", "Solution: Choice_B"]}, "right_answer"),
        ({"Model_Solution_Correctness": "correct"}, "disputed"),
        ({"Model_Solution_Steps": ["Step 1: 7.", "Step 3: 7.", "Solution: Choice_A"]}, "unnumbered"),
        ({"Model_Solution_First_Error_Step": "3"}, "unnumbered"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    found = read(tmp_path, **changes)
    assert isinstance(found, Refused)
    assert found.reason == reason, found


def test_it_is_not_taken_without_a_word_on_mmlu(tmp_path: Path) -> None:
    path = write(tmp_path / "m.json", ROW)
    with pytest.raises(InputError, match="mmlu_scored: false"):
        import_paths(path, "mr-ben", training=True)
    scored = import_paths(path, "mr-ben", training=True, mmlu_scored=True)
    assert scored.paths.rows == ()
    assert [row.reason for row in scored.paths.rejected] == ["test_question"]
    assert len(import_paths(path, "mr-ben").paths.rows) == 1  # to be looked at, not trained on
    with pytest.raises(InputError, match="mmlu_scored is about mr-ben, not about jsonl"):
        import_paths(path, "jsonl", mmlu_scored=False)
    with pytest.raises(InputError, match="no problems to load: its questions come with recorded solutions"):
        tasks.load_problems("mr-ben", "train")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("{", InputError, "is not valid JSON"),
        ("[]", FormatError, "question id -> solutions"),
        ('{"q": [{}]}', FormatError, "solution 0 of m.json has no 'Question_UUID'"),
        (
            json.dumps({"q": [{**ROW, "Model_Solution_First_Error_Step": "N/A"}]}),
            FormatError,
            "error step is 'N/A'",
        ),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, text: str, error: type[Exception], message: str) -> None:
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(error, match=message):
        mr_ben.read(tmp_path / "m.json")


def test_every_solution_of_the_released_files_has_an_outcome(shared_data: Path) -> None:
    whole = rows = wrong = 0
    for name in ("math", "physics", "chemistry"):
        file = shared_data / "mr_ben" / f"{name}.json"
        found = import_paths(file, "mr-ben", training=True, mmlu_scored=False)
        (stage,) = found.paths.stages
        assert stage.rows_in - stage.rows_out == sum(stage.dropped.values())
        assert found.disagreements == ()  # after the refusals, our judge agrees with every annotator
        assert found.compared == len(found.paths.rows)
        rows, wrong = rows + stage.rows_in, wrong + stage.rows_out
        whole += sum(annotation.correction is not None for annotation in found.annotations.values())
    assert (rows, wrong, whole) == (2433, 1083, 123)

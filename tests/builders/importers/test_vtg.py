from __future__ import annotations

import json
from pathlib import Path

import pytest

from lema_hub import tasks
from lema_hub.builders.annotated import build_annotated
from lema_hub.builders.importers import vtg
from lema_hub.builders.importers.recorded import import_paths
from lema_hub.errors import FormatError, InputError

STUDENT = ("2 + 2 = 4 pens", "4 + 3 = 8 pens", "8")


def row(
    index: int = 1, description: str = "adds wrongly ", category: str = "Misunderstanding of a question"
) -> vtg.Row:
    reference = ("2 + 2 = 4", "4 + 3 = 7", "7")
    return vtg.Row("q", reference, STUDENT, index, category, description)


def test_a_row_becomes_a_correction_that_goes_on_where_the_student_was_right() -> None:
    found = vtg.annotation([row()], (*STUDENT[:2], "The answer is 8."), "7")
    assert found.corrector == "vtg-teacher"
    assert found.correction is not None
    assert found.correction.incorrect_step == 2  # the source counts from 0
    assert found.correction.explanation == "Adds wrongly."
    assert found.correction.steps == ("4 + 3 = 7", "The answer is 7.")


def test_a_missing_description_is_replaced_by_a_marked_sentence_for_the_category() -> None:
    found = vtg.annotation([row(description="")], STUDENT, "7")
    assert found.corrector == "vtg-category"
    assert found.correction is not None
    assert found.correction.explanation == "This step misunderstands what the question says."
    none = vtg.annotation([row(description="", category="None of the above")], STUDENT, "7")
    assert (none.correction, none.refused) == (None, "no_explanation")


@pytest.mark.parametrize(
    "words",
    ["There is no error here", "The question has an error.", "I don't think the student has made an error."],
)
def test_what_the_teacher_disputes_is_refused(words: str) -> None:
    assert vtg.annotation([row(), row(description=words)], STUDENT, "7").refused == "disputed"


def test_the_majority_of_the_teachers_marks_the_step() -> None:
    rows = [row(0), row(1, "short"), row(1, "a longer description")]
    found = vtg.annotation(rows, STUDENT, "7")
    assert found.correction is not None
    assert (found.correction.incorrect_step, found.correction.explanation) == (2, "A longer description.")
    divided = vtg.annotation([row(0), row(1)], STUDENT, "7")
    assert (divided.refused, divided.detail) == ("annotators_disagree", "they mark the steps 1, 2")


def test_a_reference_that_shares_no_result_is_taken_whole() -> None:
    assert vtg.continued(["1 + 1 = 2"], ["3 * 3 = 9", "9 - 1 = 8", "The answer is 8."])[0] == "3 * 3 = 9"
    assert vtg.continued(["3 * 3 = 9", "9 - 1 = 8"], ["3 * 3 = 9", "9 - 1 = 8", "The answer is 8."]) == (
        "9 - 1 = 8",
        "The answer is 8.",
    )


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("{", InputError, "is not valid JSON"),
        ("{}", FormatError, "is dict; expected VtG's list"),
        ('[{"problem": "q"}]', FormatError, "row 0 of d.json has no 'reference_solution'"),
        (
            json.dumps([{"problem": "q", "reference_solution": "1", "student_incorrect_solution": ["a"],
                         "incorrect_index": 1, "error_category": "x"}]),
            FormatError,
            "incorrect_index is 1 of 1 steps",
        ),
    ],
)  # fmt: skip
def test_a_bad_file_is_named(tmp_path: Path, text: str, error: type[Exception], message: str) -> None:
    path = tmp_path / "d.json"
    path.write_text(text)
    with pytest.raises(error, match=message):
        vtg.read(path)


def test_teachers_annotations_become_corrections(shared_data: Path) -> None:
    known = [
        problem
        for split in ("train", "dev", "test")
        for problem in tasks.load_problems("gsm8k", split, path=shared_data / "gsm8k")  # type: ignore[arg-type]
    ]
    found = import_paths(shared_data / "vtg" / "dataset.json", "vtg", known=known, training=True)
    (stage,) = found.paths.stages
    assert stage.rows_in == 1002
    assert stage.dropped == {"duplicate": 230, "test_question": 205}
    built = build_annotated(found.problems, found.paths.rows, found.annotations)
    (stage,) = built.stages
    assert stage.rows_in == stage.rows_out + sum(stage.dropped.values()) == 567
    assert stage.dropped["annotators_disagree"] > 50
    assert stage.rows_out > 450
    assert {row.problem.license for row in built.rows} == {"cc-by-sa-4.0"}
    assert {row.corrector for row in built.rows} == {"vtg-teacher", "vtg-category"}
    assert not {row.problem.split for row in built.rows} & {"test"}
    for row in built.rows:
        assert row.answer_verdict == "correct"
        assert row.correct_steps[-1].startswith("The answer is")
        assert row.completion.startswith(f" Step {row.incorrect_step}.\nExplanation: {row.explanation}\n")

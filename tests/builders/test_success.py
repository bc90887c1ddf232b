"""Success of a corrector by student, by level and on its own mistakes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lema_hub.builders import build_corrections
from lema_hub.builders.success import success
from lema_hub.engines import Failure, Ledger, Request
from lema_hub.engines.exact import ExactEngine
from lema_hub.records import Problem, ReasoningPath
from tests.builders.conftest import Scripted


def test_the_papers_own_figure_for_self_correction() -> None:
    """LeMa, section 4.3: 217 of 2,696 of GPT-4's own mistakes; Wilson's interval by hand."""
    problem = Problem("math/train/0", "math", "train", "q", "1", "s", "Level 5", None, "r", "1", "mit")
    path = ReasoningPath.make(
        problem_id=problem.problem_id, model="gpt-4", text="t", steps=("s",), answer="2", verdict="wrong",
        prompt_id="p",
    )  # fmt: skip
    found = success([(problem, path, number < 217) for number in range(2696)], corrector="gpt-4")
    assert [(row.group, row.name) for row in found] == [
        ("all", "all"), ("student", "gpt-4"), ("level", "Level 5"), ("self", "own mistakes"),
    ]  # fmt: skip
    own = found[-1]
    assert (own.corrected, own.wrong) == (217, 2696)
    assert own.rate == pytest.approx(0.0805, abs=1e-4)
    assert (own.low, own.high) == pytest.approx((0.0708, 0.0914), abs=2e-4)


def test_mistakes_are_counted_by_student_level_and_own(
    mistaken: tuple[list[Problem], list[ReasoningPath]], ledger: Ledger
) -> None:
    problems, paths = mistaken
    paths = [replace(path, model="scripted-1" if n % 4 == 0 else "other") for n, path in enumerate(paths)]
    own = {path.problem_id for path in paths if path.model == "scripted-1"}

    def answer(request: Request) -> str | Failure:
        ((_, found),) = ExactEngine().generate([request])
        text: str = found.text  # type: ignore[union-attr]
        if request.problem_id == problems[1].problem_id:
            return Failure(reason="timeout", detail="60 s")
        return text.replace("The answer is ", "The answer is 1") if request.problem_id in own else text

    built = build_corrections(problems, paths, Scripted(answer), ledger)
    found = {(row.group, row.name): row for row in built.success}
    mine = sum(path.model == "scripted-1" for path in paths)
    rest = len(paths) - mine - 1  # what was never answered is not counted
    assert (found["self", "own mistakes"].corrected, found["self", "own mistakes"].wrong) == (0, mine)
    assert (found["self", "others' mistakes"].corrected, found["self", "others' mistakes"].wrong) == (
        rest,
        rest,
    )
    assert found["student", "other"].rate == 1
    assert found["all", "all"].wrong == sum(row.wrong for row in built.success if row.group == "level")
    assert found["all", "all"].low < found["all", "all"].rate < found["all", "all"].high


def test_a_right_answer_counts_whatever_the_other_gates_say(
    mistaken: tuple[list[Problem], list[ReasoningPath]], ledger: Ledger
) -> None:
    def restating(request: Request) -> str:
        ((_, found),) = ExactEngine().generate([request])
        text: str = found.text  # type: ignore[union-attr]
        return text.replace("= ", "= 9", 1)

    built = build_corrections(*mistaken, Scripted(restating), ledger)
    assert built.rows == () or len(built.rows) < len(mistaken[1]) / 4
    assert built.success[0].corrected > len(mistaken[1]) / 2


def test_without_own_mistakes_there_is_no_such_group(
    mistaken: tuple[list[Problem], list[ReasoningPath]], ledger: Ledger
) -> None:
    built = build_corrections(*mistaken, ExactEngine(), ledger)
    assert {row.group for row in built.success} == {"all", "student", "level"}

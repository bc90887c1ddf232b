"""What counts as the same row, which one is kept, and that other numbers are never taken for the same."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest

from lema_hub import tasks
from lema_hub.builders.built import Built
from lema_hub.builders.cot import build_cot
from lema_hub.builders.dedup import Item, deduplicate, twins
from lema_hub.errors import RecipeError
from lema_hub.records import CotExample
from lema_hub.tasks.held_out import from_file
from lema_hub.tasks.overlap import words

QUESTION = (
    "Josie got 50 dollars as a present and plans to buy two tapes for 9 dollars each and a headset for 25 dollars. "
    "How much will she have left?"
)


def row(question: str = QUESTION, text: str = "She has 50 - 43 = 7 left.", **changes: str) -> CotExample:
    template = build_cot(tasks.load_problems("nano", "train", limit=1)).rows[0]
    name = changes.get("name", "a")
    problem = replace(
        template.problem,
        problem_id=f"gsm8k/train/{name}",
        question=question,
        answer=changes.get("answer", "7"),
    )
    path = replace(
        template.path,
        problem_id=problem.problem_id,
        path_id=changes.get("path", f"path-{name}"),
        text=text,
        answer=changes.get("found", "7"),
    )
    return CotExample(problem, path, f"Question: {question}", changes.get("completion", text))


def dropped(*rows: CotExample, threshold: float = 0.7) -> list[tuple[str, str]]:
    kept, record = deduplicate(Built(rows=rows), threshold=threshold)
    assert record.rows == len(rows) == len(kept.rows) + record.same + record.questions + record.paths
    assert sum(kept.stages[-1].dropped.values()) == len(kept.rejected)
    assert [one for one in rows if one in kept.rows] == list(kept.rows)
    return [(one.reason, one.detail) for one in kept.rejected]


def test_the_same_words_are_a_duplicate_whatever_their_case_and_spacing() -> None:
    other = row(QUESTION.upper().replace(" ", "  "), path="b")
    assert dropped(row(), other) == [("duplicate", "path path-a")]


def test_a_question_with_a_name_changed_is_dropped_with_its_twin() -> None:
    twin = row(QUESTION.replace("Josie", "Amanda"), "50 - 43 is 7, so 7 it is.", name="b")
    ((reason, detail),) = dropped(row(), twin)
    assert reason == "near_duplicate"
    assert detail == "question of gsm8k/train/a (similarity 0.93)"


@pytest.mark.parametrize(
    "other",
    [
        row(QUESTION.replace("50", "60"), name="b"),
        row(QUESTION.replace("9", "#").replace("25", "9").replace("#", "25"), name="b"),
        row(QUESTION.replace("left", "spent"), name="b", answer="43"),
        row("What is left of 50 dollars after two tapes for 9 and a headset for 25?", name="b"),
    ],
    ids=["other number", "other order", "other answer", "other words"],
)
def test_another_problem_is_no_duplicate(other: CotExample) -> None:
    assert dropped(row(), other) == []


def test_paths_of_one_problem_are_compared_by_numbers_answer_and_words() -> None:
    text = (
        "She pays 2 x 9 = 18 dollars for the tapes.\nIn all she pays 18 + 25 = 43 dollars for what she buys.\n"
        "So 50 - 43 = 7 dollars are left."
    )
    same = text.replace("In all she pays", "Altogether she pays")
    slip = text.replace("43", "44")
    rows = [row(text=text, path="1"), row(text=same, path="2"), row(text=slip, path="3")]
    assert dropped(*rows) == [("near_duplicate", "path 1 (similarity 0.77)")]
    assert dropped(*rows, threshold=0.8) == []
    elsewhere = row("Another question?", text, name="b", path="2")
    assert dropped(row(text=text, path="1"), elsewhere) == []


def test_two_corrections_of_one_path_are_both_kept() -> None:
    assert dropped(row(completion="one way"), row(completion="quite another way")) == []


def test_the_first_is_kept_and_later_ones_name_it() -> None:
    names = ("Amanda", "Bea", "Cleo")
    rows = [row(name="z"), *(row(QUESTION.replace("Josie", name), name=name) for name in names)]
    assert [detail.split(" (")[0] for _, detail in dropped(*rows)] == ["question of gsm8k/train/z"] * 3


@pytest.mark.parametrize("threshold", [0, 1.1])
def test_a_threshold_that_cannot_be_is_an_error(threshold: float) -> None:
    with pytest.raises(RecipeError, match=r"must be in \(0, 1\], got"):
        deduplicate(Built(rows=(row(),)), threshold=threshold)


def test_sketches_find_what_comparing_all_pairs_finds() -> None:
    """MinHash-LSH against the plain definition, on texts that are changed word by word."""
    dice = random.Random(0)
    base = " ".join(
        dice.choice(["red", "blue", "green", "tall", "small", "old", "new", "fast", "slow", "round"])
        for _ in range(40)
    )
    texts = []
    for changes in range(120):
        said = base.split()
        for _ in range(changes % 12):
            said[dice.randrange(len(said))] = dice.choice(("sun", "sea", "sky", "ice"))
        texts.append(" ".join(said))

    def shingles(text: str) -> set[tuple[str, ...]]:
        said = words(text)
        return {tuple(said[at : at + 3]) for at in range(len(said) - 2)}

    kept: list[int] = []
    expected = {}
    for number, text in enumerate(texts):
        near = [
            (
                other,
                len(shingles(text) & shingles(texts[other])) / len(shingles(text) | shingles(texts[other])),
            )
            for other in kept
        ]
        first = next(((other, how) for other, how in near if how >= 0.7), None)
        if first is None:
            kept.append(number)
        else:
            expected[str(number)] = (str(first[0]), pytest.approx(first[1]))
    found = twins(Item(id=str(n), text=text, group=0) for n, text in enumerate(texts))
    assert {name: (twin.id, twin.similarity) for name, twin in found.items()} == expected
    assert 10 < len(expected) < 110


def test_nano_templates_with_other_numbers_are_kept() -> None:
    """Problems of one structure differ in their facts; what is dropped has the same numbers and answer."""
    problems = tasks.load_problems("nano", "train", limit=1500)
    found = twins(Item(id=p.problem_id, text=p.question, group=p.answer) for p in problems)
    by_name = {problem.problem_id: problem for problem in problems}
    assert 0 < len(found) < 40
    for name, twin in found.items():
        one, other = by_name[name], by_name[twin.id]
        numbers = [[word for word in words(p.question) if word.isdigit()] for p in (one, other)]
        assert numbers[0] == numbers[1]
        assert one.answer == other.answer


def test_training_questions_of_gsm8k_and_math(shared_data: Path) -> None:
    found = {}
    for task in ("gsm8k", "math"):
        problems = tasks.load_problems(task, "train", path=shared_data / task)
        assert len(problems) < len(from_file(shared_data / task / "train.jsonl").ids)  # without dev
        found[task] = twins(Item(id=p.problem_id, text=p.question, group=p.answer) for p in problems)
    assert len(found["gsm8k"]) == 1
    assert len(found["math"]) <= 11
    for one, other in combinations(found["math"], 2):
        assert one != other

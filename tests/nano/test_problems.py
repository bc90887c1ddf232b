"""The generator: the same problems for ever, and splits that share nothing."""

from __future__ import annotations

import re
from collections import Counter
from random import Random
from typing import get_args

import pytest

from lema_hub import nano
from lema_hub.errors import InputError
from lema_hub.nano import NanoProblem
from lema_hub.nano.families import FAMILIES
from lema_hub.nano.problems import REVISION, SPLITS, Split, split_of
from lema_hub.nano.program import LARGEST, SMALLEST, compute
from lema_hub.steps import split_steps
from tests.nano.content import digest

GOLDEN = {
    ("1", "train"): "98aff1f5dfb9c1bc72932423c8327d5540d55562268ad66f4e06b8d471309c13",
    ("1", "dev"): "00f2124ea5aa2d67b836004947eff9af3066ff7c46252e5fdd9f91885b1bfc8b",
    ("1", "test"): "88a96ef0c030594f8d344076e1520b603eb53da01d5224136bd7cef9054ae0ea",
}


@pytest.mark.parametrize("split", SPLITS)
def test_the_first_200_problems_are_those_of_this_revision(split: Split) -> None:
    assert digest(nano.generate(split, 200)) == GOLDEN[REVISION, split], (
        "the generator gives other problems than before: raise problems.REVISION and add the new digests"
    )


@pytest.mark.parametrize("split", SPLITS)
def test_an_id_gives_the_same_problem_wherever_it_is_asked_for(split: Split) -> None:
    together = nano.generate(split, 40, start=1000)
    assert together == nano.generate(split, 20, start=1000) + nano.generate(split, 20, start=1020)
    assert [nano.load(made.problem.problem_id) for made in reversed(together)] == together[::-1]
    assert len({made.problem.problem_id for made in together}) == 40


def test_splits_never_share_a_structure_with_its_numbers_nor_a_question() -> None:
    owners: dict[tuple[str, tuple[int, ...]], str] = {}
    asked: dict[str, str] = {}
    for split in SPLITS:
        for made in nano.generate(split, 2500, steps=(1, 2, 3, 4)):
            key = made.template, made.facts
            assert owners.setdefault(key, split) == split
            assert asked.setdefault(made.problem.question, split) == split
            assert split_of(*key) == split == made.problem.split
    assert len(owners) > 5000
    assert set(owners.values()) == set(SPLITS)


def test_every_family_and_number_of_steps_occurs() -> None:
    made = nano.generate("train", 1200, steps=(1, 2, 3, 4))
    assert {one.problem.subject for one in made} == {family.__name__ for family in FAMILIES}
    assert Counter(len(one.steps) for one in made) == {1: 300, 2: 300, 3: 300, 4: 300}
    assert {one.problem.level for one in made} == {"1", "2", "3", "4"}
    assert 0.25 < sum(bool(one.distractors) for one in made) / len(made) < 0.42


def test_a_question_gives_exactly_the_numbers_that_the_program_and_the_distractor_need(
    problems: list[NanoProblem],
) -> None:
    for made in problems:
        written = Counter(map(int, re.findall(r"[0-9]+", made.problem.question)))
        assert written == Counter([*made.facts, *made.distractors]), made.problem.question


def test_a_program_computes_its_answer_from_what_is_known(problems: list[NanoProblem]) -> None:
    for made in problems:
        used: set[int] = set()
        for k, step in enumerate(made.steps):
            for operand in (step.x, step.y):
                if operand.kind == "fact":
                    assert made.facts[operand.index] == operand.value
                    used.add(operand.index)
                elif operand.kind == "step":
                    assert operand.index < k
                    assert made.steps[operand.index].value == operand.value
                else:
                    assert str(operand.value) in operand.note
            assert compute(step.x.value, step.op, step.y.value) == step.value
            assert SMALLEST <= step.value <= LARGEST
        assert used == set(range(len(made.facts)))
        assert made.problem.answer == str(made.steps[-1].value)


def test_a_gold_solution_is_a_right_solution(problems: list[NanoProblem]) -> None:
    for made in problems:
        assert nano.check(made, split_steps(made.problem.gold_solution)).ok


def test_texts_are_finished_sentences(problems: list[NanoProblem]) -> None:
    for made in problems:
        texts = [made.problem.question, *nano.solve(made, Random(0))]
        assert made.problem.question.endswith("?")
        for text in texts:
            assert text[0].isupper() or text[0].isdigit()
            assert not re.search(r"@|\{|\}|  |\bNone\b| [.,?]", text), text


@pytest.mark.parametrize(
    "problem_id",
    [
        "nano/train/s5-0",
        "nano/train/17",
        "gsm8k/train/1",
        "nano/valid/s2-1",
        "nano/test/s2--1",
        "",
        "nano/test/s2-١",
        "nano/test/s2-007",
        "nano/test/s2-7\n",
    ],
)
def test_an_id_that_is_none_is_named(problem_id: str) -> None:
    with pytest.raises(InputError, match="is not the id of a nano problem") as raised:
        nano.load(problem_id)
    assert "\n" not in str(raised.value)


def test_unknown_splits_and_numbers_of_steps_are_refused() -> None:
    with pytest.raises(InputError, match="splits: train, dev, test"):
        nano.generate("validation", 1)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="steps: 1 to 4"):
        nano.generate("train", 1, steps=(5,))
    with pytest.raises(InputError, match="steps: 1 to 4"):
        nano.generate("train", 1, steps=())
    assert set(SPLITS) == set(get_args(Split))

"""Injected errors are found where and as what they were made."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import get_args

import pytest

from lema_hub import nano
from lema_hub.answers import judge
from lema_hub.nano import INJECTABLE, NanoProblem
from lema_hub.nano.equations import equations, exact
from lema_hub.records import ERROR_TYPES, ErrorType
from lema_hub.steps import join_steps


@pytest.fixture(scope="module")
def injected(problems: list[NanoProblem]) -> list[tuple[NanoProblem, ErrorType, tuple[str, ...]]]:
    """Every type of error on every problem that has room for it."""
    rng = Random(5)
    return [
        (made, kind, wrong)
        for made in problems
        for kind in INJECTABLE
        if (wrong := nano.inject(made, kind, rng)) is not None
    ]


def test_an_injected_error_has_its_type_and_a_wrong_answer(
    injected: list[tuple[NanoProblem, ErrorType, tuple[str, ...]]],
) -> None:
    for made, kind, wrong in injected:
        found = nano.check(made, wrong)
        assert not found.ok
        assert found.error_type == kind
        assert wrong[-1].startswith("The answer is ")
        assert wrong[-1] != f"The answer is {made.problem.answer}."


def test_everything_before_an_injected_error_is_right_and_all_after_it_follows(
    injected: list[tuple[NanoProblem, ErrorType, tuple[str, ...]]],
) -> None:
    for made, kind, wrong in injected:
        k = nano.check(made, wrong).first_wrong
        assert k is not None
        right = {(s.x.value, s.op, s.y.value, s.value) for s in made.steps}
        for number, text in enumerate(wrong, start=1):
            for e in equations(text):
                if number < k:
                    assert (e.x, e.op, e.y, e.value) in right
                holds = exact(e.x, e.op, e.y) == e.value
                assert holds == (kind != "CA" or number != k), text
        last = [e.value for text in wrong for e in equations(text)][-1:]
        if kind not in ("CS", "NO", "MS"):
            assert wrong[-1] == f"The answer is {last[0]}."


def test_every_type_is_made_at_every_step_where_it_can_be(problems: list[NanoProblem]) -> None:
    rng = Random(6)
    places: Counter[tuple[ErrorType, int]] = Counter()
    for made in problems:
        if len(made.steps) == 4:
            for kind in INJECTABLE:
                wrong = nano.inject(made, kind, rng)
                place = nano.check(made, wrong).first_wrong if wrong else None
                places[kind, place or 0] += 1
    for kind in ("CA", "CV", "HA", "OP", "NO"):
        assert all(places[kind, step] > 0 for step in (1, 2, 3, 4)), kind
    assert all(places["PV", step] > 0 for step in (2, 3, 4))
    assert places["PV", 1] == 0
    assert {place for kind, place in places if kind == "CS"} == {5}
    assert set(INJECTABLE) == {kind for (kind, place) in places if place}


def test_all_types_but_counting_are_injectable() -> None:
    assert set(ERROR_TYPES) - set(INJECTABLE) == {"CO"}
    assert set(get_args(ErrorType)) == set(ERROR_TYPES)
    assert nano.inject(nano.load("nano/train/s2-5"), "CO", Random(0)) is None


def test_conversions_and_formulas_are_told_apart(
    injected: list[tuple[NanoProblem, ErrorType, tuple[str, ...]]],
) -> None:
    families = {
        kind: {made.problem.subject for made, other, _ in injected if other == kind} for kind in ("UC", "FC")
    }
    assert families == {"UC": {"units"}, "FC": {"garden"}}


def test_injection_is_deterministic(problems: list[NanoProblem]) -> None:
    for made in problems[:50]:
        assert nano.inject_any(made, Random(7)) == nano.inject_any(made, Random(7))
    assert len({nano.inject_any(problems[3], Random(seed))[1] for seed in range(30)}) > 10


def test_inject_any_follows_the_weights(problems: list[NanoProblem]) -> None:
    rng = Random(8)
    drawn = Counter(
        nano.inject_any(made, rng, weights={"CA": 0.75, "CS": 0.25})[0] for made in problems for _ in range(2)
    )
    assert set(drawn) == {"CA", "CS"}
    assert 0.68 < drawn["CA"] / drawn.total() < 0.82
    kind, wrong = nano.inject_any(nano.load("nano/train/s2-5"), rng, weights={"UC": 1.0})
    assert kind == "CA", "no unit to convert: the last resort"
    assert nano.check(nano.load("nano/train/s2-5"), wrong).error_type == "CA"


def test_the_judge_of_answers_calls_injected_solutions_wrong(
    injected: list[tuple[NanoProblem, ErrorType, tuple[str, ...]]],
) -> None:
    for made, _, wrong in injected[::60]:
        assert judge(join_steps(wrong), made.problem.answer).verdict == "wrong"

"""The noisy corrector does what it says that it did, as often as it was told."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from lema_hub import nano
from lema_hub.errors import FormatError, InputError
from lema_hub.nano import NanoProblem
from lema_hub.nano.noisy import NOISES, Noise, correct_noisily
from lema_hub.steps import CorrectionText, parse_correction


def noisy(problem: NanoProblem, noise: Noise, seed: int) -> tuple[tuple[str, ...], str, CorrectionText]:
    rng = Random(seed)
    _, wrong = nano.inject_any(problem, rng)
    made = correct_noisily(problem, wrong, rng, rates={noise: 1.0})
    assert made.noise == noise
    return wrong, made.text, made.exact


def whole(wrong: tuple[str, ...], correction: CorrectionText) -> tuple[str, ...]:
    return *wrong[: correction.first - 1], *correction.steps


def test_a_wrong_step_is_named_and_the_rest_still_ends_in_the_answer(problems: list[NanoProblem]) -> None:
    for problem in problems[::3]:
        wrong, text, exact = noisy(problem, "wrong_step", 1)
        read = parse_correction(text)
        assert read.incorrect_step != exact.incorrect_step
        assert read.explanation == exact.explanation
        assert read.steps[-1] == exact.steps[-1]
        if read.incorrect_step < exact.incorrect_step:
            assert nano.check(problem, whole(wrong, read)).ok


def test_only_the_explanation_is_wrong(problems: list[NanoProblem]) -> None:
    for problem in problems[::3]:
        _, text, exact = noisy(problem, "wrong_explanation", 2)
        read = parse_correction(text)
        assert read.explanation != exact.explanation
        assert (read.incorrect_step, read.steps) == (exact.incorrect_step, exact.steps)


def test_a_wrong_continuation_ends_in_the_right_answer(problems: list[NanoProblem]) -> None:
    for problem in problems[::3]:
        wrong, text, exact = noisy(problem, "wrong_continuation", 3)
        read = parse_correction(text)
        assert (read.incorrect_step, read.explanation) == (exact.incorrect_step, exact.explanation)
        assert read.steps[-1] == f"The answer is {problem.problem.answer}."
        assert not nano.check(problem, whole(wrong, read)).ok


def test_a_wrong_answer_is_wrong(problems: list[NanoProblem]) -> None:
    for problem in problems[::3]:
        wrong, text, exact = noisy(problem, "wrong_answer", 4)
        read = parse_correction(text)
        assert read.incorrect_step == exact.incorrect_step
        assert read.steps[-1] != exact.steps[-1]
        assert not nano.check(problem, whole(wrong, read)).ok


def test_a_malformed_text_is_no_correction(problems: list[NanoProblem]) -> None:
    texts: set[str] = set()
    for problem in problems[::3]:
        _, text, _ = noisy(problem, "malformed", len(texts))
        texts.add(text)
        with pytest.raises(FormatError):
            parse_correction(text)
    assert len(texts) > 50


def test_a_step_that_is_not_there_is_named(problems: list[NanoProblem]) -> None:
    for problem in problems[::3]:
        wrong, text, exact = noisy(problem, "no_such_step", 6)
        read = parse_correction(text)
        assert read.incorrect_step > len(wrong)
        assert read.steps == exact.steps


def test_the_steps_begin_at_another_number(problems: list[NanoProblem]) -> None:
    for problem in problems[::3]:
        _, text, exact = noisy(problem, "misnumbered", 7)
        read = parse_correction(text)
        assert (read.incorrect_step, read.first) == (exact.incorrect_step, exact.incorrect_step + 1)
        assert read.steps == exact.steps


def test_the_wrong_step_is_repeated(problems: list[NanoProblem]) -> None:
    for problem in problems[::3]:
        wrong, text, exact = noisy(problem, "restated", 8)
        read = parse_correction(text)
        assert read.steps == (wrong[exact.incorrect_step - 1], *exact.steps)


def test_rates_are_kept_and_the_rest_is_exact(problems: list[NanoProblem]) -> None:
    rng = Random(5)
    rates: dict[Noise, float] = {"wrong_step": 0.2, "malformed": 0.3}
    done: Counter[Noise | None] = Counter()
    for problem in problems * 2:
        _, wrong = nano.inject_any(problem, rng)
        made = correct_noisily(problem, wrong, rng, rates=rates)
        done[made.noise] += 1
        if made.noise is None:
            assert parse_correction(made.text) == made.exact
    assert set(done) == {None, "wrong_step", "malformed"}
    assert 0.15 < done["wrong_step"] / done.total() < 0.25
    assert 0.25 < done["malformed"] / done.total() < 0.35


def test_the_same_rng_gives_the_same_noise(problems: list[NanoProblem]) -> None:
    rates: dict[Noise, float] = dict.fromkeys(NOISES, 1 / len(NOISES))
    _, wrong = nano.inject_any(problems[7], Random(0))
    first, second = (correct_noisily(problems[7], wrong, Random(3), rates=rates) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("rates", [{"typo": 0.1}, {"malformed": -0.1}, {"malformed": 0.6, "wrong_step": 0.6}])
def test_impossible_rates_are_refused(rates: dict[Noise, float]) -> None:
    with pytest.raises(InputError, match="expected shares"):
        correct_noisily(nano.load("nano/train/s2-4"), ("The answer is 7.",), Random(0), rates=rates)

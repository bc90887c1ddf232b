"""What the gates catch, against the truth of the nano world: a corrector that errs in one way at a time."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from lema_hub import nano
from lema_hub.builders.corrections import build_corrections
from lema_hub.builders.gates import GATES, REQUIRED
from lema_hub.builders.votes import Voters
from lema_hub.engines import Ledger, Request, Sampling
from lema_hub.engines.exact import ExactEngine
from lema_hub.engines.noisy import NoisyEngine
from lema_hub.records import Correction, Problem, ReasoningPath
from lema_hub.steps import CorrectionText, format_correction, parse_correction, split_steps
from tests.builders.conftest import Sampled, Scripted

Mistaken = tuple[list[Problem], list[ReasoningPath]]
Err = Callable[[CorrectionText, tuple[str, ...]], tuple[int, tuple[str, ...]]]


def wrong_answer(right: CorrectionText, _: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """Ends in another number."""
    return right.incorrect_step, (*right.steps[:-1], "The answer is 12345.")


def false_equation(right: CorrectionText, _: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """Slips in a step, and still states the right answer."""
    slipped = re.sub(r"= (\d+)", lambda m: f"= {int(m[1]) + 7}", right.steps[0])
    return right.incorrect_step, (slipped, *right.steps[1:])


def restatement(right: CorrectionText, original: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """Repeats the wrong step before it goes on rightly."""
    return right.incorrect_step, (original[right.incorrect_step - 1], *right.steps)


def no_such_step(right: CorrectionText, original: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """Names a step behind the last one."""
    return len(original) + 3, right.steps


def late_step(right: CorrectionText, original: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """Names the step after the first wrong one, and keeps the wrong one."""
    return min(right.incorrect_step + 1, len(original)), right.steps


def erring(err: Err) -> Scripted:
    def answer(request: Request) -> str:
        ((_, found),) = ExactEngine().generate([request])
        right = parse_correction(found.text)  # type: ignore[union-attr]
        original = split_steps(request.prompt.split("Original Solution:\n{\n")[1].split("\n}\n")[0])
        step, steps = err(right, original)
        return format_correction(step, right.explanation, steps)

    return Scripted(answer, model=err.__name__)


def is_right(row: Correction) -> bool:
    """Whether a row names the first wrong step and its solution is right, step by step."""
    problem = nano.load(row.problem.problem_id)
    named = nano.check(problem, row.path.steps).first_wrong == row.incorrect_step
    return named and nano.check(problem, split_steps(row.correct_solution)).ok


@pytest.mark.parametrize(
    ("err", "gate"),
    [
        (wrong_answer, "answer"),
        (false_equation, "arithmetic"),
        (restatement, "changed"),
        (no_such_step, "step_exists"),
    ],
)
def test_a_gate_catches_every_error_of_its_kind(
    err: Err, gate: str, mistaken: Mistaken, ledger: Ledger
) -> None:
    built = build_corrections(*mistaken, erring(err), ledger)
    wrong = [row for row in built.rows if not is_right(row)]
    assert not wrong
    changed = sum(built.stages[0].dropped.values())
    assert built.stages[0].dropped.get(gate, 0) >= 0.9 * changed > 0


def test_no_gate_drops_a_right_correction(mistaken: Mistaken, ledger: Ledger) -> None:
    built = build_corrections(*mistaken, ExactEngine(), ledger, require=GATES[:-1])
    assert len(built.rows) == len(mistaken[1])
    assert all(is_right(row) for row in built.rows)


RATES = {
    "wrong_step": 0.1, "wrong_explanation": 0.1, "wrong_continuation": 0.1, "wrong_answer": 0.1,
    "malformed": 0.05, "no_such_step": 0.05, "misnumbered": 0.05, "restated": 0.05,
}  # fmt: skip


def test_precision_and_recall_of_every_gate_on_the_real_students_mistakes(
    sampled: Sampled, ledger: Ledger
) -> None:
    voters = Voters(
        engine=NoisyEngine({"wrong_step": 0.1}),
        prompt="lema-correction",
        sampling=Sampling(temperature=0.7, max_tokens=16),
    )
    built = build_corrections(
        sampled.problems,
        sampled.paths.rows,
        NoisyEngine(RATES),
        ledger,
        require=(*REQUIRED, "vote"),
        voters=voters,
    )
    truth = {gate.gate: gate for gate in built.gate_truth}
    assert set(truth) == {"format", *GATES, "vote", "required"}
    mistakes = sum(path.verdict == "wrong" for path in sampled.paths.rows)
    assert truth["format"].asked == truth["required"].asked == mistakes > 200
    assert truth["required"].failed == mistakes - len(built.rows) == len(built.rejected)
    whole = truth["required"].made
    # What each gate is there for, it finds without exception, and it finds nothing else.
    for gate, kind in (("format", "malformed"), ("numbering", "numbering"), ("answer", "answer"),
                       ("changed", "restated"), ("arithmetic", "solution")):  # fmt: skip
        assert truth[gate].precision == 1, gate
        assert truth[gate].caught[kind] == whole[kind] > 0, gate
    assert truth["step_exists"].precision == truth["seam"].precision == 1
    assert 0 < truth["step_exists"].caught["step"] < whole["step"]  # a step that is there may still be wrong
    # A vote finds the wrong steps that the rules let pass, and some right corrections with them.
    vote = truth["vote"]
    assert vote.caught["step"] >= 0.8 * vote.made["step"] > 0
    assert vote.right <= 0.1 * vote.asked
    # No gate reads explanations: what is left in the rows is right but for these.
    left = {kind: made - truth["required"].caught.get(kind, 0) for kind, made in whole.items()}
    assert left["explanation"] > 0
    assert sum(left.values()) - left["explanation"] <= 0.02 * len(built.rows)


def test_the_noise_that_was_made_is_the_truth_that_is_counted(mistaken: Mistaken, ledger: Ledger) -> None:
    kinds = {"wrong_step": "step", "wrong_answer": "answer", "misnumbered": "numbering", "restated": "restated",
             "malformed": "malformed", "no_such_step": "step", "wrong_explanation": "explanation",
             "wrong_continuation": "solution"}  # fmt: skip
    for noise, kind in kinds.items():
        built = build_corrections(*mistaken, NoisyEngine({noise: 1.0}), ledger, stage=noise)
        truth = {gate.gate: gate for gate in built.gate_truth}
        assert truth["required"].made == {kind: len(mistaken[1])}, noise
    exact = build_corrections(*mistaken, NoisyEngine({}), ledger, stage="exact")
    assert all(gate.made == {} and gate.failed == gate.right == 0 for gate in exact.gate_truth)


def test_a_late_step_with_the_right_answer_passes(mistaken: Mistaken, ledger: Ledger) -> None:
    # The limit of these gates: that an earlier step is wrong can only be known by solving the problem. Whoever
    # corrects with a language model has to expect such rows; their share is what a second corrector's vote is for.
    built = build_corrections(*mistaken, erring(late_step), ledger)
    assert sum(not is_right(row) for row in built.rows) > len(mistaken[1]) / 2

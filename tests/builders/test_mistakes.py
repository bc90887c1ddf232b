from __future__ import annotations

import pytest

from lema_hub import tasks
from lema_hub.builders.mistakes import collect_paths, path_steps, sample_requests
from lema_hub.engines import Failure, Ledger, Request, Sampling
from lema_hub.errors import InputError
from tests.builders.conftest import Scripted

PROBLEMS = tasks.load_problems("nano", "train", limit=6)


def by_index(request: Request) -> str | Failure:
    gold = next(p.answer for p in PROBLEMS if p.problem_id == request.problem_id)
    return {
        0: f"Step 1: 1 + 1 = 2\nStep 2: The answer is {gold}.",
        1: "Step 1: 1 + 1 = 2\nStep 2: The answer is 1234.",
        2: "Step 1: 1 + 1 = 2\nStep 2: The answer is 1234.",
        3: "I do not know.",
        4: Failure(reason="timeout", detail="60 s"),
    }[request.index]


def test_every_sample_is_counted_and_every_drop_has_its_reason(ledger: Ledger) -> None:
    built = collect_paths(PROBLEMS, Scripted(by_index), ledger, paths=5)
    (stage,) = built.stages
    assert (stage.rows_in, stage.rows_out) == (30, 6)
    assert stage.dropped == {"correct": 6, "duplicate": 6, "request_timeout": 6, "unparsed": 6}
    assert stage.rows_in - stage.rows_out == sum(stage.dropped.values())
    assert built.verdicts == {"correct": 6, "unparsed": 6, "wrong": 12}
    assert [p.verdict for p in built.rows] == ["correct", "wrong"] * 6
    assert sorted({r.reason for r in built.rejected}) == ["request_timeout", "unparsed"]
    assert len(built.rejected) == 12
    assert (built.tokens.prompt, built.tokens.completion, built.cost_usd) == (5 * 24, 7 * 24, None)


def test_a_path_says_how_to_sample_it_again(ledger: Ledger) -> None:
    sampling = Sampling(temperature=0.6, top_p=0.8, seed=4)
    built = collect_paths(PROBLEMS[:1], Scripted(by_index), ledger, paths=2, sampling=sampling)
    right, wrong = built.rows
    assert wrong.steps == ("1 + 1 = 2", "The answer is 1234.")
    assert (wrong.temperature, wrong.top_p, wrong.seed) == (0.6, 0.8, 4)
    assert wrong.prompt_id.startswith("lema-cot@1#")
    assert (wrong.model, wrong.engine, wrong.answer) == ("scripted-1", "scripted", "1234")
    assert wrong.error_type is not None  # known exactly in the nano world
    assert right.error_type is None


def test_a_cut_off_output_is_truncated_and_not_wrong(ledger: Ledger) -> None:
    engine = Scripted(lambda request: "Step 1: 1 + 1 = 2\nStep 2: The answer is 12")
    engine.finish_reason = "length"
    built = collect_paths(PROBLEMS, engine, ledger, paths=1)
    assert built.verdicts == {"truncated": 6}
    assert built.rows == ()


def test_the_second_run_sends_nothing(ledger: Ledger) -> None:
    engine = Scripted(lambda request: f"The answer is {request.index}.")
    first = collect_paths(PROBLEMS, engine, ledger, paths=3)
    sent = engine.sent
    assert collect_paths(PROBLEMS, engine, ledger, paths=3) == first
    assert engine.sent == sent


def test_bad_arguments_are_said(ledger: Ledger) -> None:
    with pytest.raises(InputError, match=r"paths must be >= 1, got 10000000000, and .* at most 10,000,000"):
        sample_requests(PROBLEMS[:1], paths=10**10, sampling=Sampling(), prompt="lema-cot")
    with pytest.raises(InputError, match="paths must be >= 1, got 0"):
        collect_paths(PROBLEMS, Scripted(by_index), ledger, paths=0)


@pytest.mark.parametrize(
    ("text", "answer", "steps"),
    [
        ("9 - 3 = <<9-3=6>>6 eggs\nA: 6", "6", ("9 - 3 = 6 eggs", "The answer is 6.")),
        ("9 - 3 = 6 eggs\n#### 6", "6", ("9 - 3 = 6 eggs", "The answer is 6.")),
        ("He has 6. The answer is 6.", "6", ("He has 6.", "The answer is 6.")),
        ("Step 1: a\nb\nStep 2: c", None, ("a\nb", "c")),
    ],
)
def test_path_steps(text: str, answer: str | None, steps: tuple[str, ...]) -> None:
    assert path_steps(text, answer) == steps

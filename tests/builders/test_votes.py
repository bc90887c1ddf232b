"""Models that are asked about a correction: votes on the step, and a rating of the seam."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from lema_hub import nano
from lema_hub.builders import build_corrections
from lema_hub.builders.gates import REQUIRED
from lema_hub.builders.seam_judge import Judge
from lema_hub.builders.votes import Voters
from lema_hub.engines import Failure, Ledger, Request, Sampling
from lema_hub.engines.exact import ExactEngine
from lema_hub.errors import InputError
from lema_hub.records import Problem, ReasoningPath
from lema_hub.steps import CORRECTION_SCHEMA, format_correction, parse_correction
from tests.builders.conftest import Scripted

Mistaken = tuple[list[Problem], list[ReasoningPath]]
SAMPLED = Sampling(temperature=0.7, max_tokens=16)


def voters(answer: Callable[[Request], str | Failure], *, k: int = 3, agree: int = 2) -> Voters:
    engine = Scripted(answer, model="voter-1")
    return Voters(engine=engine, prompt="lema-correction", sampling=SAMPLED, k=k, agree=agree)


def true_step(request: Request) -> int:
    ((_, found),) = ExactEngine().generate([request])
    return parse_correction(found.text).incorrect_step  # type: ignore[union-attr]


def test_a_step_needs_the_votes_of_enough(mistaken: Mistaken, ledger: Ledger) -> None:
    def two_of_three(request: Request) -> str | Failure:
        return f" Step {true_step(request) + (request.index == 0)}.\nExplanation: cut o"

    built = build_corrections(*mistaken, ExactEngine(), ledger, voters=voters(two_of_three))
    votes = [gate for row in built.rows for gate in row.gates if gate.name == "vote"]
    assert len(votes) == len(mistaken[1])
    assert {(gate.verdict, gate.score) for gate in votes} == {("pass", 2 / 3)}
    strict = build_corrections(
        *mistaken, ExactEngine(), ledger, voters=voters(two_of_three, agree=3), require=(*REQUIRED, "vote")
    )
    assert strict.rows == ()
    assert strict.stages[0].dropped == {"vote": len(mistaken[1])}
    assert re.fullmatch(r"step \d+ has 2 of 3 votes \(\d+ 2, \d+ 1\)", strict.rejected[0].detail)
    assert [(use.role, use.name) for use in built.models] == [
        ("corrector", "nano-corrector"),
        ("voter", "voter-1"),
    ]
    assert built.tokens.completion == 7 * 3 * len(mistaken[1])
    assert len(built.spent) == 4 * len(mistaken[1])


def test_a_vote_that_is_only_stored_drops_nothing(mistaken: Mistaken, ledger: Ledger) -> None:
    answers = {0: "I am not sure.", 1: Failure(reason="timeout", detail="60 s"), 2: "Step 99."}
    built = build_corrections(
        *mistaken, ExactEngine(), ledger, voters=voters(lambda request: answers[request.index])
    )
    assert len(built.rows) == len(mistaken[1])
    assert {row.gates[-1].verdict for row in built.rows} == {"fail"}


def test_only_what_passed_the_rules_is_asked_about(mistaken: Mistaken, ledger: Ledger) -> None:
    def erring(request: Request) -> str:
        ((_, found),) = ExactEngine().generate([request])
        return found.text.replace("The answer is ", "The answer is 1", 1)  # type: ignore[union-attr]

    asked = voters(lambda request: "Step 1.")
    built = build_corrections(*mistaken, Scripted(erring), ledger, voters=asked)
    assert built.stages[0].dropped == {"answer": len(mistaken[1])}
    assert asked.engine.sent == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize(("k", "agree"), [(3, 4), (3, 0), (0, 0)])
def test_votes_that_cannot_be_met_are_refused(k: int, agree: int) -> None:
    with pytest.raises(InputError, match="expected 1 <= agree <= k"):
        voters(lambda request: "1", k=k, agree=agree)


def test_votes_without_chance_would_be_one_vote() -> None:
    with pytest.raises(InputError, match="at temperature 0"):
        Voters(engine=ExactEngine(), prompt="lema-correction", sampling=Sampling(), k=3, agree=2)


def test_a_judge_rates_the_seam(mistaken: Mistaken, ledger: Ledger) -> None:
    said = ["excellent", "**Good**", "Poor: the named step is right.", "I would say it depends."]
    seen: list[str] = []

    def rate(request: Request) -> str:
        seen.append(request.prompt)
        return said[len(seen) % 4]

    judge = Judge(
        engine=Scripted(rate, model="judge-1"), prompt="lema-seam-judge", sampling=Sampling(max_tokens=16)
    )
    built = build_corrections(*mistaken, ExactEngine(), ledger, judge=judge)
    found = {(row.gates[-1].name, row.gates[-1].verdict, row.gates[-1].score) for row in built.rows}
    assert found == {
        ("seam_judge", "pass", 1.0),
        ("seam_judge", "pass", 0.5),
        ("seam_judge", "fail", 0.0),
        ("seam_judge", "skipped", None),
    }
    assert all(mistaken[0][0].question in text for text in seen[:1])
    required = build_corrections(
        *mistaken, ExactEngine(), ledger, judge=judge, require=(*REQUIRED, "seam_judge")
    )
    assert len(seen) == len(mistaken[1])  # the second run pays nothing
    poor_or_unread = [row.gates[-1].verdict != "pass" for row in built.rows]
    assert required.stages[0].dropped == {"seam_judge": sum(poor_or_unread)}
    assert {row.detail for row in required.rejected} == {
        "rated poor",
        "no rating in 'I would say it depends.'",
    }


def test_a_structured_corrector_is_asked_for_json_and_meets_the_same_gates(
    mistaken: Mistaken, ledger: Ledger
) -> None:
    seen: list[Request] = []

    def answer(request: Request) -> str:
        seen.append(request)
        ((_, found),) = ExactEngine().generate([request])
        read = parse_correction(found.text)  # type: ignore[union-attr]
        text = format_correction(read.incorrect_step, read.explanation, read.steps)
        fields = {
            "incorrect_step": read.incorrect_step,
            "explanation": read.explanation,
            "correct_steps": list(read.steps),
        }
        return [json.dumps(fields), text, json.dumps({**fields, "note": ""})][len(seen) % 3]

    built = build_corrections(*mistaken, Scripted(answer), ledger, structured=True)
    assert {request.schema for request in seen} == {CORRECTION_SCHEMA}
    assert all(request.system and "JSON" in request.system for request in seen)
    third = len(mistaken[1]) // 3
    assert built.stages[0].dropped == {"format": third}  # fields that nobody asked for
    assert len(built.rows) == 2 * third  # an endpoint that cannot be held to JSON answers in LeMa's text
    for row in built.rows:
        assert nano.check(nano.load(row.problem.problem_id), row.path.steps).first_wrong == row.incorrect_step
    assert [use.id.partition("@")[0] for use in built.prompts] == ["lema-correction", "lema-structured"]


def test_repaired_rows_are_counted(mistaken: Mistaken, ledger: Ledger) -> None:
    def answer(request: Request) -> str:
        ((_, found),) = ExactEngine().generate([request])
        text = found.text.replace(".\nExplanation:", ":\n**Explanation:**", 1)  # type: ignore[union-attr]
        return text + "\n\nI hope this helps!" if int(request.problem_id[-1]) % 2 else text  # type: ignore[index]

    built = build_corrections(*mistaken, Scripted(answer), ledger)
    assert len(built.rows) == len(mistaken[1])
    odd = sum(int(path.problem_id[-1]) % 2 for path in mistaken[1])
    assert built.stages[0].repaired == {"markup": len(mistaken[1]), "trailing": odd}

"""Corrections from an OpenAI-compatible endpoint: how it is asked, and what becomes of its answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from lema_hub.builders import gates
from lema_hub.builders.mistakes import judged_path
from lema_hub.demo import diagnose
from lema_hub.demo.correctors import endpoint
from lema_hub.errors import EngineError, InputError
from lema_hub.steps import parse_correction
from lema_hub.tasks import load_problems
from tests.endpoint import Endpoint

QUESTION = "Tom has 4 boxes of 3 eggs. He drops 2 eggs. How many eggs are left?"
SOLUTION = "Tom has 4 * 3 = 12 eggs. He has 12 + 2 = 14 eggs left. The answer is 14."
CORRECTION = """ Step 2.
Explanation: Dropped eggs are subtracted.
Correct Solution:
{
...
Step 2: He has 12 - 2 = 10 eggs left.
Step 3: The answer is 10.
}"""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with Endpoint(text=CORRECTION) as running:
        yield running


def test_a_chat_model_gets_the_corrector_prompt_with_its_examples(server: Endpoint) -> None:
    found = diagnose(QUESTION, SOLUTION, corrector=endpoint("m", base_url=server.url))
    assert (found.corrector, found.incorrect_step, found.explanation) == (
        "m",
        2,
        "Dropped eggs are subtracted.",
    )
    assert found.steps_corrected == (
        "Tom has 4 * 3 = 12 eggs.",
        "He has 12 - 2 = 10 eggs left.",
        "The answer is 10.",
    )
    assert (found.answer, found.verdict, found.exact_step, found.error_type) == ("10", None, None, None)
    (path,), (body,) = server.paths, server.seen
    assert path == "/v1/chat/completions"
    (message,) = body["messages"]
    assert message["content"].endswith("Step 3: The answer is 14.\n}\nIncorrect Step:")
    assert message["content"].count("Original Solution:") == 5
    assert body["temperature"] == 0


def test_a_served_lema_model_completes_its_own_prompt(server: Endpoint) -> None:
    found = diagnose(
        QUESTION, SOLUTION, corrector=endpoint("m", base_url=server.url, prompt="lema-correction")
    )
    assert found.incorrect_step == 2
    (path,), (body,) = server.paths, server.seen
    assert path == "/v1/completions"
    assert body["prompt"].startswith("For the following math problem, the original solution is incorrect.")


def test_the_exact_checker_looks_at_nano_problems(server: Endpoint) -> None:
    wrong = "Paul has 16 - 10 = 5 shells.\nTogether they have 16 + 5 = 21 shells.\nThe answer is 21."
    server.text = CORRECTION
    found = diagnose("nano/test/s2-0", wrong, corrector=endpoint("m", base_url=server.url))
    assert (found.incorrect_step, found.exact_step, found.verdict) == (2, 1, "wrong")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("I am sorry, but I cannot help.", "it begins: 'I am sorry, but I cannot help.'"),
        ("", "gave no answer|it is empty"),
        (CORRECTION.replace("Step 2.", "Step 9."), "names step 9, but the solution has 3 steps"),
        (
            CORRECTION.replace("Step 2.", "Step 1."),
            r"do not fit the solution \(corrected from step 2, incorrect is step 1\)",
        ),
    ],
)
def test_an_answer_that_fits_nothing_is_a_sentence(server: Endpoint, answer: str, said: str) -> None:
    server.text = answer
    with pytest.raises(EngineError, match=said):
        diagnose(QUESTION, SOLUTION, corrector=endpoint("m", base_url=server.url))


REWRITTEN = CORRECTION.replace("...\n", "Step 1: The boxes hold 12 eggs.\n")


@pytest.mark.parametrize(
    "answer", [CORRECTION, CORRECTION.replace("...\n", "Step 1: Tom has 4 * 3 = 12 eggs\n"), REWRITTEN]
)
def test_the_page_shows_what_the_gates_judge(server: Endpoint, answer: str) -> None:
    server.text = answer
    found = diagnose(QUESTION, SOLUTION, corrector=endpoint("m", base_url=server.url))
    problem = replace(load_problems("nano", "train", limit=1)[0], question=QUESTION, answer="10")
    path = replace(judged_path(problem, SOLUTION, model="m"), steps=found.steps_original)
    checked = gates.check(problem, path, parse_correction(answer))
    assert found.steps_corrected == checked.solution
    assert ("rewrote" in found.note) == ("numbering" in checked.details) == (answer == REWRITTEN)


def test_a_solution_that_comes_back_unchanged_is_noted(server: Endpoint) -> None:
    server.text = (
        " Step 2.\nExplanation: None.\nCorrect Solution:\n{\n...\n"
        "Step 2: He has 12 + 2 = 14 eggs left.\nStep 3: The answer is 14.\n}"
    )
    assert (
        "changed nothing" in diagnose(QUESTION, SOLUTION, corrector=endpoint("m", base_url=server.url)).note
    )


def test_a_refused_key_and_a_dead_endpoint_are_sentences(server: Endpoint) -> None:
    server.status = 401
    with pytest.raises(EngineError, match="refused the key"):
        diagnose(QUESTION, SOLUTION, corrector=endpoint("m", base_url=server.url))
    with pytest.raises(EngineError, match=r"no answer from http://127\.0\.0\.1:9/v1"):
        diagnose(QUESTION, SOLUTION, corrector=endpoint("m", base_url="http://127.0.0.1:9/v1"))


def test_an_unknown_prompt_is_refused_before_the_page_opens() -> None:
    with pytest.raises(InputError, match="no prompt 'lema-corektor'"):
        endpoint("m", base_url="http://127.0.0.1:9/v1", prompt="lema-corektor")

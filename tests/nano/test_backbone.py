"""The shipped backbone: small, loadable without code of ours, and as good and as bad as its card says."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from lema_hub import nano, prompts
from lema_hub.answers import judge
from lema_hub.artifacts.training import Training
from lema_hub.steps import format_correction, join_steps

FOLDER = nano.backbone_path()


def test_it_is_small_and_whole() -> None:
    names = {file.name for file in FOLDER.iterdir()}
    assert {
        "README.md",
        "config.json",
        "curve.svg",
        "model.safetensors",
        "scores.json",
        "tokenizer.json",
    } <= names
    assert (FOLDER / "model.safetensors").stat().st_size <= 8 * 10**6
    assert not any(Path(name).suffix in (".bin", ".pt", ".pkl") for name in names)


def test_its_record_says_how_it_was_made() -> None:
    record = Training.read(FOLDER)
    assert record.method == "scratch"
    assert record.command.startswith("OMP_NUM_THREADS=1 python scripts/make_nano_backbone.py")
    assert record.steps > 0
    assert record.losses[-1].loss < record.losses[0].loss
    (result,) = record.results
    assert (result.task, result.metric, result.n) == ("lema:nano", "pass@1", 1000)
    assert 0.35 <= result.value <= 0.65
    scores = json.loads((FOLDER / "scores.json").read_text())
    assert scores["test"]["all"] == result.value
    wrong = sum(scores["mistakes"]["type"].values())
    assert wrong == round(1000 * (1 - result.value))
    assert scores["mistakes"]["type"].get("CA", 0) < wrong / 2, (
        "its mistakes should be of reasoning, not of arithmetic"
    )


@pytest.fixture(scope="module")
def loaded() -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoModelForCausalLM.from_pretrained(FOLDER), AutoTokenizer.from_pretrained(FOLDER)


def test_it_scores_what_its_record_says(loaded: tuple[Any, Any]) -> None:
    """Greedy on 90 held-out problems: within five standard errors of the recorded pass@1 on 1,000."""
    model, tokenizer = loaded
    problems = [p.problem for p in nano.generate("test", 90)]
    texts = [prompts.load("lema-cot").render(question=p.question) for p in problems]
    inputs = tokenizer(texts, return_tensors="pt", padding=True, return_token_type_ids=False)
    output = model.generate(**inputs, max_new_tokens=110, do_sample=False)
    answers = tokenizer.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    right = sum(
        judge(a, p.answer).verdict == "correct" for a, p in zip(answers, problems, strict=True)
    ) / len(problems)
    recorded = Training.read(FOLDER).results[0].value
    assert abs(right - recorded) < 5 * math.sqrt(recorded * (1 - recorded) / len(problems))


def test_its_tokenizer_loses_nothing(loaded: tuple[Any, Any]) -> None:
    tokenizer = loaded[1]
    for text in (
        "Zoë paid $12.50 for 7½ naïve <b>cafés</b>\n\n\t日本 \N{SNOWMAN}",
        prompts.load("lema-correction").render(
            question="How?", solution=join_steps(["a", "The answer is 100."])
        ),
        format_correction(2, "Because.", ["b", "The answer is 1234567."]),
        *(p.problem.question for p in nano.generate("dev", 30)),
    ):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_a_prompt_is_a_prefix_of_prompt_and_completion(loaded: tuple[Any, Any]) -> None:
    """Else a trainer that splits by the common prefix would move the border of the loss."""
    tokenizer = loaded[1]
    for prompt, completion in (
        (prompts.load("lema-cot").render(question="How many?"), "Step 1: Tom has 2 + 3 = 5 pens."),
        (
            prompts.load("lema-correction").render(question="How many?", solution="Step 1: a"),
            " Step 1.\nExplanation: b",
        ),
        (prompts.load("lemma-solve").render(question="How many?"), "\nStep 1: a"),
    ):
        ids = tokenizer(prompt)["input_ids"]
        assert tokenizer(prompt + completion)["input_ids"][: len(ids)] == ids

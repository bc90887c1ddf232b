"""The tasks' table: what LightEval will ask, with which data, and what its metric says."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import lema_hub.tasks
from lema_hub import nano, prompts
from lema_hub.evals import TASKS
from lema_hub.evals.lighteval import prepare

prepare()

from lighteval.models.model_output import ModelResponse  # noqa: E402
from lighteval.tasks.registry import Registry  # noqa: E402

from lema_hub.evals import tasks  # noqa: E402

if TYPE_CHECKING:
    from lighteval.tasks.lighteval_task import LightevalTaskConfig

TABLE: dict[str, LightevalTaskConfig] = {config.name: config for config in tasks.TASKS_TABLE}
GSM8K = {
    "question": " How many? ",
    "answer": "She has 48/2 = <<48/2=24>>24 clips.\n#### 24",
    "__index": 7,
    "__few_shots": False,
}
CSQA = {
    "id": "made-1",
    "question": "Where do you leave a wet umbrella?",
    "question_concept": "umbrella",
    "choices": {"label": ["A", "B", "C"], "text": ["oven", "umbrella stand", "bed"]},
    "answerKey": "B",
    "__index": 5,
    "__few_shots": False,
}
MATH = {
    "problem": "What is $x$?",
    "level": "Level 4",
    "type": "Algebra",
    "solution": r"So \boxed{\frac12}.",
    "__index": 3,
    "__few_shots": False,
}


def test_the_names_are_those_that_a_user_types() -> None:
    assert set(TABLE) == set(TASKS)
    registry = Registry(tasks="lema:gsm8k,lema:math|0,gsm8k|5", custom_tasks=tasks)  # built-in ones stay
    assert set(registry.task_to_configs) == {"lema:gsm8k", "lema:math", "gsm8k"}


@pytest.mark.parametrize(
    ("name", "repo", "revision", "tokens"),
    [
        ("lema:gsm8k", "openai/gsm8k", "cc7b047b6e5bb11b4f1af84efc572db110a51b3c", 2048),
        ("lema:math", "DigitalLearningGmbH/MATH-lighteval", "0530c78699ea5e8eb5530600900e1f328b48acad", 2048),
        ("lema:csqa", "tau/commonsense_qa", "94630fe30dad47192a8546eb75f094926d47e155", 2048),
    ],
)
def test_data_are_pinned_and_there_is_room_for_an_answer(
    name: str, repo: str, revision: str, tokens: int
) -> None:
    for config in (TABLE[name], TABLE[f"{name}-maj8"]):
        assert (config.hf_repo, config.hf_revision, config.generation_size) == (repo, revision, tokens)
        assert config.stop_sequence == []


def test_the_package_leaves_its_launcher_to_be_run() -> None:
    """`python -m lema_hub.evals.lighteval` warns if importing the package has imported it already."""
    code = "import sys, lema_hub.evals; print('lema_hub.evals.lighteval' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("name", ["gsm8k", "math", "csqa"])
def test_items_are_the_problems_that_builders_load(name: str) -> None:
    config, task = TABLE[f"lema:{name}"], lema_hub.tasks.get(name)
    assert (config.hf_repo, config.hf_revision) == (task.source_repo, task.revision)
    assert (config.hf_subset,) == task.configs  # one, so that `.../test/7` is the same row on both sides


@pytest.mark.parametrize(
    ("name", "row", "question", "gold", "item"),
    [
        ("lema:gsm8k", GSM8K, "How many?", "24", "gsm8k/test/7"),
        ("lema:math", MATH, "What is $x$?", r"\frac12", "math/test/3"),
    ],
)
def test_the_prompt_is_lemas_and_the_gold_bare(
    name: str, row: dict[str, Any], question: str, gold: str, item: str
) -> None:
    doc = TABLE[name].prompt_function(row, name)
    assert doc.query == prompts.load("lema-cot").render(question=question)
    assert (doc.choices, doc.specific["item_id"]) == ([gold], item)


def test_a_commonsense_question_is_asked_with_its_choices() -> None:
    doc = TABLE["lema:csqa"].prompt_function(CSQA, "lema:csqa")
    question = "Where do you leave a wet umbrella?\nCandidate Answers: (A) oven, (B) umbrella stand, (C) bed."
    assert doc.query == prompts.load("lema-cot-choice").render(question=question)
    assert (doc.choices, doc.specific["item_id"]) == (["B"], "csqa/validation/5")
    doc.id, doc.generation_size = "5", 2048
    (metric,) = TABLE["lema:csqa"].metrics
    for output, verdict in [
        ("Step 2: The answer is (B).", "pass@1"),
        ("The answer is umbrella stand.", "pass@1"),
        ("The answer is A.", "wrong"),
        ("The answer is A or B.", "unparsed"),
    ]:
        scores = metric.compute_sample(model_response=ModelResponse(text=[output], output_tokens=[]), doc=doc)
        assert [name for name, value in scores.items() if value] == [verdict], output
    shown = TABLE["lema:csqa"].prompt_function({**CSQA, "__few_shots": True}, "lema:csqa")
    assert shown.choices == ["The answer is B."]


def test_a_few_shot_example_shows_the_worked_solution() -> None:
    doc = TABLE["lema:gsm8k"].prompt_function({**GSM8K, "__few_shots": True}, "lema:gsm8k")
    assert doc.choices == ["She has 48/2 = 24 clips.\nThe answer is 24."]


def test_nano_items_are_held_out_problems_under_their_ids() -> None:
    import datasets

    rows = datasets.load_dataset(
        TABLE["lema:nano"].hf_repo, split="test", revision=TABLE["lema:nano"].hf_revision
    )
    assert rows.num_rows == 1000
    doc = TABLE["lema:nano"].prompt_function({**rows[17], "__index": 17, "__few_shots": False}, "lema:nano")
    problem = nano.load(doc.specific["item_id"]).problem
    assert problem.split == "test"
    assert doc.query == prompts.load("lema-cot").render(question=problem.question)


def measure(name: str, outputs: list[str], **specific: Any) -> dict[str, float]:
    config = TABLE[name]
    doc = config.prompt_function(GSM8K, name)
    doc.id, doc.generation_size = "7", config.generation_size
    doc.specific |= specific
    tokens = specific.pop("tokens", [])
    (metric,) = config.metrics
    return metric.compute_sample(model_response=ModelResponse(text=outputs, output_tokens=tokens), doc=doc)


@pytest.mark.parametrize(
    ("output", "finish", "verdict"),
    [
        ("48/2 = 24. The answer is 24.", "stop", "correct"),
        ("The answer is $24.00.", None, "correct"),
        ("The answer is 25.", "stop", "wrong"),
        ("I cannot say.", "stop", "unparsed"),
        ("First, 48 clips are", "length", "truncated"),
    ],
)
def test_an_output_has_one_verdict(output: str, finish: str | None, verdict: str) -> None:
    scores = measure("lema:gsm8k", [output], finish_reasons=[finish])
    assert scores.pop("pass@1") == float(verdict == "correct")
    assert scores == {
        name: float(name == verdict) for name in ("wrong", "unparsed", "truncated", "timeout", "crashed")
    }


def test_sampled_tasks_report_the_share_and_the_majority() -> None:
    right, wrong = "The answer is 24.", "The answer is 25."
    scores = measure(
        "lema:gsm8k-maj8", [right, right, right, wrong, wrong, "No.", "Sorry", "The answer is 26."]
    )
    assert (scores["pass@1"], scores["maj@8"], scores["unparsed"]) == (3 / 8, 1.0, 2 / 8)
    scores = measure("lema:gsm8k-maj8", [wrong] * 4 + [right] * 3 + ["None"])
    assert (scores["pass@1"], scores["maj@8"]) == (3 / 8, 0.0)
    with pytest.raises(ValueError, match="1 outputs for item 7; 8 were asked for"):
        measure("lema:gsm8k-maj8", [right])


def test_an_output_as_long_as_the_limit_was_cut_unless_it_is_padding() -> None:
    cut = [list(range(2048))]
    padded = [list(range(2000)) + [1] * 48]
    assert measure("lema:gsm8k", ["First, 48 clips are"], tokens=cut)["truncated"] == 1
    assert measure("lema:gsm8k", ["Sorry."], tokens=padded)["truncated"] == 0
    assert measure("lema:gsm8k", ["Sorry."], tokens=[[5, 1]])["truncated"] == 0


@pytest.mark.parametrize(
    "output",
    [
        "The answer is 24.",
        "The answer is 24 clips",
        "so 24",
        "48/2 = 24. She has 24.",
        "The answer is 2.4e1",
        "",
        "####",
        "24 or 25",
    ],
)
@pytest.mark.parametrize("finish", ["stop", "length", None])
def test_the_builder_and_the_metric_agree(output: str, finish: str | None) -> None:
    from lema_hub.builders.mistakes import judged_path
    from lema_hub.records import Problem

    problem = Problem(
        problem_id="gsm8k/test/7", task="gsm8k", split="test", question="How many?", answer="24", gold_solution="",
        level=None, subject=None, source_repo="r", source_revision="s", license="mit",
    )  # fmt: skip
    verdict = judged_path(problem, output, model="m", finish_reason=finish).verdict
    scores = measure("lema:gsm8k", [output], finish_reasons=[finish])
    assert scores["pass@1"] == float(verdict == "correct")
    assert verdict == "correct" or scores[verdict] == 1.0

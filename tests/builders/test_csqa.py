"""CommonsenseQA and other multiple choice, built by the shipped recipes against a real endpoint."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lema_hub import prompts
from lema_hub.answers.choice import options
from lema_hub.builders.recipe import load
from lema_hub.builders.run import run
from tests.endpoint import Endpoint, Reply, reply

RECIPES = Path(__file__).parents[2] / "scripts" / "recipes" / "data"
THINGS = ("oven", "umbrella stand", "bed", "bookshelf", "letterbox")


def row(number: int, split: str) -> dict[str, Any]:
    return {
        "id": f"{split}-{number}",
        "question": f"In {split} house {number}, where is umbrella {number} left?",
        "question_concept": "umbrella",
        "choices": {"label": list("ABCDE"), "text": [f"{thing} {number}" for thing in THINGS]},
        "answerKey": "ABCDE"[number % 5],
    }


class Chooser(Endpoint):
    """Chooses the next option in every second question, names the right one by its text in the others; corrects all
    but the ninth.
    """

    def answer(self, body: dict[str, Any]) -> Reply:
        prompt = body["messages"][-1]["content"]
        question = prompt.rpartition("\n\nQuestion: ")[2]
        number = int(re.findall(r"umbrella (\d+)", question)[0])
        right, other = "ABCDE"[number % 5], "ABCDE"[(number + 1) % 5]
        if "Original Solution:" in question:
            letter = right if number != 9 else "A or B"
            text = (
                " Step 2.\nExplanation: That place is dry.\nCorrect Solution:\n{\n...\n"
                f"Step 2: Only one place takes a wet umbrella.\nStep 3: The answer is ({letter}).\n}}"
            )
        elif number % 2:
            text = f"Step 1: It is wet.\nStep 2: It may lie anywhere.\nStep 3: The answer is ({other})."
        else:
            text = f"Step 1: It is wet.\nStep 2: The answer is {options(question)[right]}."
        self.paid += 1
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        return reply({"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 4}})


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Chooser]:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with Chooser() as started:
        yield started


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    train, test = [row(n, "train") for n in range(40)], [row(1, "train"), row(2, "validation")]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, train)))
    (tmp_path / "test.jsonl").write_text("\n".join(map(json.dumps, test)))
    return tmp_path


def rows(out: Path, config: str) -> list[dict[str, Any]]:
    return [
        one
        for file in sorted((out / "data" / config).glob("*.parquet"))
        for one in pq.read_table(file).to_pylist()
    ]


def test_corrections_of_commonsense_questions(folder: Path, endpoint: Chooser) -> None:
    recipe = load(
        RECIPES / "csqa-corrections.yaml",
        [
            f"problems.path={folder}", f"students.0.base_url={endpoint.url}", "students.0.api=chat",
            "students.0.model=m", "students.0.paths=1", f"corrector.base_url={endpoint.url}", "corrector.model=m",
        ],
    )  # fmt: skip
    out = folder / "out"
    manifest = run(recipe, out, command="lema build corrections csqa-corrections.yaml")
    assert manifest.verdicts == {"correct": 20, "wrong": 20}
    stages = {stage.name: stage for stage in manifest.stages}
    assert stages["correct"].dropped == {"test_question": 1, "answer": 1}
    built = rows(out, "csqa")
    assert built
    for one in built:
        assert one["path_answer"] != one["answer"]
        assert one["prompt"] == prompts.load("lema-correction-choice").render(
            question=one["question"],
            solution=f"Step 1: It is wet.\nStep 2: It may lie anywhere.\nStep 3: The answer is ({one['path_answer']}).",
        )
        assert one["completion"].endswith(f"Step 3: The answer is ({one['answer']}).\n}}")
    (unparsed,) = [one for one in rows(out, "rejected") if one["reason"] == "answer"]
    assert unparsed["detail"].startswith("unparsed")  # two letters are no answer


def test_cot_rows_are_right_solutions_under_the_choice_prompt(folder: Path, endpoint: Chooser) -> None:
    overrides = [f"problems.path={folder}", f"students.0.base_url={endpoint.url}", "students.0.model=m"]
    manifest = run(
        load(RECIPES / "csqa-cot.yaml", [*overrides, "students.0.paths=1"]), folder / "out", command="x"
    )
    built = rows(folder / "out", "csqa")
    assert len(built) == sum(manifest.configs["csqa"].values())
    assert 0 < len(built) <= 20
    head = prompts.load("lema-cot-choice").template.partition("\n")[0]
    assert all(one["prompt"].startswith(head) for one in built)
    assert all(
        one["path_verdict"] == "correct" for one in built
    )  # an option's text is as right as its letter


def test_a_corrector_finishes_what_mr_ben_leaves_unfinished(tmp_path: Path, endpoint: Chooser) -> None:
    solutions = {
        f"q{n}": [
            {
                "Question_UUID": f"q{n}", "Subject": "college_physics", "Question": f"Where is umbrella {n} left?",
                "Options": " \n".join(f"{letter}: {thing} {n}" for letter, thing in zip("ABCDE", THINGS, strict=True)),
                "Ground_Truth_Answer_Modified": "ABCDE"[n % 5], "Sampled_Model": "mistral-medium",
                "Model_Solution_Steps": [
                    "Step 1: It is wet.", "Step 2: Anywhere.", f"Solution: Choice_{'ABCDE'[(n + 1) % 5]}",
                ],
                "Model_Solution_Correctness": "incorrect", "Model_Solution_First_Error_Step": "2",
                "Model_Solution_Error_Reason": ["Not anywhere."],
                "Model_Solution_Rectified_First_Error_Step": [
                    f"Step 2: So option {'ABCDE'[n % 5]} is correct." if n % 2 else "Step 2: Somewhere dry.",
                ],
            }
        ]
        for n in range(10, 20)
    }  # fmt: skip
    (tmp_path / "m.json").write_text(json.dumps(solutions))
    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        "kind: corrections\ntask: mr-ben\n"
        f"recorded: [{{path: {tmp_path / 'm.json'}, format: mr-ben, mmlu_scored: false}}]\n"
        f"corrector: {{engine: openai, model: m, base_url: {endpoint.url}}}\n"
    )
    run(load(recipe), tmp_path / "out", command="x")
    assert endpoint.paid == 5
    written = {one["corrector"] for one in rows(tmp_path / "out", "mr-ben")}
    assert written == {"mr-ben-annotator", "m"}
    assert len(rows(tmp_path / "out", "mr-ben")) + len(rows(tmp_path / "out", "rejected")) == 10
    endpoint.paid = 0
    alone = tmp_path / "alone.yaml"
    alone.write_text("\n".join(recipe.read_text().splitlines()[:3]))
    manifest = run(load(alone), tmp_path / "alone", command="x")
    assert endpoint.paid == 0
    assert {stage.name: stage for stage in manifest.stages}["annotate"].dropped == {"unfinished": 5}

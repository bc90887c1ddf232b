"""A test question in a row is found, dropped with the matched text, and never published."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lema_hub import tasks
from lema_hub.answers import gold_answer
from lema_hub.artifacts.manifest import Manifest
from lema_hub.builders.built import Built
from lema_hub.builders.clean import clean
from lema_hub.builders.contamination import Allow, Checks, Without, decontaminate
from lema_hub.builders.cot import build_cot
from lema_hub.builders.recipe import Problems, Recipe, Recorded, load
from lema_hub.builders.run import run
from lema_hub.errors import RecipeError
from lema_hub.records import CotExample, Problem
from lema_hub.tasks.held_out import HeldOut, load_scored, of_problems
from tests.command import lema, one_line

WITHOUT = tuple(Without(tests=name, why="no network in the tests") for name in ("math", "csqa"))


@pytest.fixture(scope="module")
def rows() -> Built[CotExample]:
    return build_cot(tasks.load_problems("nano", "train", limit=40))


@pytest.fixture(scope="module")
def held_out() -> HeldOut:
    return of_problems("nano", load_scored("nano"))


def planted(
    built: Built[CotExample], question: Callable[[str], str], texts: Sequence[str]
) -> Built[CotExample]:
    """The rows, the first of which hold these texts in their questions."""
    held = [
        replace(row, problem=replace(row.problem, question=question(text)))
        for row, text in zip(built.rows, texts, strict=False)
    ]
    return replace(built, rows=(*held, *built.rows[len(held) :]))


@pytest.mark.parametrize(
    "write",
    [
        str,
        str.upper,
        lambda text: "  ".join(text.split(" ")),
        lambda text: f"Ben asks: {text} Answer him in one sentence.",
    ],
)
def test_planted_questions_are_dropped_with_the_matched_text(
    rows: Built[CotExample], held_out: HeldOut, write: Callable[[str], str]
) -> None:
    kept, record = decontaminate(planted(rows, write, held_out.questions[:10]), [held_out])
    dropped = [row for row in kept.rejected if row.reason == "contaminated"]
    assert len(dropped) >= 10
    for row, test_id, text in zip(dropped, held_out.ids, held_out.questions, strict=False):
        assert row.detail.startswith(f"{test_id} (whole, ")
        assert "in question): " + " ".join(text.lower().split())[:100] in row.detail
    assert record.dropped == len(dropped) == record.tests[0].hits
    assert (kept.stages[-1].rows_in, kept.stages[-1].rows_out) == (40, 40 - len(dropped))
    assert not set(held_out.questions) & {row.problem.question for row in kept.rows}


@pytest.mark.parametrize("column", ["gold_solution", "path_text", "completion"])
def test_solutions_are_looked_at_too(rows: Built[CotExample], held_out: HeldOut, column: str) -> None:
    first, text = rows.rows[0], f"This is like: {held_out.questions[0]} So I know."
    if column == "gold_solution":
        held = replace(first, problem=replace(first.problem, gold_solution=text))
    elif column == "path_text":
        held = replace(first, path=replace(first.path, text=text))
    else:
        held = replace(first, completion=text)
    kept, _ = decontaminate(replace(rows, rows=(held,)), [held_out])
    assert not kept.rows
    assert f"in {column})" in kept.rejected[-1].detail


def test_a_question_that_is_allowed_stays_and_is_recorded(rows: Built[CotExample], held_out: HeldOut) -> None:
    checks = Checks(allow=(Allow(test=held_out.ids[0], why="the example of our paper"),))
    kept, record = decontaminate(planted(rows, str, held_out.questions[:2]), [held_out], checks=checks)
    assert [(item.test, item.why, item.rows) for item in record.allowed] == [
        (held_out.ids[0], "the example of our paper", 1)
    ]
    assert held_out.questions[0] in {row.problem.question for row in kept.rows}
    assert held_out.questions[1] not in {row.problem.question for row in kept.rows}


def test_phrases_are_counted_and_dropped_only_if_strict(rows: Built[CotExample], held_out: HeldOut) -> None:
    kept, record = decontaminate(rows, [held_out])
    assert record.phrases > 0
    strict, strictly = decontaminate(rows, [held_out], checks=Checks(strict=True))
    assert len(kept.rows) - len(strict.rows) == record.phrases
    assert (strictly.phrases, strictly.strict) == (0, True)
    assert "(n-gram, " in strict.rejected[-1].detail


def test_what_was_missing_is_recorded_with_the_excuse(rows: Built[CotExample], held_out: HeldOut) -> None:
    missing = {"math": "no network", "csqa": "no network"}
    _, record = decontaminate(rows, [held_out], missing, checks=Checks(without=WITHOUT[:1]))
    told = {tests.name: (tests.missing, tests.excuse) for tests in record.tests}
    assert told == {
        "nano": (None, None),
        "math": ("no network", "no network in the tests"),
        "csqa": ("no network", None),
    }


@pytest.mark.parametrize(
    ("checks", "message"),
    [
        (
            Checks(allow=(Allow(test="nano/test/x", why="?"),)),
            "'nano/test/x', which no test set has; .*nano/",
        ),
        (Checks(without=(Without(tests="mmlu", why="?"),)), "test set 'mmlu'; the test sets are nano"),
    ],
)
def test_names_that_do_not_exist_are_errors(
    rows: Built[CotExample], held_out: HeldOut, checks: Checks, message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        decontaminate(rows, [held_out], checks=checks)


def test_a_row_is_not_lost_as_the_twin_of_a_dropped_one(rows: Built[CotExample], held_out: HeldOut) -> None:
    first = rows.rows[0]
    told = replace(first, completion=f"{first.completion} As in: {held_out.questions[0]}")
    other = replace(first, path=replace(first.path, path_id="other", text=f"Well. {first.path.text}"))
    cleaned = clean(replace(rows, rows=(told, other)), ([held_out], {}))
    assert [row.path.path_id for row in cleaned.built.rows] == ["other"]
    assert [stage.name for stage in cleaned.built.stages[-2:]] == ["decontaminate", "deduplicate"]


TEST = [
    "A baker has 14 trays with 9 rolls on each, and sells 5 rolls before noon. How many rolls are left?",
    "Compute $\\dfrac{3}{4} \\cdot 8$.",
    "Lea reads 12 pages a day for 3 days and then 20 pages on the fourth. How many pages does she read in all?",
]
ANSWERS = ["121", "6", "56"]
TWISTS: list[Callable[[str], str]] = [
    str,
    str.upper,
    lambda text: text.replace(" ", " \n  "),
    lambda text: f"Here is a question of a friend. {text} Tell me the answer, please.",
]


def test_planted_test_questions_never_get_out_of_lema_build(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    clean_rows = [(f"Tom has {n} pens and finds {n} more. How many?", str(2 * n)) for n in range(10, 40)]
    held = [
        (twist(question), answer) for question, answer in zip(TEST, ANSWERS, strict=True) for twist in TWISTS
    ]
    solution_tells = ("How old is Tom, who is 7?", "7")
    for name, pairs in {
        "train": [*clean_rows, *held],
        "test": list(zip(TEST, ANSWERS, strict=True)),
    }.items():
        lines = [
            {"question": question, "answer": f"So it is {answer}.\n#### {answer}"}
            for question, answer in pairs
        ]
        if name == "train":
            lines.append(
                {"question": solution_tells[0], "answer": f"As for: {TEST[0].title()} It is 7.\n#### 7"}
            )
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    recipe = tmp_path / "r.yaml"
    recipe.write_text(f"kind: cot\ntask: gsm8k\nproblems: {{path: {tmp_path}}}\n", encoding="utf-8")
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9"}
    done = lema(None, "build", "cot", recipe, "--out", tmp_path / "out", **nowhere)
    assert done.returncode == 0, done.stderr
    assert "the rows are not compared with the test set math" in done.stderr
    manifest = Manifest.read(tmp_path / "out")
    assert manifest.contamination is not None
    tables = {
        path.parent.name: pq.read_table(path).to_pylist()
        for path in (tmp_path / "out/data").rglob("*.parquet")
    }
    published = [
        row
        for path in (tmp_path / "out/data/gsm8k").glob("*.parquet")
        for row in pq.read_table(path).to_pylist()
    ]
    assert {row["question"] for row in published} == {question for question, _ in clean_rows}
    reasons = [row["reason"] for row in tables["rejected"]]
    assert len(reasons) == len(held) + 1
    assert set(reasons) == {"test_question", "contaminated"}
    assert reasons.count("contaminated") == manifest.contamination.dropped == 4
    told = next(row for row in tables["rejected"] if row["text"].startswith("As for"))
    assert told["detail"].startswith("gsm8k/test/0 (whole, 21 words, in gold_solution): a baker has 14 trays")
    publish = ("publish", "dataset", tmp_path / "out", "lema/x", "--version", "0.1.0", "--dry-run")
    assert "was not compared with the test set 'math'" in one_line(lema(None, *publish, **nowhere))


def test_real_solutions_of_test_questions_are_all_refused(shared_data: Path, tmp_path: Path) -> None:
    """OpenAI's 5,276 solutions as what they are, and passed off as training rows in other words."""
    test = tasks.load_problems("gsm8k", "test", path=shared_data / "gsm8k")
    file = shared_data / "gsm8k" / "example_model_solutions.jsonl"
    solutions = [
        (row["question"], gold_answer(row["ground_truth"]), value)
        for row in map(json.loads, file.read_text(encoding="utf-8").splitlines())
        for value in row.values()
        if isinstance(value, dict)
    ]
    assert sum(not value["is_correct"] for _, _, value in solutions) == 3275
    passed_off = [
        {
            "question": f"Try this one.  {question.upper()} Think first.",
            "answer": answer,
            "solution": value["solution"],
            "model": f"m{number % 4}",
            "license": "mit",
            "split": "train",
        }
        for number, (question, answer, value) in enumerate(solutions)
        if value["is_correct"]
    ][:600]
    (tmp_path / "passed_off.jsonl").write_text("\n".join(map(json.dumps, passed_off)), encoding="utf-8")
    recipe = Recipe(
        kind="cot",
        task="gsm8k",
        problems=Problems(path=str(shared_data / "gsm8k"), train=60, dev=0),
        recorded=(
            Recorded(path=str(file), format="openai-gsm8k"),
            Recorded(path=str(tmp_path / "passed_off.jsonl"), format="jsonl"),
        ),
        gold=True,
        contamination=Checks(against=(str(shared_data / "math" / "test.jsonl"),), without=WITHOUT),
    )
    manifest = run(recipe, tmp_path / "out", command="lema build cot")
    dropped = {stage.name: stage.dropped for stage in manifest.stages}
    assert dropped["import_1"] == {"test_question": 5276}
    right = next(stage for stage in manifest.stages if stage.name == "cot").rows_out - 60
    assert right > 500
    assert dropped["decontaminate"] == {"contaminated": right}
    assert sum(manifest.configs["gsm8k"].values()) == 60
    assert manifest.contamination is not None
    assert {tests.name: (tests.questions, tests.hits) for tests in manifest.contamination.tests} == {
        "gsm8k": (len(test), right),
        "test.jsonl": (5000, 0),
        "math": (0, 0),
        "csqa": (0, 0),
    }


def test_rows_without_a_path_are_compared_by_their_questions(held_out: HeldOut) -> None:
    problem = tasks.load_problems("nano", "train", limit=1)[0]
    built: Built[Any] = Built(rows=(bare(replace(problem, question=held_out.questions[5])), bare(problem)))
    cleaned = clean(built, ([held_out], {}))
    assert [row.problem for row in cleaned.built.rows] == [problem]
    assert (cleaned.built.rejected[0].path_id, cleaned.built.rejected[0].text) == ("", held_out.questions[5])


def bare(problem: Problem) -> Any:
    from lema_hub.records import EvolvedProblem

    return EvolvedProblem(
        problem=problem,
        seed_id="s",
        seed_question="?",
        evolution="deeper",
        evolver="m",
        evolver_revision=None,
        evolver_prompt_id="",
        solver="m",
        solver_revision=None,
        solver_prompt_id="",
        answers=("1", "1", "1"),
        votes=3,
        cost_usd=None,
    )


def test_the_documented_section_of_a_recipe_is_read(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "building.md").read_text(encoding="utf-8")
    section = page.split("## Duplicates and contamination")[1].split("```yaml\n")[1].split("```")[0]
    (tmp_path / "r.yaml").write_text(f"kind: cot\ntask: gsm8k\n{section}", encoding="utf-8")
    recipe = load(tmp_path / "r.yaml")
    assert recipe.contamination.allow == (Allow(test="gsm8k/test/17", why="the example of our paper"),)
    assert recipe.contamination.without == (Without(tests="math", why="no network here"),)
    assert recipe.near_duplicate == 0.7

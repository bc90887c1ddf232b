"""The rows and the recipe that docs/building.md shows for recorded solutions of one's own are built as it says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lema_hub.artifacts.dataset import read_dataset
from lema_hub.builders.assemble import from_files
from lema_hub.builders.recipe import load
from lema_hub.builders.run import run
from tests.command import lema

PAGE = (Path(__file__).parents[2] / "docs" / "building.md").read_text()
SECTION = PAGE.partition("### Your own recorded solutions")[2].partition("\n## ")[0]


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", SECTION, re.DOTALL)
    return str(found)


def test_the_documented_jsonl_is_built(tmp_path: Path) -> None:
    (tmp_path / "solutions.jsonl").write_text(block("jsonl"))
    (tmp_path / "recipe.yaml").write_text(block("yaml"))
    for split, number in (("train", 3), ("test", 4)):
        row = {"question": f"Ann has {number} hats. How many?", "answer": f"She has {number}.\n#### {number}"}
        (tmp_path / f"{split}.jsonl").write_text(json.dumps(row))
    overrides = [f"problems.path={tmp_path}", f"recorded.0.path={tmp_path / 'solutions.jsonl'}"]
    manifest = run(load(tmp_path / "recipe.yaml", overrides), tmp_path / "corrections", command="x")
    assert (manifest.license, manifest.verdicts) == ("cc0-1.0", {"correct": 1, "wrong": 1})
    (file,) = (tmp_path / "corrections" / "data" / "gsm8k").glob("*.parquet")
    (row,) = pq.read_table(file).to_pylist()
    assert (row["incorrect_step"], row["corrector"], row["model"]) == (2, "teacher", "class-7b")
    assert row["correct_solution"].splitlines()[1] == "Step 2: Without 3 pens he has 5 - 3 = 2 pens."
    cot = run(
        load(tmp_path / "recipe.yaml", [*overrides, "kind=cot", "gold=false"]), tmp_path / "cot", command="x"
    )
    assert sum(cot.configs["gsm8k"].values()) == 1


def test_rows_that_bring_their_problems_need_no_hub(tmp_path: Path) -> None:
    (tmp_path / "solutions.jsonl").write_text(block("jsonl"))
    (tmp_path / "recipe.yaml").write_text(block("yaml"))
    done = lema(
        None, "build", "corrections", tmp_path / "recipe.yaml", f"recorded.0.path={tmp_path / 'solutions.jsonl'}",
        "--out", tmp_path / "out", HF_ENDPOINT="http://127.0.0.1:9",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    manifest = read_dataset(tmp_path / "out").manifest
    (source,) = manifest.inputs
    assert (source.name, source.repo, source.rows) == ("solutions.jsonl", None, 2)
    assert source.stated == "the questions and answers are this file's own, not read from openai/gsm8k"
    assert manifest.contamination is not None
    assert all(used.missing for used in manifest.contamination.tests)


@pytest.mark.parametrize(
    ("override", "alone"),
    [
        ("seed=1", True),
        ("task=nano", True),
        ("kind=cot", False),
        ("problems.train=5", False),
        ("problems.path=gsm8k", False),
        ("recorded.0.format=vtg", False),
        ("students=[{engine: exact, model: m}]", False),
    ],
)
def test_the_problem_set_is_loaded_where_rows_or_models_need_it(
    tmp_path: Path, override: str, alone: bool
) -> None:
    (tmp_path / "recipe.yaml").write_text(block("yaml"))
    assert from_files(load(tmp_path / "recipe.yaml", [override])) is alone

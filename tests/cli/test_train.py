"""`lema train` as a process: results on stdout, errors in one line, exit codes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lema_hub.records import Correction, CotExample
from tests.command import lema
from tests.train.rows import correction_rows, cot_rows, save_backbone, tiny_recipe, write


def train(*arguments: object) -> subprocess.CompletedProcess[str]:
    return lema(None, "train", *arguments)


@pytest.fixture(scope="module")
def recipe_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipes")
    recipe = tiny_recipe(
        save_backbone(folder / "tiny-llama", width=64, layers=2, vocabulary=500),
        write(folder / "lema-cot", CotExample, cot_rows(60)),
        write(folder / "lema-corrections", Correction, correction_rows(60)),
    )
    (folder / "tiny.yaml").write_text(yaml.safe_dump(recipe.to_dict()))
    return folder / "tiny.yaml"


def test_train_prints_its_result_and_finds_it_again(recipe_file: Path, tmp_path: Path) -> None:
    backbone = f"backbone={yaml.safe_load(recipe_file.read_text())['backbone']}"
    done = train(recipe_file, "max_steps=2", backbone, "--out", tmp_path / "run", "--json")
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    assert (result["steps"], result["reused"]) == (2, False)
    assert "step 2 of 2, loss" in done.stderr
    record = json.loads((tmp_path / "run" / "training.json").read_text())
    assert record["command"] == "lema train tiny.yaml max_steps=2 backbone=..."
    again = train(recipe_file, "max_steps=2", "--out", tmp_path / "run")
    assert again.returncode == 0
    assert "found, trained before" in again.stdout


def test_a_dry_run_says_what_would_be_done_and_does_nothing(recipe_file: Path, tmp_path: Path) -> None:
    done = train(recipe_file, "--dry-run", "--json", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert (plan["backbone"], plan["steps"]) == ("lema/tiny-llama", 4)
    assert [source["kept"] for source in plan["data"]] == [60, 60]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("rankk=3", "unknown key 'rankk'; did you mean 'rank'?"),
        ("rank=0", "rank is 0; expected a whole number from 1 to 65,536"),
    ],
)
def test_a_bad_recipe_is_one_line_and_exit_1(
    recipe_file: Path, tmp_path: Path, override: str, message: str
) -> None:
    done = train(recipe_file, override, "--out", tmp_path / "run")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_written_is_one_line(recipe_file: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    backbone = f"backbone={yaml.safe_load(recipe_file.read_text())['backbone']}"
    done = train(recipe_file, backbone, "--out", tmp_path / "file" / "run")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "cannot be written (Not a directory); give another folder (--out)" in done.stderr

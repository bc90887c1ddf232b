"""What a user sees who errs: one line with the value and the remedy, exit code 1, nothing half-published."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi

from lema_hub import nano
from lema_hub.builders import build_corrections, write_dataset
from lema_hub.builders.clean import clean
from lema_hub.builders.dataset import problem_inputs
from lema_hub.builders.mistakes import judged_path
from lema_hub.engines import Ledger
from lema_hub.engines.exact import ExactEngine
from lema_hub.steps import join_steps
from lema_hub.tasks.held_out import load_held_out
from tests.command import lema, one_line

if TYPE_CHECKING:
    from lema_hub.localhub import LocalHub

NOWHERE = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_TOKEN": "none"}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small corrections dataset of injected mistakes."""
    from random import Random

    folder = tmp_path_factory.mktemp("dataset")
    rng = Random(0)
    made = nano.generate("train", 12)
    paths = [
        judged_path(p.problem, join_steps(nano.inject_any(p, rng)[1]), model="injector", origin="injected")
        for p in made
    ]
    problems = [p.problem for p in made]
    with Ledger(folder / "ledger.sqlite") as ledger:
        built = build_corrections(problems, paths, ExactEngine(), ledger)
    cleaned = clean(built, load_held_out("nano"))
    write_dataset(
        folder / "corrections",
        cleaned.built,
        kind="corrections",
        task="nano",
        command="test",
        inputs=problem_inputs(problems),
        contamination=cleaned.contamination,
        duplicates=cleaned.duplicates,
    )
    return folder / "corrections"


def test_an_unknown_key_of_a_recipe(tmp_path: Path) -> None:
    recipe = tmp_path / "bad.yaml"
    recipe.write_text("backbone: nano\nlerning_rate: 1\ndata: []\n")
    said = one_line(lema(None, "train", recipe))
    assert "'lerning_rate'" in said
    assert "'learning_rate'" in said


def test_a_tag_that_exists_with_other_content(hub: LocalHub, dataset: Path, tmp_path: Path) -> None:
    repo = "lema/errors-tag"
    publish = ("publish", "dataset", dataset, repo, "--version", "0.1.0")
    assert lema(hub, *publish).returncode == 0
    api = HfApi(endpoint=hub.url, token=hub.token)
    before = api.list_repo_commits(repo, repo_type="dataset")
    other = tmp_path / "other"
    shutil.copytree(dataset, other)
    manifest = other / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"command": "test"', '"command": "another"'))
    said = one_line(lema(hub, "publish", "dataset", other, *publish[3:]))
    assert "v0.1.0" in said
    assert [c.commit_id for c in api.list_repo_commits(repo, repo_type="dataset")] == [
        c.commit_id for c in before
    ]


def test_a_server_that_is_not_running(dataset: Path) -> None:
    done = lema(None, "publish", "dataset", dataset, "lema/errors-dead", "--version", "0.1.0", **NOWHERE)
    assert "127.0.0.1:9" in one_line(done)


def test_a_missing_column(hub: LocalHub, dataset: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(dataset, broken)
    file = next((broken / "data" / "nano").glob("train*.parquet"))
    table: pa.Table = pq.read_table(file)
    pq.write_table(table.drop_columns(["explanation"]), file)
    done = lema(hub, "publish", "dataset", broken, "lema/errors-column", "--version", "0.1.0")
    assert "explanation" in one_line(done)
    assert not HfApi(endpoint=hub.url, token=hub.token).repo_exists("lema/errors-column", repo_type="dataset")


def test_a_wrong_token(hub: LocalHub, dataset: Path) -> None:
    publish = ("publish", "dataset", dataset, "lema/errors-token", "--version", "0.1.0")
    said = one_line(lema(hub, *publish, HF_TOKEN="hf_wrong"))
    assert "token" in said
    assert "hf_wrong" not in said
    assert not HfApi(endpoint=hub.url, token=hub.token).repo_exists("lema/errors-token", repo_type="dataset")


def test_a_model_folder_that_is_none(hub: LocalHub, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    for arguments in (
        ("publish", "adapter", str(tmp_path / "nothing"), "lema/errors-model", "--version", "0.1.0"),
        ("eval", str(tmp_path / "nothing"), "--out", str(tmp_path / "run")),
    ):
        assert "nothing" in one_line(lema(hub, *arguments))


def test_rows_that_cannot_be_judged(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps({"gold": "1"}) + "\n")
    assert "rows.jsonl:1" in one_line(lema(None, "grade", file, "--out", tmp_path / "out.jsonl"))


def test_wrong_usage_is_two() -> None:
    assert lema(None, "train").returncode == 2
    assert lema(None, "no-such-command").returncode == 2

"""What a user sees who errs: one line with the value and the remedy, exit code 1, nothing half-published."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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

if TYPE_CHECKING:
    from lema_hub.localhub import LocalHub

LEMA = [sys.executable, "-c", "from lema_hub.cli import main; main()"]


def lema(
    *arguments: str, hub: LocalHub | None = None, token: str | None = None, url: str = ""
) -> tuple[int, str]:
    """Exit code and stderr of a command; the Hub is the embedded one, or `url`."""
    environment = os.environ | {
        "HF_ENDPOINT": url or (hub.url if hub else "http://127.0.0.1:9"),
        "HF_TOKEN": token or (hub.token if hub else "none"),
    }
    done = subprocess.run(
        [*LEMA, *arguments], capture_output=True, text=True, env=environment, timeout=120, check=False
    )
    return done.returncode, done.stderr


def one_line(stderr: str) -> str:
    assert "Traceback" not in stderr, stderr
    lines = [line for line in stderr.splitlines() if line.strip()]
    assert len(lines) == 1, stderr
    assert lines[0].startswith("lema: ")
    return lines[0]


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
    code, stderr = lema("train", str(recipe))
    assert code == 1
    assert "'lerning_rate'" in one_line(stderr)
    assert "'learning_rate'" in stderr


def test_a_tag_that_exists(hub: LocalHub, dataset: Path) -> None:
    repo = "lema/errors-tag"
    assert lema("publish", "dataset", str(dataset), repo, "--version", "0.1.0", hub=hub)[0] == 0
    api = HfApi(endpoint=hub.url, token=hub.token)
    before = api.list_repo_commits(repo, repo_type="dataset")
    code, stderr = lema("publish", "dataset", str(dataset), repo, "--version", "0.1.0", hub=hub)
    assert code == 1
    assert "v0.1.0" in one_line(stderr)
    assert [c.commit_id for c in api.list_repo_commits(repo, repo_type="dataset")] == [
        c.commit_id for c in before
    ]


def test_a_server_that_is_not_running(dataset: Path) -> None:
    code, stderr = lema("publish", "dataset", str(dataset), "lema/errors-dead", "--version", "0.1.0")
    assert code == 1
    assert "127.0.0.1:9" in one_line(stderr)


def test_a_missing_column(hub: LocalHub, dataset: Path, tmp_path: Path) -> None:
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(dataset, broken)
    file = next((broken / "data" / "nano").glob("train*.parquet"))
    table: pa.Table = pq.read_table(file)
    pq.write_table(table.drop_columns(["explanation"]), file)
    code, stderr = lema(
        "publish", "dataset", str(broken), "lema/errors-column", "--version", "0.1.0", hub=hub
    )
    assert code == 1
    assert "explanation" in one_line(stderr)
    assert not HfApi(endpoint=hub.url, token=hub.token).repo_exists("lema/errors-column", repo_type="dataset")


def test_a_wrong_token(hub: LocalHub, dataset: Path) -> None:
    code, stderr = lema(
        "publish",
        "dataset",
        str(dataset),
        "lema/errors-token",
        "--version",
        "0.1.0",
        hub=hub,
        token="hf_wrong",
    )
    assert code == 1
    assert "token" in one_line(stderr)
    assert "hf_wrong" not in stderr
    assert not HfApi(endpoint=hub.url, token=hub.token).repo_exists("lema/errors-token", repo_type="dataset")


def test_a_model_folder_that_is_none(hub: LocalHub, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    for arguments in (
        ("publish", "adapter", str(tmp_path / "nothing"), "lema/errors-model", "--version", "0.1.0"),
        ("eval", str(tmp_path / "nothing"), "--out", str(tmp_path / "run")),
    ):
        code, stderr = lema(*arguments, hub=hub)
        assert code == 1
        assert "nothing" in one_line(stderr)


def test_rows_that_cannot_be_judged(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps({"gold": "1"}) + "\n")
    code, stderr = lema("grade", str(file), "--out", str(tmp_path / "out.jsonl"))
    assert code == 1
    assert "rows.jsonl:1" in one_line(stderr)


def test_wrong_usage_is_two() -> None:
    assert lema("train")[0] == 2
    assert lema("no-such-command")[0] == 2

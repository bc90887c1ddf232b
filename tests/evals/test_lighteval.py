"""LightEval's own command line with our tasks, as a user types it, in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from lema_hub.evals import EvalResult

if TYPE_CHECKING:
    from lema_hub.localhub import LocalHub


@pytest.fixture(scope="module")
def command(
    llama: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[subprocess.CompletedProcess[str], Path]:
    out = tmp_path_factory.mktemp("lighteval")
    done = subprocess.run(
        [sys.executable, "-m", "lema_hub.evals.lighteval", "accelerate",
         f"model_name={llama},device=cpu,batch_size=12", "lema:nano", "--custom-tasks", "lema_hub.evals.tasks",
         "--max-samples", "12", "--output-dir", str(out), "--save-details"],
        capture_output=True, text=True, cwd=out,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "COLUMNS": "120"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done, out


def test_the_table_has_pass_at_1_and_the_verdicts(
    command: tuple[subprocess.CompletedProcess[str], Path], result: EvalResult
) -> None:
    printed = command[0].stdout
    value = re.search(r"lema:nano:0\|\s*\|pass@1\s*\|\s*([\d.]+)\|", printed)
    assert value is not None, printed
    assert float(value[1]) == pytest.approx(result.scores[0].pass_at_1, abs=1e-4)
    assert all(name in printed for name in ("unparsed", "truncated", "timeout", "crashed"))


def test_it_writes_what_our_own_evaluation_writes(
    command: tuple[subprocess.CompletedProcess[str], Path], result: EvalResult
) -> None:
    """transformers' generate and our engine give the same greedy texts and the same verdicts."""
    (details,) = command[1].rglob("details_*.parquet")
    ours = {row.item_id: row for row in result.items() if row.task == "lema:nano"}
    rows = pq.read_table(details).to_pylist()
    assert {row["doc"]["specific"]["item_id"] for row in rows} == set(ours)
    for row in rows:
        own = ours[row["doc"]["specific"]["item_id"]]
        assert row["model_response"]["text"] == [own.output]
        (judgement,) = row["doc"]["specific"]["judgements"]
        assert (judgement["verdict"], judgement["extracted"]) == (own.verdict, own.extracted)


def test_no_prediction_is_left_in_the_models_folder(
    command: tuple[subprocess.CompletedProcess[str], Path], llama: Path
) -> None:
    assert command[0].returncode == 0
    assert not [path for path in llama.rglob("*") if path.is_dir() or path.suffix == ".parquet"]


def test_the_results_name_the_task_and_its_limit(
    command: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    (results,) = command[1].rglob("results_*.json")
    config = json.loads(results.read_text())["config_tasks"]["lema:nano|0"]
    assert config["generation_size"] == 160
    assert config["num_samples"] is None or config["num_samples"] == [1]


def test_it_reads_a_tagged_version_from_a_hub(hub: LocalHub, llama: Path, tmp_path: Path) -> None:
    """`lema:gsm8k` with its data at a tag of another Hub: HF_ENDPOINT and the revision are honoured."""
    from huggingface_hub import HfApi

    api = HfApi(endpoint=hub.url, token=hub.token)
    api.create_repo("lema/mini-gsm8k", repo_type="dataset")
    for version, answer in (("v0.1.0", "24"), ("v0.2.0", "25")):
        for split in ("train", "test"):
            rows = [{"question": f"What is {i}?", "answer": f"It is that.\n#### {answer}"} for i in range(3)]
            api.upload_file(
                repo_id="lema/mini-gsm8k", repo_type="dataset", path_in_repo=f"main/{split}.jsonl",
                path_or_fileobj="\n".join(map(json.dumps, rows)).encode(),
            )  # fmt: skip
        front = "---\nconfigs:\n- config_name: main\n  data_files:\n"
        front += "".join(f"  - split: {s}\n    path: main/{s}.jsonl\n" for s in ("train", "test")) + "---\n"
        api.upload_file(
            repo_id="lema/mini-gsm8k",
            repo_type="dataset",
            path_in_repo="README.md",
            path_or_fileobj=front.encode(),
        )
        api.create_tag("lema/mini-gsm8k", tag=version, repo_type="dataset")
    (tmp_path / "mini.py").write_text(
        "from dataclasses import replace\n"
        "from lema_hub.evals.tasks import TASKS_TABLE as table\n"
        "TASKS_TABLE = [replace(c, name='mini:gsm8k', hf_repo='lema/mini-gsm8k', hf_revision='v0.1.0',\n"
        "                       generation_size=8) for c in table if c.name == 'lema:gsm8k']\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "lema_hub.evals.lighteval", "accelerate", f"model_name={llama},device=cpu,batch_size=3",
         "mini:gsm8k", "--custom-tasks", str(tmp_path / "mini.py"), "--output-dir", str(tmp_path), "--save-details"],
        capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    (details,) = tmp_path.rglob("details_*.parquet")
    docs = [row["doc"] for row in pq.read_table(details).to_pylist()]
    assert [doc["choices"] for doc in docs] == [["24"]] * 3
    assert {doc["specific"]["item_id"] for doc in docs} == {f"gsm8k/test/{i}" for i in range(3)}


def test_gradients_stay_on_in_a_process_that_scores() -> None:
    """LightEval turns them off when it is imported; who trains after scoring would not train at all."""
    code = (
        "import torch\nfrom lema_hub.evals.lighteval import prepare\n"
        "prepare()\nimport lighteval.pipeline\nprint(torch.is_grad_enabled())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"

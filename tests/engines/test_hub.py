"""Models and problems that come from a Hub, read by a process of its own that has only `HF_ENDPOINT`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lema_hub.localhub import LocalHub

_CHILD = """
import json, sys
from dataclasses import replace
from lema_hub import tasks
from lema_hub.engines import Request, Sampling
from lema_hub.engines.transformers import TransformersEngine
from lema_hub.tasks import load
load.TASKS["gsm8k"] = replace(load.TASKS["gsm8k"], source_repo="lema/gsm8k", revision=None)
engine = TransformersEngine("lema/tiny-llama", revision=sys.argv[1])
((_, answer),) = engine.generate([Request(prompt="Tom has", sampling=Sampling(max_tokens=4))])
problems = [p for split in ("train", "dev") for p in tasks.load_problems("gsm8k", split)]
print(json.dumps({
    "model": engine.model, "revision": engine.revision, "tokens": answer.completion_tokens,
    "problems": sorted(p.problem_id for p in problems), "commits": sorted({p.source_revision for p in problems}),
    "answers": sorted({p.answer for p in problems}),
}))
"""


@pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")
def test_what_is_read_from_a_hub_is_recorded_by_its_commit(
    hub: LocalHub, tiny_llama: Path, tmp_path: Path
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from huggingface_hub import HfApi

    api = HfApi(endpoint=hub.url, token=hub.token)
    api.create_repo("lema/tiny-llama")
    commit = api.upload_folder(repo_id="lema/tiny-llama", folder_path=tiny_llama).oid
    api.create_tag("lema/tiny-llama", tag="v1")
    rows = [{"question": f"What is {i} + 0?", "answer": f"It is {i}.\n#### {i}"} for i in range(5)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "train-00000-of-00001.parquet")
    api.create_repo("lema/gsm8k", repo_type="dataset")
    api.upload_folder(repo_id="lema/gsm8k", repo_type="dataset", folder_path=tmp_path, path_in_repo="main")
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n- config_name: main\n  data_files: [{split: train, path: 'main/train-*'}]\n---\n"
    )
    data = api.upload_file(
        repo_id="lema/gsm8k",
        repo_type="dataset",
        path_or_fileobj=tmp_path / "README.md",
        path_in_repo="README.md",
    ).oid
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, "v1"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["model"], found["revision"]) == ("lema/tiny-llama", commit)
    assert 1 <= found["tokens"] <= 4
    assert found["problems"] == [f"gsm8k/train/{i}" for i in range(5)]
    assert found["commits"] == [data]
    assert found["answers"] == ["0", "1", "2", "3", "4"]

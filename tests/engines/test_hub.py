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
load.TASKS["gsm8k"] = replace(load.TASKS["gsm8k"], source_repo="lema/engine-gsm8k", revision=None)
engine = TransformersEngine("lema/engine-llama", revision=sys.argv[1])
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
    api.create_repo("lema/engine-llama")
    commit = api.upload_folder(repo_id="lema/engine-llama", folder_path=tiny_llama).oid
    api.create_tag("lema/engine-llama", tag="v1")
    rows = [{"question": f"What is {i} + 0?", "answer": f"It is {i}.\n#### {i}"} for i in range(5)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "train-00000-of-00001.parquet")
    api.create_repo("lema/engine-gsm8k", repo_type="dataset")
    api.upload_folder(
        repo_id="lema/engine-gsm8k", repo_type="dataset", folder_path=tmp_path, path_in_repo="main"
    )
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n- config_name: main\n  data_files: [{split: train, path: 'main/train-*'}]\n---\n"
    )
    data = api.upload_file(
        repo_id="lema/engine-gsm8k",
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
    assert (found["model"], found["revision"]) == ("lema/engine-llama", commit)
    assert 1 <= found["tokens"] <= 4
    assert found["problems"] == [f"gsm8k/train/{i}" for i in range(5)]
    assert found["commits"] == [data]
    assert found["answers"] == ["0", "1", "2", "3", "4"]


_ADAPTED = """
import sys
from lema_hub.engines import Request, Sampling
from lema_hub.engines.transformers import TransformersEngine
from lema_hub.errors import InputError
engine = TransformersEngine(sys.argv[1], adapter="lema/tiny-lora", adapter_revision=sys.argv[2] or None)
((_, answer),) = engine.generate([Request(prompt="Tom has", sampling=Sampling(max_tokens=4))])
print(engine.revision, answer.text)
try:
    TransformersEngine("lema/tiny-lora")
except InputError as error:
    print(error)
"""


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_an_adapter_of_a_hub_is_loaded_without_a_word_and_from_the_cache_when_the_hub_is_gone(
    hub: LocalHub, tiny_llama: Path, tmp_path: Path
) -> None:
    from huggingface_hub import HfApi
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    lora = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    get_peft_model(AutoModelForCausalLM.from_pretrained(tiny_llama), lora).save_pretrained(tmp_path / "lora")
    api = HfApi(endpoint=hub.url, token=hub.token)
    api.create_repo("lema/tiny-lora")
    commit = api.upload_folder(repo_id="lema/tiny-lora", folder_path=tmp_path / "lora").oid

    def child(endpoint: str, revision: str = commit, **more: str) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("HF_")} | {
            "HF_ENDPOINT": endpoint,
            "HF_HOME": str(tmp_path / "home"),
            "HF_HUB_DISABLE_XET": "1",
            **more,
        }
        command = [sys.executable, "-c", _ADAPTED, str(tiny_llama), revision]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    online = child(hub.url)
    assert online.returncode == 0, online.stderr
    answered, refused = online.stdout.splitlines()
    assert f"+{commit} " in answered
    assert refused == "'lema/tiny-lora' at main is not a model: it has no config.json; give the id of one"
    assert online.stderr == ""
    offline = child("http://127.0.0.1:9")
    assert offline.stdout.splitlines()[:1] == [answered], offline.stderr
    unpinned = child(hub.url, "")
    assert unpinned.stdout.splitlines()[:1] == [answered], unpinned.stderr
    cached = child(hub.url, "", HF_HUB_OFFLINE="1")
    assert cached.stdout.splitlines()[:1] == [answered], cached.stderr
    assert f"taken from the cache, at {commit}" in cached.stderr

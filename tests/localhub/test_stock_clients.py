"""The libraries that people use, each in a process of its own that knows the Hub by its environment only."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import HfApi

Run = Callable[..., str]

PUSH = """
import datasets
def rows(count):
    return datasets.Dataset.from_dict({"n": list(range(count)), "text": [f"row {n}" for n in range(count)]})
datasets.DatasetDict(train=rows(%d), dev=rows(5)).push_to_hub("lema/stock", "nano", set_default=True)
"""
LOAD = """
import datasets, json
loaded = datasets.load_dataset("lema/stock", "nano", revision=%r)
print(json.dumps({name: [split.num_rows, split[-1]["text"]] for name, split in loaded.items()}))
"""


@pytest.fixture(scope="module")
def published(api: HfApi) -> str:
    api.create_repo("lema/stock", repo_type="dataset")
    return "lema/stock"


def test_datasets_pushes_and_loads_by_tag(run_client: Run, api: HfApi, published: str) -> None:
    run_client(PUSH % 100)
    api.create_tag(published, tag="v0.1.0", repo_type="dataset")
    run_client(PUSH % 120)
    api.create_tag(published, tag="v0.2.0", repo_type="dataset")
    for version, rows in (("v0.1.0", 100), ("v0.2.0", 120), ("v0.1.0", 100)):
        loaded = json.loads(run_client(LOAD % version, token=None).splitlines()[-1])
        assert loaded == {"train": [rows, f"row {rows - 1}"], "dev": [5, "row 4"]}
    card = api.dataset_info(published).card_data
    assert card is not None
    assert card["configs"][0]["config_name"] == "nano"


def test_datasets_streams_parquet_by_range(run_client: Run, published: str) -> None:
    script = """
import datasets
stream = datasets.load_dataset("lema/stock", "nano", revision="v0.1.0", split="train", streaming=True)
print(sum(row["n"] for row in stream))
"""
    assert run_client(script, token=None).splitlines()[-1] == str(sum(range(100)))


def test_cards_are_validated_and_pushed(run_client: Run, api: HfApi) -> None:
    api.create_repo("lema/carded")
    script = """
from huggingface_hub import ModelCard, ModelCardData, RepoCard
data = ModelCardData(license="mit", library_name="peft", base_model="lema/nano", tags=["lema"])
card = ModelCard("---\\n" + data.to_yaml() + "\\n---\\n# Adapter\\n")
card.validate()
card.push_to_hub("lema/carded")
print(ModelCard.load("lema/carded").data.base_model)
bad = RepoCard("---\\nlicense: nonsense\\n---\\n# Bad\\n")
bad.repo_type = "model"
try:
    bad.push_to_hub("lema/carded")
except ValueError as error:
    print(error)
"""
    first, second = run_client(script).splitlines()[-2:]
    assert first == "lema/nano"
    assert second.startswith('"license" must be a licence id')
    assert "base_model:lema/nano" in (api.model_info("lema/carded").tags or [])


def test_transformers_and_peft_push_and_load(run_client: Run, api: HfApi, tmp_path: Path) -> None:
    push = """
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM
torch.manual_seed(0)
shape = dict(hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2)
LlamaForCausalLM(LlamaConfig(vocab_size=64, **shape)).push_to_hub("lema/tiny")
model = LlamaForCausalLM.from_pretrained("lema/tiny")
adapted = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False))
adapted.push_to_hub("lema/tiny-adapter")
with torch.no_grad():
    print(adapted(torch.arange(8)[None]).logits.abs().sum().item())
"""
    load = """
import torch
from peft import AutoPeftModelForCausalLM
model = AutoPeftModelForCausalLM.from_pretrained("lema/tiny-adapter")
with torch.no_grad():
    print(model(torch.arange(8)[None]).logits.abs().sum().item())
"""
    pushed = float(run_client(push).splitlines()[-1])
    loaded = float(run_client(load, token=None, home=tmp_path / "fresh").splitlines()[-1])
    assert loaded == pytest.approx(pushed, rel=1e-4)
    info = api.model_info("lema/tiny")
    assert (info.library_name, info.config and info.config["model_type"]) == ("transformers", "llama")
    assert info.safetensors is not None
    assert info.safetensors.total == sum(info.safetensors.parameters.values()) > 1000
    assert "safetensors" in (api.model_info("lema/tiny-adapter").tags or [])


def test_a_private_dataset_needs_the_token(run_client: Run, api: HfApi, tmp_path: Path) -> None:
    api.create_repo("lema/closed", repo_type="dataset", private=True)
    rows = b'{"a": 1}\n{"a": 2}\n'
    api.upload_file(path_or_fileobj=rows, path_in_repo="d.jsonl", repo_id="lema/closed", repo_type="dataset")
    script = """
import datasets
try:
    print(datasets.load_dataset("lema/closed", split="train").num_rows)
except datasets.exceptions.DatasetNotFoundError:
    print("not found")
"""
    assert run_client(script).splitlines()[-1] == "2"
    assert run_client(script, token=None, home=tmp_path / "other").splitlines()[-1] == "not found"


def test_the_command_line_client(run_client: Run, api: HfApi, tmp_path: Path) -> None:
    (tmp_path / "up").mkdir()
    (tmp_path / "up" / "a.txt").write_text("by hf")
    script = """
import subprocess, sys
def hf(*arguments):
    command = [sys.executable, "-m", "huggingface_hub.cli.hf", *arguments]
    subprocess.run(command, check=True, stdout=sys.stderr)
hf("repos", "create", "lema/by-hf", "--type", "dataset")
hf("upload", "lema/by-hf", "up", ".", "--repo-type", "dataset")
hf("download", "lema/by-hf", "a.txt", "--repo-type", "dataset", "--local-dir", "down")
"""
    run_client(script)
    assert (tmp_path / "down" / "a.txt").read_text() == "by hf"


def test_a_client_that_wants_xet_is_told_what_to_set(run_client: Run, api: HfApi) -> None:
    api.create_repo("lema/xet")
    script = """
import os
del os.environ["HF_HUB_DISABLE_XET"]
from huggingface_hub import HfApi
try:
    HfApi().upload_file(path_or_fileobj=b"x", path_in_repo="a.bin", repo_id="lema/xet")
except ConnectionError as error:
    print(error)
"""
    pytest.importorskip("hf_xet")
    assert "set-HF_HUB_DISABLE_XET=1" in run_client(script)


def test_the_command_line_client_discusses_merges_and_collects(
    run_client: Run, api: HfApi, dataset: str
) -> None:
    script = f"""
import json, subprocess, sys
def hf(*arguments):
    command = [sys.executable, "-m", "huggingface_hub.cli.hf", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
open("new.txt", "w").write("by hf")
on = ("{dataset}", "--type", "dataset")
hf("upload", "{dataset}", "new.txt", "--repo-type", "dataset", "--create-pr")
hf("discussions", "create", *on, "--title", "Why?")
hf("discussions", "comment", "{dataset}", "2", "--type", "dataset", "--body", "Because.")
hf("discussions", "close", "{dataset}", "2", "--type", "dataset", "--yes")
print(hf("discussions", "diff", "{dataset}", "1", "--type", "dataset").count("+by hf"))
hf("discussions", "merge", "{dataset}", "1", "--type", "dataset", "--yes")
hf("repos", "tag", "create", "{dataset}", "v1", "--repo-type", "dataset")
hf("collections", "create", "By hf", "--namespace", "lema", "--description", "One data set")
"""
    assert run_client(script).splitlines()[-1] == "1"
    assert [(one.num, one.status) for one in api.get_repo_discussions(dataset, repo_type="dataset")] == [
        (2, "closed"),
        (1, "merged"),
    ]
    assert api.list_repo_refs(dataset, repo_type="dataset").tags[0].name == "v1"
    assert [one.description for one in api.list_collections(owner="lema") if one.title == "By hf"] == [
        "One data set"
    ]

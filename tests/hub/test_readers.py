"""Published versions through the stock clients, in a process of its own that knows the Hub by its environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from huggingface_hub import HfApi

from lema_hub.artifacts.dataset import read_dataset
from lema_hub.hub.publish import Published, publish_dataset
from lema_hub.localhub import LocalHub
from tests.built import build_dataset
from tests.command import user

# Every way to read a version gives its rows as a hash, so that equal rows are seen to be equal.
READ = """
import hashlib, json, sys
import datasets, pandas, polars
from huggingface_hub import HfFileSystem

repo, file, wanted = sys.argv[1], "data/nano/train.parquet", sys.argv[2:]
open_hf = HfFileSystem().open

def seen(rows):
    rows = list(rows)
    text = "\\n".join(sorted(row["path_id"] + row["prompt"] for row in rows))
    return [len(rows), hashlib.sha256(text.encode()).hexdigest()]

found = {}
for revision in wanted:
    path = f"datasets/{repo}@{revision.replace('/', '%2F')}/{file}"
    found[revision] = {
        "datasets": seen(datasets.load_dataset(repo, "nano", split="train", revision=revision)),
        "streaming": seen(datasets.load_dataset(repo, "nano", split="train", revision=revision, streaming=True)),
        "pandas": seen(pandas.read_parquet("hf://" + path).to_dict("records")),
        "polars": seen(polars.read_parquet(open_hf(path, "rb")).to_dicts()),
        "polars, by address": seen(polars.read_parquet("hf://" + path, use_pyarrow=True).to_dicts()),
    }
found["default"] = datasets.load_dataset(repo, split="train", revision=wanted[0]).num_rows
print(json.dumps(found))
"""


def read(hub: LocalHub, home: Path, repo_id: str, *revisions: str) -> dict[str, dict[str, list[object]]]:
    environment = {
        **os.environ, "HF_ENDPOINT": hub.url, "HF_TOKEN": hub.token, "HF_HOME": str(home),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", READ, repo_id, *revisions],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_every_reader_sees_every_version_and_the_first_stays(
    hub: LocalHub, api: HfApi, repo_id: str, tmp_path: Path
) -> None:
    def publish(version: str, *, create_pr: bool = False) -> Published:
        folder = build_dataset(tmp_path / version, train=sizes[version])
        return publish_dataset(folder, repo_id, version=version, create_pr=create_pr, api=api)

    sizes = {"0.1.0": 12, "0.2.0": 14, "0.3.0": 17}
    first = publish("0.1.0")
    second = publish("0.2.0")
    proposed = publish("0.3.0", create_pr=True)
    names = {"v0.1.0": 12, "v0.2.0": 14, "refs/pr/1": 17, str(first.commit): 12, str(second.commit): 14}
    found = read(hub, tmp_path / "home", repo_id, *names)
    assert found.pop("default") == 12
    for name, rows in names.items():
        assert {ways[0] for ways in found[name].values()} == {rows}, name
        assert len({ways[1] for ways in found[name].values()}) == 1, name
    assert found["v0.1.0"] == found[str(first.commit)]
    assert found["v0.2.0"] == found[str(second.commit)]
    assert len({found[name]["datasets"][1] for name in ("v0.1.0", "v0.2.0", "refs/pr/1")}) == 3
    assert proposed.pull_request

    before = oids(api, repo_id, "v0.1.0")
    api.merge_pull_request(repo_id, 1, repo_type="dataset")
    assert oids(api, repo_id, "v0.1.0") == before
    assert read(hub, tmp_path / "fresh", repo_id, "v0.1.0")["v0.1.0"] == found["v0.1.0"]


def oids(api: HfApi, repo_id: str, revision: str) -> dict[str, str]:
    tree = api.list_repo_tree(repo_id, repo_type="dataset", revision=revision, recursive=True)
    return {item.path: item.blob_id for item in tree if hasattr(item, "blob_id")}


READ_BACK = """
import sys
from datasets import load_dataset
repo, one, two = sys.argv[1:] if len(sys.argv) > 1 else ARGS
by_tag = load_dataset(repo, "nano", split="train", revision="v0.1.0")
by_sha = load_dataset(repo, "nano", split="train", revision=one)
assert by_tag.to_list() == by_sha.to_list()
assert len(by_tag) == 12 and len(load_dataset(repo, split="train", revision="v0.2.0")) == 14
assert len(load_dataset(repo, "nano", split="dev", revision=two)) == 4
assert len(load_dataset(repo, "rejected", split="train")) == 3
streamed = list(load_dataset(repo, split="train", revision="v0.1.0", streaming=True))
assert streamed == by_tag.to_list()
import pandas as pd
frame = pd.read_parquet(f"hf://datasets/{repo}@v0.1.0/data/nano/train.parquet")
assert frame["completion"].tolist() == by_tag["completion"]
from lema_hub.records import Correction
assert [Correction.from_row(row).to_row() for row in by_tag] == by_tag.to_list()
print("read", len(by_tag))
"""


def test_what_was_published_is_read_by_the_stock_clients(
    hub: LocalHub, api: HfApi, repo_id: str, built: Path, tmp_path: Path
) -> None:
    one = publish_dataset(built, repo_id, version="0.1.0", api=api)
    two = publish_dataset(build_dataset(tmp_path / "two", train=14), repo_id, version="0.2.0", api=api)
    arguments = f"ARGS = {(repo_id, one.commit, two.commit)!r}\n"
    done = user(hub, arguments + READ_BACK, tmp_path / "home")
    assert done.stdout == "read 12\n", done.stderr


def test_the_snippet_of_the_card_runs(
    hub: LocalHub, api: HfApi, repo_id: str, built: Path, tmp_path: Path
) -> None:
    published = publish_dataset(built, repo_id, version="0.1.0", api=api)
    done = user(hub, published.snippet, tmp_path / "home")
    example = read_dataset(built).splits[0].table.slice(0, 1).to_pylist()[0]
    assert done.stdout == f"{example['prompt']}{example['completion']}\n", done.stderr

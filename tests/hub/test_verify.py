"""`lema verify`: a release of ours passes, and every way to falsify one is found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi

from lema_hub.artifacts.manifest import Manifest
from lema_hub.hub.publish import publish_adapter, publish_dataset
from lema_hub.hub.verify import verify
from tests.built import build_dataset


def verdicts(api: HfApi, repo_id: str, revision: str | None = None) -> dict[str, str]:
    return {check.name: check.verdict for check in verify(repo_id, revision, api=api).checks}


@pytest.mark.parametrize("kind", ["corrections", "cot"])
def test_a_release_of_ours_passes(api: HfApi, repo_id: str, tmp_path: Path, kind: str) -> None:
    publish_dataset(build_dataset(tmp_path / "one", kind), repo_id, version="0.1.0", api=api)
    publish_dataset(build_dataset(tmp_path / "two", kind, train=14), repo_id, version="0.2.0", api=api)
    names = [
        "release",
        "code",
        "secrets",
        "rows",
        "leaks",
        "contamination",
        "card",
        "dataset_info",
        "licence",
        "numbers",
        "words",
    ]
    assert verdicts(api, repo_id, "v0.1.0") == dict.fromkeys(names, "pass")
    assert verdicts(api, repo_id) == dict.fromkeys(names, "pass")


def test_a_release_by_a_declared_right_passes(api: HfApi, repo_id: str, built: Path) -> None:
    """Such as PRMBench's: its model's terms are an objection, and nothing else asks anything of users."""
    made = Manifest.read(built)
    replace(made, models=(replace(made.models[0], name="openai/gpt-4o (PRMBench)", license=None),)).write(
        built
    )
    published = publish_dataset(built, repo_id, version="0.1.0", api=api, right="For study only")
    assert "What it asks of you: see the sources." in published.card
    assert set(verdicts(api, repo_id).values()) == {"pass"}


def test_an_adapter_of_ours_passes(api: HfApi, repo_id: str, adapter: Path) -> None:
    publish_adapter(adapter, repo_id, version="0.1.0", api=api)
    names = ["release", "weights", "code", "secrets", "card", "licence", "numbers", "words"]
    assert verdicts(api, repo_id) == dict.fromkeys(names, "pass")


def test_a_dataset_of_somebody_else_is_checked_as_far_as_it_can_be(
    api: HfApi, repo_id: str, tmp_path: Path
) -> None:
    from datasets import Dataset

    Dataset.from_dict({"a": [1, 2, 3]}).to_parquet(tmp_path / "train.parquet")
    card = (
        "---\nlicense: mit\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: "
        "data/train.parquet\n"
        "dataset_info:\n- config_name: default\n  splits:\n  - name: train\n    num_examples: 3\n---\n# "
        "Mine\n"
    )
    api.create_repo(repo_id, repo_type="dataset")
    api.create_commit(
        repo_id,
        [
            CommitOperationAdd("data/train.parquet", tmp_path / "train.parquet"),
            CommitOperationAdd("README.md", card.encode()),
        ],
        repo_type="dataset",
        commit_message="Add",
    )
    assert verdicts(api, repo_id) == {
        "release": "note",
        "code": "pass",
        "secrets": "pass",
        "card": "pass",
        "rows": "pass",
    }
    api.upload_file(
        path_or_fileobj=card.replace("num_examples: 3", "num_examples: 4").encode(),
        path_in_repo="README.md",
        repo_id=repo_id,
        repo_type="dataset",
    )
    assert verdicts(api, repo_id)["rows"] == "fail"

"""Versions proposed from the diff, the changelog in the card, and `lema diff` between published versions."""

from __future__ import annotations

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from lema_hub.artifacts.manifest import Manifest
from lema_hub.errors import InputError, TagExistsError
from lema_hub.hub.publish import propose, publish_adapter, publish_dataset, publish_model
from lema_hub.localhub import LocalHub
from tests.built import build_dataset, corrections, manifest, preview, repaired, write_rows
from tests.trained import save_tensors, training


def test_the_changelog_of_the_card_comes_from_the_diff(
    api: HfApi, repo_id: str, built: Path, tmp_path: Path
) -> None:
    publish_dataset(built, repo_id, version="0.1.0", api=api)
    publish_dataset(build_dataset(tmp_path / "two", train=14), repo_id, version="0.2.0", api=api)
    card = publish_dataset(repaired(tmp_path / "three"), repo_id, version="0.3.0", api=api).card
    table = card.split("## Versions", 1)[1].split("##", 1)[0]
    assert [line for line in table.splitlines() if line.startswith("| v0")] == [
        "| v0.3.0 | 15 | config rejected dropped; nano: 3 rows dropped, 1 row changed (explanation 1) |",
        "| v0.2.0 | 18 | nano: 2 rows added |",
        "| v0.1.0 | 16 | first version |",
    ]


def test_a_version_is_proposed_and_said_why(api: HfApi, repo_id: str, built: Path, tmp_path: Path) -> None:
    assert [str(part) for part in propose(built, repo_id, api=api)] == ["0.1.0", "nothing is published yet"]
    publish_dataset(built, repo_id, version="1.0.0", api=api)
    assert [str(part) for part in propose(built, repo_id, api=api)] == [
        "1.0.1",
        "patch: no row changed since v1.0.0",
    ]
    grown = build_dataset(tmp_path / "two", train=14)
    assert [str(part) for part in propose(grown, repo_id, api=api)] == [
        "1.1.0",
        "minor: 2 rows added since v1.0.0",
    ]


def test_a_release_that_breaks_users_is_no_patch(
    api: HfApi, repo_id: str, built: Path, tmp_path: Path
) -> None:
    publish_dataset(built, repo_id, version="0.1.0", api=api)
    other = tmp_path / "other"
    write_rows(other, "gsm", "train", corrections("train", 3))
    manifest("corrections", {"gsm": {"train": 3}}).write(other)
    with pytest.raises(
        InputError, match=r"0\.1\.1 after 0\.1\.0 would break its users: config nano went; publish 0\.2\.0"
    ):
        publish_dataset(other, repo_id, version="0.1.1", api=api)
    assert publish_dataset(other, repo_id, version="0.2.0", api=api).commit


def test_next_takes_the_proposed_version_also_when_many_publish(
    hub: LocalHub, repo_id: str, tmp_path: Path
) -> None:
    folders = [build_dataset(tmp_path / str(n), train=4 + n, dev=2) for n in range(3)]

    def publish(folder: Path) -> str:
        return publish_dataset(
            folder, repo_id, version="next", api=HfApi(endpoint=hub.url, token=hub.token)
        ).version

    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(publish, folders))
    assert len(set(made)) == 3
    tags = HfApi(endpoint=hub.url, token=hub.token).list_repo_refs(repo_id, repo_type="dataset").tags
    assert {tag.name for tag in tags} == {f"v{version}" for version in made}


def test_licences_that_clash_are_refused_unless_the_right_is_declared(
    api: HfApi, repo_id: str, built: Path
) -> None:
    made = Manifest.read(built)
    closed = tuple(replace(model, name="gpt-4", license=None) for model in made.models)
    replace(made, models=closed).write(built)
    with pytest.raises(InputError, match=r"may not be published: .*gpt-4.*--i-have-the-right"):
        publish_dataset(built, repo_id, version="0.1.0", api=api)
    assert not api.repo_exists(repo_id, repo_type="dataset")
    published = publish_dataset(
        built, repo_id, version="0.1.0", api=api, right="A contract with the provider"
    )
    assert "A contract with the provider" in published.card
    local = api.hf_hub_download(
        repo_id, "manifest.json", repo_type="dataset", local_dir=built.parent / "back"
    )
    assert set(Manifest.read(Path(local)).granted.values()) == {"A contract with the provider"}


def test_a_licence_that_the_rows_contradict_is_refused(built: Path) -> None:
    replace(Manifest.read(built), license="mit").write(built)
    with pytest.raises(InputError, match=r"says licence 'mit', the rows add up to 'apache-2\.0'"):
        preview(built)


def test_only_known_files_are_published_and_versions_are_tags(
    api: HfApi, repo_id: str, adapter: Path
) -> None:
    (adapter / "optimizer.pt").write_bytes(pickle.dumps({}))
    (adapter / "run.json").write_text("{}")
    one = publish_adapter(adapter, repo_id, version="0.1.0", api=api)
    assert set(api.list_repo_files(repo_id, revision="v0.1.0")) == {
        ".eval_results/lema-nano-pass-1.yaml",
        ".gitattributes",
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "training.json",
        "versions.json",
    }
    training(steps=240).write(adapter)
    with pytest.raises(TagExistsError):
        publish_adapter(adapter, repo_id, version="0.1.0", api=api)
    two = publish_adapter(adapter, repo_id, version="0.2.0", api=api)
    assert "240 optimisation steps" in two.card
    assert two.bytes < one.bytes
    assert {tag.name: tag.target_commit for tag in api.list_repo_refs(repo_id).tags} == {
        "v0.1.0": one.commit,
        "v0.2.0": two.commit,
    }


def test_an_adapter_does_not_replace_a_whole_model(
    api: HfApi, repo_id: str, adapter: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    save_tensors(folder / "model.safetensors", {"w": (2, 3)})
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
    training(method="scratch", base_model=None, base_revision=None).write(folder)
    publish_model(folder, repo_id, version="0.1.0", api=api)
    with pytest.raises(InputError, match="holds a whole model, this folder an adapter"):
        publish_adapter(adapter, repo_id, version="0.2.0", api=api)

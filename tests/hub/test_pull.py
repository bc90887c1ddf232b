"""Fetching a version: its bytes, into a folder that is new, empty or half filled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi

from lema_hub.errors import HubError, InputError
from lema_hub.hub.publish import publish_dataset
from lema_hub.hub.pull import pull
from tests.built import build_dataset


def test_pull_fetches_the_bytes_of_a_version(api: HfApi, repo_id: str, built: Path, tmp_path: Path) -> None:
    one = publish_dataset(built, repo_id, version="0.1.0", api=api)
    publish_dataset(build_dataset(tmp_path / "two", train=14), repo_id, version="0.2.0", api=api)
    pulled = pull(repo_id, "0.1.0", out=tmp_path / "pulled", api=api)
    assert (pulled.revision, pulled.commit) == ("v0.1.0", one.commit)
    assert (pulled.folder / "README.md").read_text() == one.card
    assert pq.read_metadata(pulled.folder / "data/nano/train.parquet").num_rows == 12
    assert pull(repo_id, api=api).revision == "v0.2.0"
    with pytest.raises(InputError, match="is not empty"):
        pull(repo_id, out=tmp_path / "pulled", api=api)
    with pytest.raises(HubError, match=r"has no version '9\.9\.9'; its versions are: v0\.1\.0, v0\.2\.0"):
        pull(repo_id, "9.9.9", api=api)
    with pytest.raises(HubError, match="shows no dataset or model lema/nothing"):
        pull("lema/nothing", api=api)


def test_an_interrupted_pull_is_gone_on_with(
    api: HfApi, repo_id: str, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_dataset(built, repo_id, version="0.1.0", api=api)
    fetch = HfApi.snapshot_download

    def cut_off(*arguments: Any, **options: Any) -> str:
        fetch(*arguments, **{**options, "allow_patterns": ["manifest.json"]})
        raise KeyboardInterrupt

    monkeypatch.setattr(HfApi, "snapshot_download", cut_off)
    with pytest.raises(KeyboardInterrupt):
        pull(repo_id, out=tmp_path / "pulled", api=api)
    assert not (tmp_path / "pulled").exists()
    monkeypatch.setattr(HfApi, "snapshot_download", fetch)
    folder = pull(repo_id, out=tmp_path / "pulled", api=api).folder
    assert (folder / "manifest.json").is_file()
    assert (folder / "data/nano/train.parquet").is_file()
    assert [path.name for path in tmp_path.iterdir() if "pulled" in path.name] == ["pulled"]
    assert not (folder / ".cache").exists()


def test_a_pull_into_an_empty_folder_leaves_the_folder_itself_where_it_is(
    api: HfApi, repo_id: str, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_dataset(built, repo_id, version="0.1.0", api=api)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    before = here.stat().st_ino
    pull(repo_id, out=Path(), api=api)
    assert here.stat().st_ino == before == Path().stat().st_ino
    assert {path.name for path in Path().iterdir()} >= {"README.md", "data", "manifest.json"}
    assert not list(Path().glob(".????????????"))

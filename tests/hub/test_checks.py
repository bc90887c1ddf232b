"""What a version holds besides its rows: code, and files that no release made."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import HfApi

from lema_hub.hub.publish import publish_adapter, publish_dataset
from lema_hub.hub.verify import verify
from tests.hub.test_verify import verdicts


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cache.pkl", b"x"),
        ("load.py", b"print()\n"),
        ("data/loader.PY", b"print()\n"),
        ("notes", b"\x80\x04}."),
    ],
)
def test_code_in_a_dataset_fails(api: HfApi, repo_id: str, built: Path, name: str, content: bytes) -> None:
    publish_dataset(built, repo_id, version="0.1.0", api=api)
    api.upload_file(path_or_fileobj=content, path_in_repo=name, repo_id=repo_id, repo_type="dataset")
    found = verdicts(api, repo_id, api.repo_info(repo_id, repo_type="dataset").sha)
    assert found["code"] == "fail"


def test_a_file_that_no_release_made_is_a_note(api: HfApi, repo_id: str, built: Path) -> None:
    publish_dataset(built, repo_id, version="0.1.0", api=api)
    api.upload_file(path_or_fileobj=b"x", path_in_repo="eval.yaml", repo_id=repo_id, repo_type="dataset")
    head = api.repo_info(repo_id, repo_type="dataset").sha
    found = {check.name: check for check in verify(repo_id, head, api=api).checks}
    assert found["files"].verdict == "note"
    assert "1 files are not of this release, nobody has checked them: eval.yaml" in found["files"].detail
    assert found["code"].verdict == "pass"


def test_a_pickle_in_a_model_repo_fails(api: HfApi, repo_id: str, adapter: Path) -> None:
    publish_adapter(adapter, repo_id, version="0.1.0", api=api)
    api.upload_file(path_or_fileobj=b"\x80\x04}.", path_in_repo="optimizer.pt", repo_id=repo_id)
    head = api.repo_info(repo_id).sha
    assert verdicts(api, repo_id, head)["code"] == "fail"

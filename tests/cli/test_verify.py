"""`lema pull` and `lema verify` as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

from huggingface_hub import HfApi

from lema_hub.hub.publish import publish_dataset
from lema_hub.localhub import LocalHub
from tests.command import lema


def test_the_commands_pull_and_verify(
    hub: LocalHub, api: HfApi, repo_id: str, built: Path, tmp_path: Path
) -> None:
    publish_dataset(built, repo_id, version="0.1.0", api=api)
    done = lema(hub, "pull", f"{repo_id}@v0.1.0", "--out", tmp_path / "pulled")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "pulled/data/nano/train.parquet").is_file()
    (tmp_path / "file").write_text("no folder")
    done = lema(hub, "pull", f"{repo_id}@v0.1.0", "--out", tmp_path / "file" / "pulled")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "cannot be written (Not a directory); give another folder" in done.stderr
    done = lema(hub, "verify", f"{repo_id}@v0.1.0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("  pass  ") == 11
    card = api.hf_hub_download(repo_id, "README.md", repo_type="dataset", local_dir=tmp_path / "card")
    api.upload_file(
        path_or_fileobj=Path(card).read_text().replace("holds 16", "holds 1,600").encode(),
        path_in_repo="README.md",
        repo_id=repo_id,
        repo_type="dataset",
    )
    head = api.repo_info(repo_id, repo_type="dataset").sha
    done = lema(hub, "verify", f"{repo_id}@{head}", "--json")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "(numbers, words)" in done.stderr
    failed = [check for check in json.loads(done.stdout)["checks"] if check["verdict"] == "fail"]
    assert failed[0]["detail"] == "the card says 1,600, a number that neither rows nor manifest give"

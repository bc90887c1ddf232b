"""Versions proposed from the diff, the changelog in the card, and `lema diff` between published versions."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi

from hub.conftest import build_dataset, corrections, manifest, write_rows
from hub.test_cli import lema
from lema_hub.errors import HubError, InputError
from lema_hub.hub.publish import propose, publish_dataset
from lema_hub.hub.pull import pull
from lema_hub.localhub import LocalHub


def repaired(folder: Path) -> Path:
    """The usual dataset with one explanation repaired and one row dropped."""
    pool = corrections("train", 12)
    write_rows(folder, "nano", "train", [replace(pool[0], explanation="It was misread."), *pool[1:11]])
    write_rows(folder, "nano", "dev", corrections("dev", 4))
    manifest("corrections", {"nano": {"train": 11, "dev": 4}}).write(folder)
    return folder


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


def test_lema_diff_shows_what_changed(
    hub: LocalHub, api: HfApi, repo_id: str, built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish_dataset(built, repo_id, version="0.1.0", api=api)
    shown = lema(hub, "publish", "dataset", repaired(tmp_path / "two"), repo_id)
    assert "would become 0.1.1 (patch: 2 rows repaired or dropped since v0.1.0)" in shown.stdout, shown.stderr
    publish_dataset(tmp_path / "two", repo_id, version="0.1.1", api=api)
    listed = json.loads(lema(hub, "diff", repo_id, "--json").stdout)
    assert list(listed["versions"]) == ["v0.1.0", "v0.1.1"]
    table = lema(hub, "diff", repo_id, "v0.1.0", "v0.1.1")
    assert "nano: 1 row dropped, 1 row changed (explanation 1)" in table.stdout, table.stderr
    document = json.loads(lema(hub, "diff", repo_id, "v0.1.0", "--json").stdout)
    assert document["level"] == "patch"
    assert document["configs"]["nano"]["fields"] == {"explanation": 1}
    changed = lema(hub, "diff", repo_id, "v0.1.0", tmp_path / "two", "--rows", "changed").stdout.splitlines()
    assert [json.loads(line)["changed"]["explanation"]["after"] for line in changed] == ["It was misread."]


def test_lema_diff_of_nothing_is_one_line(hub: LocalHub) -> None:
    done = lema(hub, "diff", "lema/nothing", "v0.1.0", "v0.2.0")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("lema: ")
    assert "shows no dataset lema/nothing" in done.stderr

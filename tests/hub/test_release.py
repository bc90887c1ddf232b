"""One commit and one tag: concurrent, interrupted, refused; on a running Hub, through the real client."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import CommitOperationAdd, HfApi

from lema_hub.artifacts import history
from lema_hub.errors import HubError, InputError, TagExistsError
from lema_hub.hub.publish import publish_dataset
from lema_hub.localhub import LocalHub
from tests.built import build_dataset, manifest, write_rows


def tags(api: HfApi, repo_id: str) -> dict[str, str]:
    return {tag.name: tag.target_commit for tag in api.list_repo_refs(repo_id, repo_type="dataset").tags}


def content(api: HfApi, repo_id: str, revision: str) -> dict[str, str]:
    tree = api.list_repo_tree(repo_id, repo_type="dataset", revision=revision, recursive=True)
    return {
        item.path: item.lfs.sha256 if item.lfs else item.blob_id for item in tree if hasattr(item, "blob_id")
    }


def commits(api: HfApi, repo_id: str) -> list[str]:
    return [commit.title for commit in api.list_repo_commits(repo_id, repo_type="dataset")]


def test_a_release_is_one_commit_and_one_tag(api: HfApi, repo_id: str, built: Path) -> None:
    published = publish_dataset(built, repo_id, version="0.1.0", api=api)
    assert tags(api, repo_id) == {"v0.1.0": published.commit}
    assert [title for title in commits(api, repo_id) if title.startswith("Release")] == ["Release 0.1.0"]
    assert set(content(api, repo_id, "v0.1.0")) == {*published.files, ".gitattributes"}
    assert published.bytes == sum(published.files.values())
    assert published.url == f"{api.endpoint}/datasets/{repo_id}/tree/v0.1.0"


def test_a_second_version_keeps_the_first_and_sends_only_what_changed(
    api: HfApi, repo_id: str, built: Path, tmp_path: Path
) -> None:
    one = publish_dataset(built, repo_id, version="0.1.0", api=api)
    before = content(api, repo_id, "v0.1.0")
    grown = build_dataset(tmp_path / "grown", train=14)
    two = publish_dataset(grown, repo_id, version="0.2.0", api=api)
    after = content(api, repo_id, "v0.2.0")
    assert content(api, repo_id, "v0.1.0") == before
    assert tags(api, repo_id) == {"v0.1.0": one.commit, "v0.2.0": two.commit}
    changed = {path for path in after if after[path] != before.get(path)}
    pictures = {"images/stages.svg", "images/error-types.svg"}
    assert changed == {"data/nano/train.parquet", "manifest.json", "versions.json", "README.md", *pictures}
    assert two.bytes == sum(two.files[path] for path in changed)
    assert "| v0.2.0 | 18 |" in two.card
    assert "| v0.1.0 | 16 |" in two.card


def test_a_config_that_is_gone_goes_and_other_files_stay(
    api: HfApi, repo_id: str, built: Path, tmp_path: Path
) -> None:
    from tests.built import corrections

    publish_dataset(built, repo_id, version="0.1.0", api=api)
    api.create_commit(
        repo_id,
        [CommitOperationAdd("eval.yaml", b"name: nano\n")],
        repo_type="dataset",
        commit_message="Make it a benchmark",
    )
    write_rows(tmp_path / "plain", "nano", "train", corrections("train", 5))
    manifest("corrections", {"nano": {"train": 5}}).write(tmp_path / "plain")
    publish_dataset(tmp_path / "plain", repo_id, version="1.0.0", api=api)
    paths = set(content(api, repo_id, "v1.0.0"))
    assert {path for path in paths if path.endswith(".parquet")} == {"data/nano/train.parquet"}
    assert "eval.yaml" in paths


def test_an_existing_tag_is_refused_before_anything_is_sent(
    api: HfApi, repo_id: str, built: Path, tmp_path: Path
) -> None:
    first = publish_dataset(built, repo_id, version="0.1.0", api=api)
    other = build_dataset(tmp_path / "other", train=14)
    for dry_run in (False, True):
        with pytest.raises(
            TagExistsError, match=r"has v0\.1\.0 already .* with other content; .* publish 0\.1\.1 instead"
        ):
            publish_dataset(other, repo_id, version="0.1.0", api=api, dry_run=dry_run)
    assert tags(api, repo_id) == {"v0.1.0": first.commit}
    assert api.repo_info(repo_id, repo_type="dataset").sha == first.commit


def test_a_release_that_is_complete_is_found_complete(
    api: HfApi, repo_id: str, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to the request for the tag is lost; the same command, run again, finds its own release."""
    real = HfApi.create_tag

    def lost(self: HfApi, *args: object, **options: object) -> None:
        real(self, *args, **options)
        raise httpx2.ReadError("connection reset")

    with monkeypatch.context() as patch:
        patch.setattr(HfApi, "create_tag", lost)
        with pytest.raises(HubError, match=r"its tag v0\.1\.0 is not: run the same command again"):
            publish_dataset(built, repo_id, version="0.1.0", api=api)
    head = api.repo_info(repo_id, repo_type="dataset").sha
    again = publish_dataset(built, repo_id, version="0.1.0", api=api)
    assert (again.finished, again.commit, again.bytes) == (True, head, 0)
    publish_dataset(build_dataset(tmp_path / "two", train=14), repo_id, version="0.2.0", api=api)
    once_more = publish_dataset(built, repo_id, version="0.1.0", api=api)
    assert (once_more.finished, once_more.commit) == (True, head)
    assert tags(api, repo_id)["v0.1.0"] == head
    with pytest.raises(
        TagExistsError, match=r"has v0\.1\.0 already, with exactly this .* nothing to propose"
    ):
        publish_dataset(built, repo_id, version="0.1.0", create_pr=True, api=api)


def test_a_version_that_goes_back_is_refused(api: HfApi, repo_id: str, built: Path) -> None:
    first = publish_dataset(built, repo_id, version="0.2.0", api=api)
    time.sleep(1.1)  # a release in the same second counts as concurrent
    with pytest.raises(InputError, match=r"version 0\.1\.9 goes back: .* is at 0\.2\.0; publish 0\.2\.1"):
        publish_dataset(built, repo_id, version="0.1.9", api=api)
    assert api.repo_info(repo_id, repo_type="dataset").sha == first.commit


def test_eight_publishers_at_once_all_succeed_with_linear_history(
    hub: LocalHub, repo_id: str, tmp_path: Path
) -> None:
    folders = [build_dataset(tmp_path / str(n), train=6 + n, dev=2) for n in range(8)]
    started = time.time()

    def publish(n: int) -> str | None:
        api = HfApi(endpoint=hub.url, token=hub.token)
        return publish_dataset(folders[n], repo_id, version=f"0.{n + 1}.0", api=api, started=started).commit

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(publish, range(8)))
    api = HfApi(endpoint=hub.url, token=hub.token)
    assert tags(api, repo_id) == {f"v0.{n + 1}.0": commit for n, commit in enumerate(made)}
    log = api.list_repo_commits(repo_id, repo_type="dataset")
    assert sorted(c.title for c in log if c.title.startswith("Release")) == [
        f"Release 0.{n + 1}.0" for n in range(8)
    ]
    assert len({commit.commit_id for commit in log}) == len(log)
    sizes = {
        c.title: content(api, repo_id, c.commit_id)["data/nano/train.parquet"]
        for c in log
        if "Release" in c.title
    }
    assert len(set(sizes.values())) == 8
    head = api.hf_hub_download(repo_id, "versions.json", repo_type="dataset", local_dir=tmp_path / "head")
    listed = history.read_history(Path(head).read_text()).versions
    assert {release.version for release in listed} == {f"0.{n + 1}.0" for n in range(8)}


def test_a_stale_parent_is_met_by_rebuilding(
    api: HfApi, repo_id: str, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_dataset(built, repo_id, version="0.1.0", api=api)
    real, calls = HfApi.create_commit, []

    def late(self: HfApi, *args: object, **options: object) -> object:
        calls.append(options["parent_commit"])
        if len(calls) == 1:  # somebody else commits between our look at the head and our commit
            real(
                api,
                repo_id,
                [CommitOperationAdd("eval.yaml", b"name: nano\n")],
                repo_type="dataset",
                commit_message="Somebody else",
            )
        return real(self, *args, **options)

    monkeypatch.setattr(HfApi, "create_commit", late)
    published = publish_dataset(built, repo_id, version="0.1.1", api=api)
    assert len(calls) == 2
    assert commits(api, repo_id)[:3] == ["Release 0.1.1", "Somebody else", "Release 0.1.0"]
    assert "eval.yaml" in content(api, repo_id, published.commit or "")


KILLED = textwrap.dedent(
    """
    import os, signal, sys
    from pathlib import Path
    from huggingface_hub import HfApi
    from lema_hub.hub.publish import publish_dataset

    point, folder, repo_id = sys.argv[1:]

    def die(*args, **options):
        os.kill(os.getpid(), signal.SIGKILL)

    def dying(name, after):
        real = getattr(HfApi, name)
        def call(*args, **options):
            if after:
                real(*args, **options)
            die()
        setattr(HfApi, name, call)

    name, when = point.split("-")
    dying(name, when == "after")
    publish_dataset(Path(folder), repo_id, version="0.2.0")
    """
)


@pytest.mark.parametrize(
    ("point", "committed", "tagged"),
    [
        ("preupload_lfs_files-before", False, False),
        ("preupload_lfs_files-after", False, False),
        ("create_commit-after", True, False),
        ("create_tag-after", True, True),
    ],
)
def test_killed_anywhere_the_repo_is_old_or_new_and_the_same_command_finishes(
    hub: LocalHub,
    api: HfApi,
    repo_id: str,
    built: Path,
    tmp_path: Path,
    point: str,
    committed: bool,
    tagged: bool,
) -> None:
    first = publish_dataset(built, repo_id, version="0.1.0", api=api)
    old = content(api, repo_id, "main")
    grown = build_dataset(tmp_path / "grown", train=14)
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_TOKEN": hub.token}
    died = subprocess.run([sys.executable, "-c", KILLED, point, grown, repo_id], env=environment, check=False)
    assert died.returncode == -signal.SIGKILL
    assert content(api, repo_id, "v0.1.0") == old
    assert ("v0.2.0" in tags(api, repo_id)) is tagged
    assert (content(api, repo_id, "main") != old) is committed
    published = publish_dataset(grown, repo_id, version="0.2.0", api=api)
    assert published.finished is committed
    assert tags(api, repo_id) == {"v0.1.0": first.commit, "v0.2.0": published.commit}
    assert sum(title == "Release 0.2.0" for title in commits(api, repo_id)) == 1


def test_an_interrupted_version_belongs_to_its_content(
    api: HfApi, repo_id: str, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(HfApi, "create_tag", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            publish_dataset(built, repo_id, version="0.1.0", api=api)
    other = build_dataset(tmp_path / "other", train=14)
    with pytest.raises(
        TagExistsError, match=r"was begun with other content .* or publish this one as 0\.1\.1"
    ):
        publish_dataset(other, repo_id, version="0.1.0", api=api)
    publish_dataset(other, repo_id, version="0.1.1", api=api)
    finished = publish_dataset(built, repo_id, version="0.1.0", api=api, started=0)
    assert finished.finished
    assert set(tags(api, repo_id)) == {"v0.1.0", "v0.1.1"}


def test_dry_run_sends_nothing(api: HfApi, repo_id: str, built: Path) -> None:
    preview = publish_dataset(built, repo_id, version="0.1.0", api=api, dry_run=True)
    assert preview.commit is None
    assert preview.bytes == sum(preview.files.values()) > 0
    assert not api.repo_exists(repo_id, repo_type="dataset")
    published = publish_dataset(built, repo_id, version="0.1.0", api=api)
    assert published.card == preview.card
    assert published.files == preview.files


def test_a_dry_run_needs_no_server(repo_id: str, built: Path) -> None:
    preview = publish_dataset(
        built,
        repo_id,
        version="0.1.0",
        dry_run=True,
        api=HfApi(endpoint="http://127.0.0.1:9", token="hf_any"),
    )
    assert "README.md" in preview.files


def test_a_repo_of_another_kind_is_refused(api: HfApi, repo_id: str, built: Path, tmp_path: Path) -> None:
    first = publish_dataset(built, repo_id, version="0.1.0", api=api)
    cot = build_dataset(tmp_path / "cot", "cot")
    with pytest.raises(InputError, match="holds corrections, this folder cot"):
        publish_dataset(cot, repo_id, version="0.2.0", api=api)
    assert api.repo_info(repo_id, repo_type="dataset").sha == first.commit


def test_a_repo_of_somebody_else_is_not_overwritten(api: HfApi, repo_id: str, built: Path) -> None:
    api.create_repo(repo_id, repo_type="dataset")
    api.upload_file(path_or_fileobj=b"a,b\n", path_in_repo="data/x.csv", repo_id=repo_id, repo_type="dataset")
    with pytest.raises(HubError, match=r"holds 'data/x\.csv', which lema_hub did not publish"):
        publish_dataset(built, repo_id, version="0.1.0", api=api)


def test_private_is_private_and_a_public_repo_does_not_become_so(
    api: HfApi, repo_id: str, built: Path
) -> None:
    publish_dataset(built, repo_id, version="0.1.0", private=True, api=api)
    assert api.repo_info(repo_id, repo_type="dataset").private
    public = f"{repo_id}-public"
    publish_dataset(built, public, version="0.1.0", api=api)
    with pytest.raises(InputError, match="is public already"):
        publish_dataset(built, public, version="0.1.1", private=True, api=api)


def test_a_network_that_breaks_half_way_leaves_the_old_version(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grown = build_dataset(tmp_path / "grown", train=14)
    with LocalHub(tmp_path / "hub", port=0) as hub:
        first = publish_dataset(
            built, "lema/half", version="0.1.0", api=HfApi(endpoint=hub.url, token=hub.token)
        )
        real = HfApi.create_commit

        def cut_off(self: HfApi, *args: object, **options: object) -> object:
            hub.close()
            return real(self, *args, **options)

        with monkeypatch.context() as patch:
            patch.setattr(HfApi, "create_commit", cut_off)
            with pytest.raises(HubError, match=r"no answer from .* run the same command again") as caught:
                publish_dataset(
                    grown, "lema/half", version="0.2.0", api=HfApi(endpoint=hub.url, token=hub.token)
                )
        assert "\n" not in str(caught.value)
    with LocalHub(tmp_path / "hub", port=0) as hub:
        api = HfApi(endpoint=hub.url, token=hub.token)
        assert tags(api, "lema/half") == {"v0.1.0": first.commit}
        assert api.repo_info("lema/half", repo_type="dataset").sha == first.commit
        assert publish_dataset(grown, "lema/half", version="0.2.0", api=api).commit


def test_what_cannot_be_rendered_leaves_no_repo_behind(
    api: HfApi, repo_id: str, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lema_hub.cards.metadata.HUB_LICENSES", frozenset({"mit"}))
    with pytest.raises(InputError, match=r"license is 'apache-2\.0'"):
        publish_dataset(built, repo_id, version="0.1.0", api=api)
    assert not api.repo_exists(repo_id, repo_type="dataset")

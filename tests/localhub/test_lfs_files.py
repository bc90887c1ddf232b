"""Large files listed and deleted for good, through the stock client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError

from lema_hub.localhub import LocalHub
from lema_hub.localhub.blobs import Blobs
from lema_hub.localhub.fsck import check
from lema_hub.localhub.garbage import collect
from lema_hub.localhub.server import DATABASE
from lema_hub.localhub.store import Store

if TYPE_CHECKING:
    from tests.localhub.conftest import ClientOf


def put(api: HfApi, repo: str, path: str, content: bytes, revision: str = "main") -> str:
    done = api.create_commit(
        repo,
        [CommitOperationAdd(path, content), CommitOperationAdd(f"{path}.md", path.encode())],
        commit_message=path,
        repo_type="dataset",
        revision=revision,
    )
    return str(done.oid)


def listed(api: HfApi, repo: str) -> dict[str, str | None]:
    return {file.filename: file.ref for file in api.list_lfs_files(repo, repo_type="dataset")}


def delete(api: HfApi, repo: str, *names: str, rewrite: bool = True) -> None:
    files = [file for file in api.list_lfs_files(repo, repo_type="dataset") if file.filename in names]
    assert len(files) == len(names)
    api.permanently_delete_lfs_files(repo, files, rewrite_history=rewrite, repo_type="dataset")


def files(api: HfApi, repo: str, revision: str = "main") -> list[str]:
    return sorted(api.list_repo_files(repo, repo_type="dataset", revision=revision))


@pytest.fixture
def sound(hub: LocalHub) -> Iterator[None]:
    """After the test, everything that the server holds is in order."""
    yield
    store = Store(hub.directory / DATABASE)
    assert check(store, Blobs(hub.directory)).problems == ()
    store.close()


def test_files_of_every_ref_are_listed_once(api: HfApi, dataset: str) -> None:
    assert listed(api, dataset) == {}
    put(api, dataset, "a.bin", b"one")
    put(api, dataset, "deep/b.bin", b"two")
    api.create_branch(dataset, branch="side", repo_type="dataset")
    put(api, dataset, "c.bin", b"three", revision="side")
    api.create_commit(
        dataset,
        [CommitOperationAdd("d.bin", b"four")],
        commit_message="d",
        repo_type="dataset",
        create_pr=True,
    )
    put(api, dataset, "copy.bin", b"one")
    assert listed(api, dataset) == {
        "a.bin": "refs/heads/main",
        "deep/b.bin": "refs/heads/main",
        "c.bin": "refs/heads/side",
        "d.bin": "refs/pr/1",
    }
    found = next(iter(api.list_lfs_files(dataset, repo_type="dataset")))
    assert (found.size, len(found.file_oid)) == (3, 64)
    assert abs((found.pushed_at - api.dataset_info(dataset).created_at).total_seconds()) < 600  # type: ignore[operator]
    api.super_squash_history(dataset, repo_type="dataset")
    api.delete_branch(dataset, branch="side", repo_type="dataset")
    assert listed(api, dataset)["c.bin"] is None


@pytest.mark.usefixtures("sound")
def test_a_deletion_rewrites_every_branch_and_pull_request(api: HfApi, dataset: str, tmp_path: Path) -> None:
    first = api.dataset_info(dataset).sha
    old = put(api, dataset, "a.bin", b"wrong")
    put(api, dataset, "b.bin", b"right")
    api.create_branch(dataset, branch="side", repo_type="dataset")
    put(api, dataset, "c.bin", b"side", revision="side")
    pull = api.create_commit(
        dataset,
        [CommitOperationAdd("new.bin", b"new")],
        commit_message="d",
        repo_type="dataset",
        create_pr=True,
    )
    before = api.list_repo_commits(dataset, repo_type="dataset", revision="side")
    delete(api, dataset, "a.bin")
    for revision in ("main", "side", "refs/pr/1"):
        assert {"a.bin", "b.bin"} & set(files(api, dataset, revision)) == {"b.bin"}
    after = api.list_repo_commits(dataset, repo_type="dataset", revision="side")
    assert [(one.title, one.created_at, one.authors) for one in after] == [
        (one.title, one.created_at, one.authors) for one in before
    ]
    assert after[-1].commit_id == first
    assert {one.commit_id for one in after} & {one.commit_id for one in before} == {first}
    assert sorted(listed(api, dataset)) == ["b.bin", "c.bin", "new.bin"]
    for revision in ("main", old):
        with pytest.raises(EntryNotFoundError):
            api.hf_hub_download(dataset, "a.bin", repo_type="dataset", revision=revision, cache_dir=tmp_path)
    diff = api.get_discussion_details(dataset, 1, repo_type="dataset").diff
    assert diff is not None
    assert "a.bin" not in diff
    api.merge_pull_request(dataset, 1, repo_type="dataset")
    assert pull.oid not in [one.commit_id for one in after]
    assert files(api, dataset) == [".gitattributes", "a.bin.md", "b.bin", "b.bin.md", "new.bin"]


@pytest.mark.usefixtures("sound")
def test_without_a_rewrite_pointers_lead_nowhere_until_the_next_upload(
    api: HfApi, dataset: str, tmp_path: Path, hub: LocalHub
) -> None:
    head = put(api, dataset, "a.bin", b"away with this")
    delete(api, dataset, "a.bin", rewrite=False)
    assert api.dataset_info(dataset).sha == head
    assert "a.bin" in files(api, dataset)
    with pytest.raises(EntryNotFoundError):
        api.hf_hub_download(dataset, "a.bin", repo_type="dataset", cache_dir=tmp_path)
    assert listed(api, dataset) == {}
    store = Store(hub.directory / DATABASE)
    assert check(store, Blobs(hub.directory)).problems == ()
    store.close()
    put(api, dataset, "a.bin", b"away with this")
    path = api.hf_hub_download(dataset, "a.bin", repo_type="dataset", cache_dir=tmp_path)
    assert Path(path).read_bytes() == b"away with this"


def test_the_bytes_go_with_the_next_collection(tmp_path: Path) -> None:
    with LocalHub(tmp_path) as hub:
        api = HfApi(endpoint=hub.url, token=hub.token)
        for repo in ("lema/x", "lema/y"):
            api.create_repo(repo, repo_type="dataset")
            api.upload_file(path_or_fileobj=b"both", path_in_repo="a.bin", repo_id=repo, repo_type="dataset")
            delete(api, repo, "a.bin", rewrite=repo == "lema/x")
            store, blobs = Store(tmp_path / DATABASE), Blobs(tmp_path)
            collect(store, blobs, grace_seconds=0)
            assert check(store, blobs).problems == ()
            store.close()
        # The .gitattributes is left, and nothing else.
        assert len(list(blobs.names())) == 1


@pytest.mark.usefixtures("sound")
def test_what_a_tag_holds_stays(api: HfApi, client_of: ClientOf, dataset: str, tmp_path: Path) -> None:
    writer = client_of("write", "lema")
    put(writer, dataset, "a.bin", b"published")
    writer.create_tag(dataset, tag="v1.0.0", repo_type="dataset")
    for rewrite in (True, False):
        with pytest.raises(HfHubHTTPError, match="holds a file to delete, and never moves"):
            delete(writer, dataset, "a.bin", rewrite=rewrite)
    path = api.hf_hub_download(dataset, "a.bin", repo_type="dataset", revision="v1.0.0", cache_dir=tmp_path)
    assert Path(path).read_bytes() == b"published"


def test_who_may_list_and_delete(api: HfApi, client_of: ClientOf, dataset: str) -> None:
    put(api, dataset, "a.bin", b"mine")
    held = list(api.list_lfs_files(dataset, repo_type="dataset"))
    for client in (client_of("read", "lema"), client_of("write", "stranger")):
        with pytest.raises(HfHubHTTPError, match="403"):
            list(client.list_lfs_files(dataset, repo_type="dataset"))
        with pytest.raises(HfHubHTTPError, match="403"):
            client.permanently_delete_lfs_files(dataset, held, repo_type="dataset")
    api.permanently_delete_lfs_files(dataset, held, repo_type="dataset")
    with pytest.raises(HfHubHTTPError, match="no large file with sha256"):
        api.permanently_delete_lfs_files(dataset, held, repo_type="dataset")

"""Branches, tags and revisions through the stock client."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import BadRequestError, HfHubHTTPError, RevisionNotFoundError

if TYPE_CHECKING:
    from tests.localhub.conftest import Send


def put(api: HfApi, repo: str, content: str, **options: str) -> str:
    done = api.upload_file(
        path_or_fileobj=content.encode(), path_in_repo="a.txt", repo_id=repo, repo_type="dataset", **options
    )
    return str(done.oid)


def read(api: HfApi, repo: str, revision: str) -> str:
    return Path(api.hf_hub_download(repo, "a.txt", repo_type="dataset", revision=revision)).read_text()


def test_a_tag_keeps_its_content_and_never_moves(api: HfApi, dataset: str) -> None:
    first = put(api, dataset, "one")
    api.create_tag(dataset, tag="v1.0.0", tag_message="first", repo_type="dataset")
    put(api, dataset, "two")
    with pytest.raises(HfHubHTTPError, match="already exists") as caught:
        api.create_tag(dataset, tag="v1.0.0", repo_type="dataset")
    assert caught.value.response.status_code == 409
    api.create_tag(dataset, tag="v1.0.0", repo_type="dataset", exist_ok=True)
    assert api.list_repo_refs(dataset, repo_type="dataset").tags[0].target_commit == first
    assert read(api, dataset, "v1.0.0") == "one"
    assert read(api, dataset, "refs/tags/v1.0.0") == "one"
    assert read(api, dataset, "main") == "two"


def test_a_branch_cannot_hide_a_tag(api: HfApi, dataset: str) -> None:
    api.create_tag(dataset, tag="v1", repo_type="dataset")
    # With exist_ok, a client takes a 409 for success.
    for exist_ok in (False, True):
        with pytest.raises(BadRequestError, match="v1 is the name of refs/tags/v1"):
            api.create_branch(dataset, branch="v1", repo_type="dataset", exist_ok=exist_ok)
        with pytest.raises(BadRequestError, match="main is the name of refs/heads/main"):
            api.create_tag(dataset, tag="main", repo_type="dataset", exist_ok=exist_ok)


def test_tags_at_commits_branches_and_short_ids(api: HfApi, dataset: str) -> None:
    first = put(api, dataset, "one")
    second = put(api, dataset, "two")
    api.create_tag(dataset, tag="full", revision=first, repo_type="dataset")
    api.create_tag(dataset, tag="short", revision=first[:7], repo_type="dataset")
    api.create_tag(dataset, tag="branch", revision="main", repo_type="dataset")
    tags = {tag.name: tag.target_commit for tag in api.list_repo_refs(dataset, repo_type="dataset").tags}
    assert tags == {"full": first, "short": first, "branch": second}
    with pytest.raises(RevisionNotFoundError):
        api.create_tag(dataset, tag="x", revision="nowhere", repo_type="dataset")
    with pytest.raises(BadRequestError):
        api.create_tag(dataset, tag="a b", repo_type="dataset")
    api.delete_tag(dataset, tag="short", repo_type="dataset")
    with pytest.raises(RevisionNotFoundError):
        api.delete_tag(dataset, tag="short", repo_type="dataset")


def test_branches_with_slashes(api: HfApi, dataset: str) -> None:
    first = put(api, dataset, "one")
    api.create_branch(dataset, branch="runs/seed 1".replace(" ", "-"), repo_type="dataset")
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_branch(dataset, branch="runs/seed-1", repo_type="dataset")
    api.create_branch(dataset, branch="runs/seed-1", repo_type="dataset", exist_ok=True)
    put(api, dataset, "on the branch", revision="runs/seed-1")
    assert read(api, dataset, "main") == "one"
    assert read(api, dataset, "runs/seed-1") == "on the branch"
    api.create_branch(dataset, branch="from-first", revision=first, repo_type="dataset")
    names = [branch.name for branch in api.list_repo_refs(dataset, repo_type="dataset").branches]
    assert names == ["main", "from-first", "runs/seed-1"]
    assert [
        entry.path for entry in api.list_repo_tree(dataset, repo_type="dataset", revision="runs/seed-1")
    ] == [
        ".gitattributes",
        "a.txt",
    ]
    api.delete_branch(dataset, branch="runs/seed-1", repo_type="dataset")
    with pytest.raises(RevisionNotFoundError):
        api.list_repo_commits(dataset, repo_type="dataset", revision="runs/seed-1")


def test_main_stays(api: HfApi, dataset: str) -> None:
    with pytest.raises(HfHubHTTPError, match="Cannot delete refs/heads/main"):
        api.delete_branch(dataset, branch="main", repo_type="dataset")
    with pytest.raises(RevisionNotFoundError):
        api.delete_branch(dataset, branch="other", repo_type="dataset")
    with pytest.raises(RevisionNotFoundError):
        api.create_branch(dataset, branch="b", revision="f" * 40, repo_type="dataset")


def test_refs_have_converts_and_pull_requests(send: Send, dataset: str) -> None:
    found = send("GET", f"/api/datasets/{dataset}/refs?include_prs=1").json()
    assert (found["converts"], found["tags"], found["pullRequests"]) == ([], [], [])


def test_squashing_keeps_files_and_tags(api: HfApi, dataset: str) -> None:
    first = put(api, dataset, "one")
    api.create_tag(dataset, tag="v1", repo_type="dataset")
    put(api, dataset, "two")
    api.super_squash_history(dataset, repo_type="dataset", commit_message="squashed")
    history = api.list_repo_commits(dataset, repo_type="dataset")
    assert [commit.title for commit in history] == ["squashed"]
    assert read(api, dataset, "main") == "two"
    assert read(api, dataset, "v1") == "one"
    assert api.list_repo_commits(dataset, repo_type="dataset", revision="v1")[0].commit_id == first

"""A release stays what it is: nothing that a write token can do replaces it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

if TYPE_CHECKING:
    from tests.localhub.conftest import ClientOf


@pytest.fixture
def writer(client_of: ClientOf) -> HfApi:
    """A client whose token may write to the namespace, and no more."""
    return client_of("write", "lema")


def put(api: HfApi, repo: str, content: bytes, tag: str) -> None:
    api.upload_file(path_or_fileobj=content, path_in_repo="a.txt", repo_id=repo, repo_type="dataset")
    api.create_tag(repo, tag=tag, repo_type="dataset")


@pytest.mark.parametrize("tag", ["v1.0.0", "v0.1.0-step-40", "v10.2.33rc1"])
def test_a_write_token_cannot_delete_a_repo_with_a_release(writer: HfApi, dataset: str, tag: str) -> None:
    put(writer, dataset, b"one", tag)
    with pytest.raises(HfHubHTTPError, match=r"holds the release v.*needs role 'admin'") as caught:
        writer.delete_repo(dataset, repo_type="dataset")
    assert caught.value.response.status_code == 403
    assert writer.revision_exists(dataset, tag, repo_type="dataset")


def test_a_write_token_cannot_delete_tags_beside_a_release(api: HfApi, writer: HfApi, dataset: str) -> None:
    put(writer, dataset, b"one", "v1.0.0")
    writer.create_tag(dataset, tag="latest", repo_type="dataset")
    for tag in ("v1.0.0", "latest"):
        with pytest.raises(HfHubHTTPError, match="holds the release"):
            writer.delete_tag(dataset, tag=tag, repo_type="dataset")
    api.delete_tag(dataset, tag="v1.0.0", repo_type="dataset")
    writer.delete_tag(dataset, tag="latest", repo_type="dataset")


def test_a_write_token_cannot_put_another_repo_in_a_releases_place(
    api: HfApi, writer: HfApi, dataset: str
) -> None:
    put(writer, dataset, b"one", "v1.0.0")
    writer.move_repo(dataset, f"{dataset}-old", repo_type="dataset")
    with pytest.raises(HfHubHTTPError, match="former name of a repo with the release"):
        writer.create_repo(dataset, repo_type="dataset")
    writer.create_repo(f"{dataset}-new", repo_type="dataset")
    with pytest.raises(HfHubHTTPError, match="already exists"):
        writer.move_repo(f"{dataset}-new", dataset, repo_type="dataset")
    assert writer.dataset_info(dataset, revision="v1.0.0").id == f"{dataset}-old"
    writer.move_repo(f"{dataset}-old", dataset, repo_type="dataset")
    writer.move_repo(dataset, f"{dataset}-old", repo_type="dataset")
    api.create_repo(dataset, repo_type="dataset")


@pytest.mark.parametrize("tag", ["v1", "checkpoint-40", "1.0.0", "va.b.c", "v1.0"])
def test_a_repo_without_release_is_its_owners(writer: HfApi, dataset: str, tag: str) -> None:
    put(writer, dataset, b"one", tag)
    writer.delete_tag(dataset, tag=tag, repo_type="dataset")
    put(writer, dataset, b"two", tag)
    writer.delete_repo(dataset, repo_type="dataset")
    writer.create_repo(dataset, repo_type="dataset")
    put(writer, dataset, b"three", tag)

"""Likes through the stock client, which itself can only take them back and list them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

if TYPE_CHECKING:
    from tests.localhub.conftest import ClientOf, Send


def test_likes_are_given_listed_counted_and_taken_back(
    api: HfApi, client_of: ClientOf, anonymous: HfApi, send: Send, dataset: str
) -> None:
    fan, other = client_of("write", "fan"), client_of("write", "other-fan")
    api.create_repo("lema/liked", exist_ok=True)
    for client in (fan, fan, other):
        assert send("POST", f"/api/datasets/{dataset}/like", token=str(client.token)).status == 200
    assert send("POST", "/api/models/lema/liked/like", token=str(fan.token)).status == 200
    assert {user.username for user in anonymous.list_repo_likers(dataset, repo_type="dataset")} == {
        "fan",
        "other-fan",
    }
    likes = fan.list_liked_repos()
    assert (likes.user, likes.total, likes.models, likes.datasets) == ("fan", 2, ["lema/liked"], [dataset])
    assert anonymous.list_liked_repos("fan").total == 2
    assert api.dataset_info(dataset).likes == 2
    assert next(iter(api.list_datasets(sort="likes"))).id == dataset
    fan.unlike(dataset, repo_type="dataset")
    fan.unlike(dataset, repo_type="dataset")
    assert fan.list_liked_repos().datasets == []
    assert [found.likes for found in api.list_datasets(search=dataset)] == [1]
    assert anonymous.get_user_overview("fan").num_likes == 1


def test_likes_of_hidden_and_deleted_repos_are_not_shown(
    api: HfApi, anonymous: HfApi, send: Send, dataset: str
) -> None:
    send("POST", f"/api/datasets/{dataset}/like")
    api.update_repo_settings(dataset, repo_type="dataset", private=True)
    assert dataset in api.list_liked_repos().datasets
    assert dataset not in anonymous.list_liked_repos("lema").datasets
    with pytest.raises(RepositoryNotFoundError):
        list(anonymous.list_repo_likers(dataset, repo_type="dataset"))
    api.delete_repo(dataset, repo_type="dataset")
    assert dataset not in api.list_liked_repos().datasets


def test_who_may_not_like(client_of: ClientOf, anonymous: HfApi, send: Send, dataset: str) -> None:
    assert send("POST", f"/api/datasets/{dataset}/like", token=None).status == 401
    with pytest.raises(HfHubHTTPError, match="401"):
        anonymous.unlike(dataset, repo_type="dataset")
    with pytest.raises(HfHubHTTPError, match="role 'write'"):
        client_of("read", "reader").unlike(dataset, repo_type="dataset")
    with pytest.raises(RepositoryNotFoundError):
        client_of("write", "fan").unlike("lema/absent")
    with pytest.raises(HfHubHTTPError, match="There is no user"):
        anonymous.list_liked_repos("nobody-at-all")

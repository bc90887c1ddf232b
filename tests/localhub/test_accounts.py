"""Users and organisations through the stock client: names, members, and what new repos are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from lema_hub.localhub import HubError, LocalHub, accounts, auth
from lema_hub.localhub.server import DATABASE
from lema_hub.localhub.store import Store

if TYPE_CHECKING:
    from tests.localhub.conftest import ClientOf

Change = Callable[..., accounts.Account]


@pytest.fixture
def change(hub: LocalHub) -> Change:
    """Change an account, as `lema hub namespace` does."""

    def changed(name: str, **values: Any) -> accounts.Account:
        store = Store(hub.directory / DATABASE)
        try:
            with store.write() as db:
                return accounts.change(db, name, **values)
        finally:
            store.close()

    return changed


def test_whoami_gives_full_names_and_organisations(client_of: ClientOf, change: Change) -> None:
    client = client_of("write", "grace", namespaces=("navy", "yale"))
    change("grace", fullname="Grace Hopper")
    change("navy", fullname="United States Navy")
    found = client.whoami()
    assert (found["type"], found["name"], found["fullname"]) == ("user", "grace", "Grace Hopper")
    assert [(org["name"], org["fullname"], org["roleInOrg"]) for org in found["orgs"]] == [
        ("navy", "United States Navy", "write"),
        ("yale", "yale", "write"),
    ]


def test_a_users_overview(client_of: ClientOf, change: Change, anonymous: HfApi) -> None:
    client = client_of("write", "Ada", namespaces=("engines",))
    change("ada", fullname="Ada Lovelace")
    client.create_repo("Ada/notes", repo_type="dataset")
    client.create_repo("Ada/hidden", private=True)
    client.create_discussion("Ada/notes", "Why?", repo_type="dataset")
    client.create_discussion("Ada/hidden", "Who?")
    seen = anonymous.get_user_overview("ada")
    assert (seen.username, seen.fullname, seen.user_type) == ("Ada", "Ada Lovelace", "user")
    assert (seen.num_models, seen.num_datasets, seen.num_spaces, seen.num_discussions) == (0, 1, 0, 1)
    assert [org.name for org in seen.orgs] == ["engines"]
    own = client.get_user_overview("Ada")
    assert (own.num_models, own.num_discussions) == (1, 2)
    for missing in ("nobody", "engines"):
        with pytest.raises(HfHubHTTPError, match="There is no user"):
            anonymous.get_user_overview(missing)


def test_an_organisations_overview_and_members(
    client_of: ClientOf, change: Change, anonymous: HfApi, hub: LocalHub
) -> None:
    first, _ = (client_of("write", user, namespaces=("cosmos",)) for user in ("carl", "ann-d"))
    client_of("read", "late", namespaces=("cosmos",), days=1e-9)
    change("cosmos", fullname="The Cosmos")
    first.create_repo("cosmos/stars")
    seen = anonymous.get_organization_overview("cosmos")
    assert (seen.name, seen.fullname, seen.num_users, seen.num_models) == ("cosmos", "The Cosmos", 2, 1)
    members = list(anonymous.list_organization_members("COSMOS"))
    assert [(member.username, member.fullname) for member in members] == [
        ("ann-d", "ann-d"),
        ("carl", "carl"),
    ]
    store = Store(hub.directory / DATABASE)
    with store.write() as db:
        auth.revoke_token(db, next(token.name for token in auth.list_tokens(db) if token.user == "carl"))
    store.close()
    assert [member.username for member in anonymous.list_organization_members("cosmos")] == ["ann-d"]
    for missing in ("nothing", "carl"):
        with pytest.raises(HfHubHTTPError, match="There is no organization"):
            anonymous.get_organization_overview(missing)


def test_new_repos_of_an_organisation_can_be_private(
    client_of: ClientOf, change: Change, anonymous: HfApi
) -> None:
    client = client_of("write", "ivy", namespaces=("vault",))
    assert change("vault", private_repos=True).private_repos
    client.create_repo("vault/unsaid", repo_type="dataset")
    client.create_repo("vault/said", private=False)
    client.create_repo("ivy/own")
    assert client.dataset_info("vault/unsaid").private
    assert not anonymous.repo_exists("vault/unsaid", repo_type="dataset")
    assert not client.model_info("vault/said").private
    assert not client.model_info("ivy/own").private


def test_what_an_account_cannot_be_called(change: Change) -> None:
    with pytest.raises(HubError, match="there is no namespace 'nowhere'"):
        change("nowhere", fullname="x")
    for name in ("", "x" * 101, "two\nlines"):
        with pytest.raises(HubError, match="1 to 100 printable characters"):
            change("lema", fullname=name)

"""Collections through the stock client."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import Collection, HfApi
from huggingface_hub.errors import HfHubHTTPError

from lema_hub.localhub import LocalHub, auth
from lema_hub.localhub.server import DATABASE
from lema_hub.localhub.store import Store

if TYPE_CHECKING:
    from tests.localhub.conftest import Send

_titles = (f"Release {number}: nano & more" for number in itertools.count(1))


@pytest.fixture
def stranger(hub: LocalHub) -> HfApi:
    store = Store(hub.directory / DATABASE)
    title = next(_titles)
    try:
        with store.write() as db:
            return HfApi(endpoint=hub.url, token=auth.create_token(db, name=title, user="ann", role="write"))
    finally:
        store.close()


@pytest.fixture
def made(api: HfApi) -> Collection:
    return api.create_collection(next(_titles), namespace="lema", description="All of a release")


def shown(collection: Collection) -> list[tuple[str, str, str | None]]:
    return [(item.item_type, item.item_id, item.note) for item in collection.items]


def test_a_collection_gathers_repos_papers_and_collections(
    api: HfApi, made: Collection, dataset: str
) -> None:
    api.create_repo("lema/collected", exist_ok=True)
    inner = api.create_collection(next(_titles), namespace="lema")
    api.add_collection_item(made.slug, dataset, "dataset", note="The rows")
    api.add_collection_item(made.slug, "lema/collected", "model")
    api.add_collection_item(made.slug, "2310.20689", "paper")
    api.add_collection_item(made.slug, inner.slug, "collection")
    api.add_collection_item(made.slug, dataset, "dataset", note="ignored", exists_ok=True)
    with pytest.raises(HfHubHTTPError, match="already") as caught:
        api.add_collection_item(made.slug, dataset, "dataset")
    assert caught.value.response.status_code == 409
    found = api.get_collection(made.slug)
    assert (found.title, found.description, found.private) == (made.title, "All of a release", False)
    assert shown(found) == [
        ("dataset", dataset, "The rows"),
        ("model", "lema/collected", None),
        ("paper", "2310.20689", None),
        ("collection", inner.slug, None),
    ]
    api.update_collection_item(made.slug, found.items[2].item_object_id, note="LeMa", position=0)
    api.delete_collection_item(made.slug, found.items[3].item_object_id)
    api.delete_collection_item(made.slug, found.items[3].item_object_id, missing_ok=True)
    with pytest.raises(HfHubHTTPError, match="no item"):
        api.delete_collection_item(made.slug, found.items[3].item_object_id)
    assert shown(api.get_collection(made.slug)) == [
        ("paper", "2310.20689", "LeMa"),
        ("dataset", dataset, "The rows"),
        ("model", "lema/collected", None),
    ]


def test_what_moves_is_followed_and_what_goes_is_gone(api: HfApi, made: Collection) -> None:
    for name in ("lema/moves", "lema/goes"):
        api.create_repo(name)
        api.add_collection_item(made.slug, name, "model")
    api.move_repo("lema/moves", "lema/moved")
    api.delete_repo("lema/goes")
    assert shown(api.get_collection(made.slug)) == [("model", "lema/moved", None)]


def test_titles_are_unique_and_links_outlive_them(api: HfApi, made: Collection) -> None:
    again = api.create_collection(made.title, namespace="lema", exists_ok=True)
    assert again.slug == made.slug
    with pytest.raises(HfHubHTTPError, match="exists already"):
        api.create_collection(made.title, namespace="lema")
    renamed = api.update_collection_metadata(made.slug, title=f"{made.title}!", theme="green", position=2)
    assert (renamed.title, renamed.theme, renamed.position) == (f"{made.title}!", "green", 2)
    assert made.slug.startswith("lema/release-")
    assert len(made.slug.rsplit("-", 1)[1]) == 24
    assert api.get_collection(made.slug).slug == renamed.slug
    api.delete_collection(made.slug)
    api.delete_collection(made.slug, missing_ok=True)
    with pytest.raises(HfHubHTTPError, match="404"):
        api.get_collection(made.slug)


def test_private_collections_and_repos_are_hidden(api: HfApi, stranger: HfApi, made: Collection) -> None:
    api.create_repo("lema/hidden-item", private=True, exist_ok=True)
    api.add_collection_item(made.slug, "lema/hidden-item", "model")
    assert shown(stranger.get_collection(made.slug)) == []
    with pytest.raises(HfHubHTTPError) as caught:
        stranger.add_collection_item(made.slug, "lema/hidden-item", "model")
    assert caught.value.response.status_code == 403
    own = stranger.create_collection("Mine", exists_ok=True)
    with pytest.raises(HfHubHTTPError) as caught:
        stranger.add_collection_item(own.slug, "lema/hidden-item", "model")
    assert caught.value.response.status_code == 404
    api.update_collection_metadata(made.slug, private=True)
    with pytest.raises(HfHubHTTPError) as caught:
        stranger.get_collection(made.slug)
    assert caught.value.response.status_code == 404
    assert made.slug not in [one.slug for one in stranger.list_collections(owner="lema")]
    assert made.slug in [one.slug for one in api.list_collections(owner="lema")]


def test_listings_filter_by_owner_and_item(
    api: HfApi, stranger: HfApi, made: Collection, dataset: str
) -> None:
    for _ in range(2):
        api.create_collection(next(_titles), namespace="lema")
    api.add_collection_item(made.slug, dataset, "dataset")
    assert [one.slug for one in api.list_collections(item=f"datasets/{dataset}")] == [made.slug]
    assert len(list(api.list_collections(owner="lema", limit=2))) == 2
    assert list(api.list_collections(owner="nobody")) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"title": ""}, "'title' must be a text of 1 to 60"),
        ({"title": "x" * 61}, "'title' must be a text of 1 to 60"),
        ({"description": "x" * 151}, "'description' must be a text of 1 to 150"),
        ({"theme": "mud"}, "'theme' must be one of"),
        ({"position": -1}, "'position' must be a whole number"),
        ({"private": "yes"}, "'private' must be true or false"),
    ],
)
def test_bad_values_are_refused(send: Send, made: Collection, change: dict[str, object], said: str) -> None:
    reply = send("PATCH", f"/api/collections/{made.slug}", body=change)
    assert (reply.status, said in reply.error) == (400, True)


@pytest.mark.parametrize(
    ("item", "note", "status"),
    [
        ({"type": "pony", "id": "lema/x"}, None, 400),
        ({"type": "paper", "id": "lema/x"}, None, 400),
        ({"type": "model", "id": "lema/none"}, None, 404),
        ({"type": "collection", "id": "lema/none"}, None, 404),
        ({"type": "model"}, None, 400),
        ({"type": "paper", "id": "2310.20689"}, "x" * 501, 400),
    ],
)
def test_bad_items_are_refused(
    send: Send, made: Collection, item: dict[str, str], note: str | None, status: int
) -> None:
    reply = send("POST", f"/api/collections/{made.slug}/items", body={"item": item, "note": note})
    assert reply.status == status
    assert send("GET", f"/api/collections/{made.slug}").json()["items"] == []


def test_a_browser_gets_plain_text(send: Send, api: HfApi, made: Collection) -> None:
    api.add_collection_item(made.slug, "2503.17439", "paper", note="<b>LEMMA</b>")
    page = send("GET", f"/collections/{made.slug}", token=None)
    assert page.headers["content-type"] == "text/plain; charset=utf-8"
    assert "paper 2503.17439\n  <b>LEMMA</b>" in page.body.decode()

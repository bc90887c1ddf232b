"""A release gathered in a collection, on a running Hub."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi

from lema_hub.errors import HubError, InputError
from lema_hub.hub.collections import gather
from lema_hub.hub.publish import publish_adapter, publish_dataset

_titles = (f"Nano release {number}" for number in itertools.count(1))


@pytest.fixture
def title() -> str:
    return next(_titles)


@pytest.fixture
def released(api: HfApi, repo_id: str, built: Path, adapter: Path) -> list[str]:
    """A dataset, an adapter and a Space of one release."""
    names = [f"{repo_id}-data", f"{repo_id}-adapter", f"{repo_id}-space"]
    publish_dataset(built, names[0], version="0.1.0", api=api)
    publish_adapter(adapter, names[1], version="0.1.0", api=api)
    api.create_repo(names[2], repo_type="space", space_sdk="static")
    card = b"---\ntitle: Mistake correction\nsdk: static\nlicense: mit\n---\n# Demo\n"
    api.create_commit(
        names[2], [CommitOperationAdd("README.md", card)], repo_type="space", commit_message="Say what it is"
    )
    return names


def shown(api: HfApi, title: str) -> list[tuple[str, str, str | None]]:
    slug = next(one.slug for one in api.list_collections(owner="lema") if one.title == title)
    return [(item.item_type, item.item_id, item.note) for item in api.get_collection(slug).items]


def test_a_release_is_gathered_with_notes_from_its_own_files(
    api: HfApi, title: str, released: list[str]
) -> None:
    made = gather(title, [*released, "2310.20689"], api=api)
    assert [outcome for _, outcome in made.members] == ["added"] * 4
    data, adapter, space = released
    assert shown(api, title) == [
        ("dataset", data, "Mistake corrections (nano), v0.1.0. 16 rows. Licence: apache-2.0."),
        (
            "model",
            adapter,
            "Adapter, v0.1.0. On lema/nano-backbone. lema:nano pass@1: 47.2 % of 1,000. Licence: apache-2.0.",
        ),
        ("space", space, "Mistake correction. Licence: mit."),
        ("paper", "2310.20689", "arXiv:2310.20689."),
    ]
    assert made.description == (
        "1 dataset, 1 adapter, 1 Space, 1 paper. Learning from mistakes (LeMa 2310.20689, LEMMA 2503.17439), "
        "by lema_hub."
    )
    assert made.url is not None
    assert api.get_collection(made.url.split("/collections/")[1]).description == made.description


def test_the_same_command_adds_only_what_is_missing(
    api: HfApi, title: str, released: list[str], built: Path
) -> None:
    first = gather(title, released[:1], api=api)
    api.create_collection(f"{title} (another)", namespace="lema")
    publish_dataset(built, released[0], version="0.1.1", api=api)
    second = gather(title, released, api=api)
    assert [outcome for _, outcome in second.members] == ["updated", "added", "added"]
    third = gather(title, released, api=api)
    assert [outcome for _, outcome in third.members] == ["unchanged"] * 3
    assert first.url == second.url == third.url
    assert shown(api, title)[0][2] == "Mistake corrections (nano), v0.1.1. 16 rows. Licence: apache-2.0."


def test_an_interrupted_gathering_is_finished_by_the_same_command(
    api: HfApi, title: str, released: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import httpx2

    real, calls = HfApi.add_collection_item, []

    def once(self: HfApi, *args: object, **options: object) -> object:
        calls.append(args)
        if len(calls) == 2:
            raise httpx2.ConnectError("the network went")
        return real(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(HfApi, "add_collection_item", once)
    with pytest.raises(HubError, match=r"no answer from .* run the same command again"):
        gather(title, released, api=api)
    assert len(shown(api, title)) == 1
    assert [outcome for _, outcome in gather(title, released, api=api).members] == [
        "unchanged",
        "added",
        "added",
    ]


def test_a_dry_run_changes_nothing(api: HfApi, title: str, released: list[str]) -> None:
    made = gather(title, released, dry_run=True, api=api)
    assert ([outcome for _, outcome in made.members], made.url) == (["added"] * 3, None)
    assert title not in [one.title for one in api.list_collections(owner="lema")]


def test_what_cannot_be_gathered_leaves_nothing_behind(
    api: HfApi, title: str, released: list[str], client_of: Callable[[str, str], HfApi]
) -> None:
    api.create_repo(released[0])  # a model of the dataset's name
    cases = [
        ([released[0]], "is several things; write one of datasets/"),
        ([released[1], "lema/none"], "no dataset or model or space lema/none"),
        ([f"spaces/{released[1]}"], "no space"),
        (["not a name"], "is not a repo id"),
        ([released[1], released[1]], "is named twice"),
        (["2310.20689"], "papers alone have no namespace"),
        ([], "nothing to gather"),
    ]
    for names, said in cases:
        with pytest.raises(InputError, match=said):
            gather(title, names, api=api)
    with pytest.raises(InputError, match="61 characters; expected 1 to 60"):
        gather("x" * 61, released, api=api)
    with pytest.raises(HubError, match="may not write"):
        gather(title, released[1:], api=client_of("write", "ann"))
    with pytest.raises(HubError, match="may only read"):
        gather(title, released[1:], api=client_of("read", "lema"))
    assert title not in [one.title for one in api.list_collections(owner="lema")]
    typed = gather(title, [f"datasets/{released[0]}", f"models/{released[0]}"], api=api)
    assert [member.what for member, _ in typed.members] == ["dataset", "model"]

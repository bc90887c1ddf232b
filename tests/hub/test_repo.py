"""What a repo answers to whom: tokens, ids, kinds, privacy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from lema_hub.errors import HubError, InputError
from lema_hub.hub.publish import publish_dataset
from lema_hub.localhub import LocalHub


def test_a_wrong_token_is_refused(hub: LocalHub, repo_id: str, built: Path, api: HfApi) -> None:
    with pytest.raises(HubError, match="does not know this token; set HF_TOKEN"):
        publish_dataset(built, repo_id, version="0.1.0", api=HfApi(endpoint=hub.url, token="hf_wrong"))
    assert not api.repo_exists(repo_id, repo_type="dataset")


def test_no_token_is_refused(hub: LocalHub, repo_id: str, built: Path) -> None:
    with pytest.raises(HubError, match=r"no token for .* set HF_TOKEN"):
        publish_dataset(built, repo_id, version="0.1.0", api=HfApi(endpoint=hub.url))


def test_a_dead_server_is_named(repo_id: str, built: Path) -> None:
    with pytest.raises(HubError, match=r"no answer from http://127\.0\.0\.1:9 .*lema hub serve"):
        publish_dataset(
            built, repo_id, version="0.1.0", api=HfApi(endpoint="http://127.0.0.1:9", token="hf_any")
        )


@pytest.mark.parametrize("repo_id", ["lema", "a/b/c", "lema/..", "../x/y", "lema/ä", ""])
def test_a_wrong_id_is_refused(api: HfApi, built: Path, repo_id: str) -> None:
    with pytest.raises(InputError, match="is not a repo id; expected namespace/name"):
        publish_dataset(built, repo_id, version="0.1.0", api=api)


def test_a_token_of_another_namespace_is_refused(
    client_of: Callable[[str, str], HfApi], api: HfApi, repo_id: str, built: Path
) -> None:
    stranger = client_of("write", "stranger")
    with pytest.raises(HubError, match=r"may not write|to this token") as caught:
        publish_dataset(built, repo_id, version="0.1.0", api=stranger)
    assert "\n" not in str(caught.value)
    assert not api.repo_exists(repo_id, repo_type="dataset")
    first = publish_dataset(built, repo_id, version="0.1.0", api=api)
    with pytest.raises(HubError, match="may not write"):
        publish_dataset(built, repo_id, version="0.1.1", api=stranger)
    assert api.repo_info(repo_id, repo_type="dataset").sha == first.commit


def test_a_read_only_token_is_refused(
    client_of: Callable[[str, str], HfApi], hub: LocalHub, api: HfApi, repo_id: str, built: Path
) -> None:
    with pytest.raises(HubError, match=r"the token of .* may only read; .* set HF_TOKEN"):
        publish_dataset(built, repo_id, version="0.1.0", api=client_of("read", hub.namespace))
    assert not api.repo_exists(repo_id, repo_type="dataset")

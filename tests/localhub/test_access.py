"""Gated repos through the stock client: who gets in, who asks, who answers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import BadRequestError, GatedRepoError, HfHubHTTPError

if TYPE_CHECKING:
    from tests.localhub.conftest import ClientOf, Send

Ask = Callable[[HfApi, str], str]


@pytest.fixture
def gated(api: HfApi, dataset: str) -> str:
    """A dataset with one file whose owner answers requests."""
    api.upload_file(path_or_fileobj=b"x", path_in_repo="x.txt", repo_id=dataset, repo_type="dataset")
    api.update_repo_settings(dataset, repo_type="dataset", gated="manual")
    return dataset


@pytest.fixture
def ask(send: Send) -> Ask:
    """Ask for access, for which the stock client has no method; returns the status of the request."""

    def asked(client: HfApi, repo: str) -> str:
        reply = send("POST", f"/datasets/{repo}/ask-access", token=str(client.token))
        assert reply.status == 200, reply.body
        return str(reply.json()["status"])

    return asked


def may_read(client: HfApi, repo: str, folder: Path) -> bool:
    """Whether a client gets the file and the check; they must agree."""
    answers = []
    fresh = tempfile.mkdtemp(dir=folder)
    for attempt in (
        lambda: client.hf_hub_download(repo, "x.txt", repo_type="dataset", cache_dir=fresh),
        lambda: client.auth_check(repo, repo_type="dataset"),
    ):
        try:
            attempt()
            answers.append(True)
        except GatedRepoError:
            answers.append(False)
    assert answers[0] == answers[1]
    return answers[0]


def users(api: HfApi, repo: str) -> dict[str, list[str | None]]:
    return {
        "pending": [one.username for one in api.list_pending_access_requests(repo, repo_type="dataset")],
        "accepted": [one.username for one in api.list_accepted_access_requests(repo, repo_type="dataset")],
        "rejected": [one.username for one in api.list_rejected_access_requests(repo, repo_type="dataset")],
    }


@contextmanager
def refused(status: int) -> Iterator[None]:
    with pytest.raises(HfHubHTTPError) as caught:
        yield
    assert caught.value.response.status_code == status


def test_a_gate_keeps_strangers_out(
    api: HfApi, anonymous: HfApi, client_of: ClientOf, gated: str, tmp_path: Path
) -> None:
    stranger, member = client_of("write", "stranger"), client_of("read", "member", namespaces=("lema",))
    for gate in ("manual", "auto"):
        api.update_repo_settings(gated, repo_type="dataset", gated=gate)
        assert anonymous.dataset_info(gated).gated == gate
        allowed = [may_read(client, gated, tmp_path) for client in (anonymous, stranger, member, api)]
        assert allowed == [False, False, True, True]
        with pytest.raises(GatedRepoError, match="restricted and you are not in the authorized list"):
            stranger.auth_check(gated, repo_type="dataset")
        with pytest.raises(GatedRepoError, match="You must have access to it and be authenticated"):
            anonymous.auth_check(gated, repo_type="dataset")
        with pytest.raises(GatedRepoError):
            stranger.create_discussion(gated, "let me in", repo_type="dataset")
    api.update_repo_settings(gated, repo_type="dataset", gated=False)
    assert may_read(anonymous, gated, tmp_path)


def test_a_request_is_asked_accepted_cancelled_and_rejected(
    api: HfApi, client_of: ClientOf, gated: str, ask: Ask, tmp_path: Path
) -> None:
    ann = client_of("read", "ann")
    assert ask(ann, gated) == ask(ann, gated) == "pending"
    assert not may_read(ann, gated, tmp_path)
    [request] = api.list_pending_access_requests(gated, repo_type="dataset")
    assert (request.username, request.fullname, request.status, request.email) == (
        "ann",
        "ann",
        "pending",
        None,
    )
    api.accept_access_request(gated, "ann", repo_type="dataset")
    assert users(api, gated) == {"pending": [], "accepted": ["ann"], "rejected": []}
    assert may_read(ann, gated, tmp_path)
    assert not may_read(client_of("read", "ben"), gated, tmp_path)
    api.cancel_access_request(gated, "ann", repo_type="dataset")
    assert users(api, gated) == {"pending": ["ann"], "accepted": [], "rejected": []}
    assert not may_read(ann, gated, tmp_path)
    api.reject_access_request(gated, "ann", repo_type="dataset", rejection_reason="Not for you")
    assert users(api, gated) == {"pending": [], "accepted": [], "rejected": ["ann"]}
    assert ask(ann, gated) == "rejected"
    assert not may_read(ann, gated, tmp_path)
    api.accept_access_request(gated, request_id=request.request_id, repo_type="dataset")
    assert may_read(ann, gated, tmp_path)


def test_with_auto_the_asking_is_enough(
    api: HfApi, client_of: ClientOf, gated: str, ask: Ask, tmp_path: Path
) -> None:
    api.update_repo_settings(gated, repo_type="dataset", gated="auto")
    ann = client_of("read", "ann")
    assert ask(ann, gated) == "accepted"
    assert may_read(ann, gated, tmp_path)
    api.reject_access_request(gated, "ann", repo_type="dataset", rejection_reason=None)
    assert ask(ann, gated) == "rejected"
    assert not may_read(ann, gated, tmp_path)


def test_access_is_granted_without_a_request(
    api: HfApi, client_of: ClientOf, gated: str, tmp_path: Path
) -> None:
    ann = client_of("read", "ann")
    api.grant_access(gated, "ann", repo_type="dataset")
    assert users(api, gated)["accepted"] == ["ann"]
    assert may_read(ann, gated, tmp_path)
    with refused(400):
        api.grant_access(gated, "ann", repo_type="dataset")
    with refused(404):
        api.grant_access(gated, "no-such-user", repo_type="dataset")


def test_an_answer_is_given_once(api: HfApi, client_of: ClientOf, gated: str) -> None:
    client_of("read", "ann")
    for answer in (api.accept_access_request, api.cancel_access_request):
        with refused(404):
            answer(gated, "ann", repo_type="dataset")
    api.grant_access(gated, "ann", repo_type="dataset")
    for answer in (api.accept_access_request, api.cancel_access_request):
        if answer == api.cancel_access_request:
            answer(gated, "ann", repo_type="dataset")
        with refused(404):
            answer(gated, "ann", repo_type="dataset")


def test_who_may_answer_and_where(
    api: HfApi, anonymous: HfApi, client_of: ClientOf, gated: str, dataset: str, send: Send
) -> None:
    stranger, reader = client_of("write", "stranger"), client_of("read", "lema")
    for client in (stranger, reader):
        with refused(403):
            list(client.list_pending_access_requests(gated, repo_type="dataset"))
        with refused(403):
            client.grant_access(gated, "stranger", repo_type="dataset")
        with refused(403):
            client.accept_access_request(gated, "stranger", repo_type="dataset")
    with refused(401):
        list(anonymous.list_pending_access_requests(gated, repo_type="dataset"))
    assert send("POST", f"/datasets/{gated}/ask-access", token=None).status == 401
    assert send("POST", f"/datasets/{gated}/ask-access").status == 400
    api.update_repo_settings(gated, repo_type="dataset", gated=False)
    for attempt in (
        lambda: list(api.list_accepted_access_requests(gated, repo_type="dataset")),
        lambda: api.grant_access(gated, "stranger", repo_type="dataset"),
        lambda: api.accept_access_request(gated, "stranger", repo_type="dataset"),
    ):
        with pytest.raises(BadRequestError, match="is not gated"):
            attempt()
    assert send("POST", f"/datasets/{gated}/ask-access", token=str(stranger.token)).status == 400


def test_an_accepted_user_sees_no_private_repo(api: HfApi, client_of: ClientOf, gated: str) -> None:
    ann = client_of("read", "ann")
    api.grant_access(gated, "ann", repo_type="dataset")
    api.update_repo_settings(gated, repo_type="dataset", private=True)
    assert not ann.repo_exists(gated, repo_type="dataset")

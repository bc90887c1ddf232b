"""Discussions and pull requests through the stock client."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.community import DiscussionComment, DiscussionCommit, DiscussionStatusChange
from huggingface_hub.errors import HfHubHTTPError, RevisionNotFoundError

from lema_hub.localhub import LocalHub, auth
from lema_hub.localhub.blobs import Blobs
from lema_hub.localhub.fsck import check
from lema_hub.localhub.garbage import collect
from lema_hub.localhub.server import DATABASE
from lema_hub.localhub.store import Store

if TYPE_CHECKING:
    from tests.localhub.conftest import Send

_names = itertools.count(1)
ClientOf = Callable[..., HfApi]


@pytest.fixture
def client_of(hub: LocalHub) -> ClientOf:
    """A stock client with a token of another user."""

    def make(user: str, role: auth.Role = "write") -> HfApi:
        store = Store(hub.directory / DATABASE)
        try:
            with store.write() as db:
                token = auth.create_token(db, name=f"pull-{next(_names)}", user=user, role=role)
        finally:
            store.close()
        return HfApi(endpoint=hub.url, token=token)

    return make


def put(api: HfApi, repo: str, path: str, content: str | bytes, **options: object) -> str:
    data = content.encode() if isinstance(content, str) else content
    done = api.create_commit(
        repo,
        [CommitOperationAdd(path_in_repo=path, path_or_fileobj=io.BytesIO(data))],
        commit_message=f"Write {path}",
        repo_type="dataset",
        **options,  # type: ignore[arg-type]
    )
    return str(done.oid)


def read(api: HfApi, repo: str, path: str, revision: str) -> bytes:
    return Path(api.hf_hub_download(repo, path, repo_type="dataset", revision=revision)).read_bytes()


def test_a_stranger_proposes_and_the_owner_merges(api: HfApi, dataset: str, client_of: ClientOf) -> None:
    stranger = client_of("ann")
    put(api, dataset, "a.txt", "one\ntwo\n")
    large = bytes(range(256)) * 100
    done = stranger.create_commit(
        dataset,
        [CommitOperationAdd("a.txt", b"one\nTWO\n"), CommitOperationAdd("b.bin", large)],
        commit_message="Shout",
        commit_description="It matters.",
        repo_type="dataset",
        create_pr=True,
    )
    assert (done.pr_num, done.pr_revision) == (1, "refs/pr/1")
    assert done.pr_url == f"{api.endpoint}/datasets/{dataset}/discussions/1"
    assert read(api, dataset, "a.txt", "main") == b"one\ntwo\n"
    assert read(api, dataset, "b.bin", "refs/pr/1") == large
    assert sorted(api.list_repo_files(dataset, repo_type="dataset", revision="refs/pr/1"))[1:] == [
        "a.txt",
        "b.bin",
    ]

    seen = api.get_discussion_details(dataset, 1, repo_type="dataset")
    assert (seen.title, seen.author, seen.status, seen.target_branch) == (
        "Shout",
        "ann",
        "open",
        "refs/heads/main",
    )
    assert (seen.conflicting_files, seen.merge_commit_oid, seen.git_reference) == ([], None, "refs/pr/1")
    first, second = seen.events
    assert isinstance(first, DiscussionComment)
    assert first.content == "It matters."
    assert isinstance(second, DiscussionCommit)
    assert (second.summary, second.oid) == ("Shout", done.oid)
    assert seen.diff is not None
    assert "-two\n+TWO\n" in seen.diff
    assert "new file mode 100644\n--- /dev/null\n+++ b/b.bin" in seen.diff
    assert "oid sha256:" in seen.diff

    with pytest.raises(HfHubHTTPError, match="may not change") as caught:
        stranger.merge_pull_request(dataset, 1, repo_type="dataset")
    assert caught.value.response.status_code == 403
    api.merge_pull_request(dataset, 1, comment="Thanks", repo_type="dataset")
    merged = api.get_discussion_details(dataset, 1, repo_type="dataset")
    head = api.dataset_info(dataset).sha
    assert (merged.status, merged.merge_commit_oid) == ("merged", head)
    assert isinstance(merged.events[-1], DiscussionStatusChange)
    assert merged.events[-1].new_status == "merged"
    newest = api.list_repo_commits(dataset, repo_type="dataset")[0]
    assert newest.title == "Shout (#1)"
    assert newest.message.splitlines()[0] == f"- Shout ({done.oid})"
    assert "Co-authored-by: ann" in newest.message
    assert read(api, dataset, "b.bin", "main") == large
    with pytest.raises(HfHubHTTPError, match="is merged"):
        api.merge_pull_request(dataset, 1, repo_type="dataset")
    refs = api.list_repo_refs(dataset, repo_type="dataset", include_pull_requests=True)
    assert [(ref.ref, ref.target_commit) for ref in refs.pull_requests or []] == [("refs/pr/1", done.oid)]
    assert [ref.name for ref in refs.branches] == ["main"]


def test_more_commits_go_on_a_request_until_it_is_closed(
    api: HfApi, dataset: str, client_of: ClientOf
) -> None:
    ann, ben = client_of("ann"), client_of("ben")
    put(ann, dataset, "a.txt", "1", create_pr=True)
    put(ann, dataset, "b.txt", "2", revision="refs/pr/1")
    with pytest.raises(HfHubHTTPError, match="Only 'ann'"):
        put(ben, dataset, "c.txt", "3", revision="refs/pr/1")
    with pytest.raises(HfHubHTTPError, match="Only 'ann'"):
        ben.change_discussion_status(dataset, 1, "closed", repo_type="dataset")
    assert [e.type for e in api.get_discussion_details(dataset, 1, repo_type="dataset").events] == [
        "comment", "commit", "commit",
    ]  # fmt: skip
    changed = ann.change_discussion_status(dataset, 1, "closed", comment="Later", repo_type="dataset")
    assert changed.new_status == "closed"
    with pytest.raises(HfHubHTTPError, match="is closed"):
        put(ann, dataset, "c.txt", "3", revision="refs/pr/1")
    with pytest.raises(HfHubHTTPError, match="is closed"):
        api.merge_pull_request(dataset, 1, repo_type="dataset")
    api.change_discussion_status(dataset, 1, "open", repo_type="dataset")
    api.merge_pull_request(dataset, 1, repo_type="dataset")
    assert {"a.txt", "b.txt"} <= set(api.list_repo_files(dataset, repo_type="dataset"))


def test_a_merge_keeps_what_came_meanwhile_and_refuses_conflicts(api: HfApi, dataset: str) -> None:
    put(api, dataset, "same/a.txt", "old")
    put(api, dataset, "gone.txt", "old")
    start = api.dataset_info(dataset).sha
    put(api, dataset, "new/b.txt", "proposed", create_pr=True)
    put(api, dataset, "same/a.txt", "one way", create_pr=True)
    api.create_commit(
        dataset,
        [CommitOperationDelete("gone.txt")],
        commit_message="drop",
        repo_type="dataset",
        create_pr=True,
        parent_commit=start,
    )
    put(api, dataset, "same/a.txt", "another way")
    api.merge_pull_request(dataset, 1, repo_type="dataset")
    assert read(api, dataset, "same/a.txt", "main") == b"another way"
    assert read(api, dataset, "new/b.txt", "main") == b"proposed"
    head = api.dataset_info(dataset).sha
    assert api.get_discussion_details(dataset, 2, repo_type="dataset").conflicting_files == ["same/a.txt"]
    with pytest.raises(HfHubHTTPError, match=r"conflicts with main in same/a\.txt") as caught:
        api.merge_pull_request(dataset, 2, repo_type="dataset")
    assert caught.value.response.status_code == 409
    assert api.dataset_info(dataset).sha == head
    api.merge_pull_request(dataset, 3, repo_type="dataset")
    assert sorted(api.list_repo_files(dataset, repo_type="dataset"))[1:] == ["new/b.txt", "same/a.txt"]


def test_drafts_discussions_and_comments(api: HfApi, dataset: str, client_of: ClientOf) -> None:
    ann = client_of("ann")
    draft = ann.create_pull_request(dataset, "Later", description="A plan", repo_type="dataset")
    talk = ann.create_discussion(dataset, "Why?", repo_type="dataset")
    assert (draft.num, draft.status, draft.is_pull_request) == (1, "draft", True)
    assert (talk.num, talk.status, talk.target_branch, talk.conflicting_files) == (2, "open", None, None)
    with pytest.raises(HfHubHTTPError, match="is draft: open it first"):
        api.merge_pull_request(dataset, 1, repo_type="dataset")
    with pytest.raises(HfHubHTTPError, match="is no pull request"):
        api.merge_pull_request(dataset, 2, repo_type="dataset")
    said = ann.comment_discussion(dataset, 2, "<b>really</b>", repo_type="dataset")
    assert said.rendered == "<p>&lt;b&gt;really&lt;/b&gt;</p>"
    with pytest.raises(HfHubHTTPError, match="who alone may edit it"):
        api.edit_discussion_comment(dataset, 2, said.id, "mine", repo_type="dataset")
    edited = ann.edit_discussion_comment(dataset, 2, said.id, "calmer", repo_type="dataset")
    assert (edited.content, edited.edited, edited.hidden) == ("calmer", True, False)
    with pytest.warns(UserWarning, match="irreversible"):
        hidden = api.hide_discussion_comment(dataset, 2, said.id, repo_type="dataset")
    assert (hidden.content, hidden.hidden) == ("", True)
    renamed = ann.rename_discussion(dataset, 2, "How?", repo_type="dataset")
    assert (renamed.old_title, renamed.new_title) == ("Why?", "How?")
    api.change_discussion_status(dataset, 2, "closed", repo_type="dataset")

    def listed(**options: str) -> list[int]:
        found = api.get_repo_discussions(dataset, repo_type="dataset", **options)  # type: ignore[arg-type]
        return [one.num for one in found]

    assert (listed(), listed(discussion_type="pull_request"), listed(discussion_type="discussion")) == (
        [2, 1], [1], [2],
    )  # fmt: skip
    assert (listed(discussion_status="open"), listed(discussion_status="closed"), listed(author="lema")) == (
        [1], [2], [],
    )  # fmt: skip


def test_long_listings_come_in_pages(api: HfApi, dataset: str) -> None:
    for number in range(53):
        api.create_discussion(dataset, f"Question {number}", repo_type="dataset")
    assert [one.num for one in api.get_repo_discussions(dataset, repo_type="dataset")] == list(
        range(53, 0, -1)
    )


def test_who_may_not_take_part(api: HfApi, dataset: str, client_of: ClientOf, anonymous: HfApi) -> None:
    reader, stranger = client_of("lema", "read"), client_of("ann")
    for client, status in ((reader, 403), (anonymous, 401)):
        with pytest.raises(HfHubHTTPError) as caught:
            client.create_discussion(dataset, "Hello", repo_type="dataset")
        assert caught.value.response.status_code == status
    with pytest.raises(HfHubHTTPError, match="needs role 'write'"):
        put(reader, dataset, "a.txt", "x", create_pr=True)
    with pytest.raises(HfHubHTTPError, match="may not change"):
        put(stranger, dataset, "a.txt", "x")
    api.update_repo_settings(dataset, private=True, repo_type="dataset")
    with pytest.raises(HfHubHTTPError) as caught:
        stranger.create_discussion(dataset, "Hello", repo_type="dataset")
    assert caught.value.response.status_code == 404
    api.update_repo_settings(dataset, private=False, gated="manual", repo_type="dataset")
    with pytest.raises(HfHubHTTPError, match="restricted"):
        put(stranger, dataset, "a.txt", "x", create_pr=True)
    assert list(api.get_repo_discussions(dataset, repo_type="dataset")) == []


def test_a_request_needs_a_branch_and_a_tag_is_none(api: HfApi, dataset: str) -> None:
    head = put(api, dataset, "a.txt", "1")
    api.create_tag(dataset, tag="v1", repo_type="dataset")
    for revision in (head, "v1", "nowhere"):
        with pytest.raises(RevisionNotFoundError):
            put(api, dataset, "a.txt", "2", create_pr=True, revision=revision)
    for revision in ("refs/tags/v1", "refs/pr/7", "refs/pr/x"):
        with pytest.raises(HfHubHTTPError):
            put(api, dataset, "a.txt", "2", revision=revision)
    assert api.list_repo_refs(dataset, repo_type="dataset").tags[0].target_commit == head
    api.create_branch(dataset, branch="next", repo_type="dataset")
    put(api, dataset, "b.txt", "2", create_pr=True, revision="next")
    api.merge_pull_request(dataset, 1, repo_type="dataset")
    assert "b.txt" in api.list_repo_files(dataset, repo_type="dataset", revision="next")
    assert "b.txt" not in api.list_repo_files(dataset, repo_type="dataset")


def test_a_repeated_proposal_is_answered_with_the_one_it_made(api: HfApi, send: Send, dataset: str) -> None:
    head = api.dataset_info(dataset).sha
    body = (
        f'{{"key":"header","value":{{"summary":"s","parentCommit":"{head}"}}}}\n'
        '{"key":"file","value":{"path":"a","content":"YQ==","encoding":"base64"}}'
    ).encode()
    replies = [
        send("POST", f"/api/datasets/{dataset}/commit/main?create_pr=1", body=body).json() for _ in range(3)
    ]
    assert len({reply["pullRequestUrl"] for reply in replies}) == 1
    assert len(list(api.get_repo_discussions(dataset, repo_type="dataset"))) == 1


def test_requests_survive_upkeep_and_a_squash_of_their_base(tmp_path: Path) -> None:
    with LocalHub(tmp_path) as hub:
        api = HfApi(endpoint=hub.url, token=hub.token)
        api.create_repo("lema/x", repo_type="dataset")
        put(api, "lema/x", "a.txt", "1")
        put(api, "lema/x", "b.txt", "2", create_pr=True)
        put(api, "lema/x", "a.txt", "3")
        api.super_squash_history("lema/x", repo_type="dataset")
        store = Store(tmp_path / DATABASE)
        try:
            assert (
                collect(store, Blobs(tmp_path), grace_seconds=0).commits == 1
            )  # what the squash left behind
            assert check(store, Blobs(tmp_path)).problems == ()
            api.merge_pull_request("lema/x", 1, repo_type="dataset")
            assert read(api, "lema/x", "a.txt", "main") == b"3"
            assert read(api, "lema/x", "b.txt", "main") == b"2"
            put(api, "lema/x", "c.txt", "4", create_pr=True)
            with store.write() as db:
                db.execute("DELETE FROM ref WHERE name = 'refs/pr/2'")
            assert check(store, Blobs(tmp_path)).problems == (
                "pull request 2 of lema/x has lost its commits: there is no refs/pr/2",
            )
            api.delete_repo("lema/x", repo_type="dataset")
            with store.read() as db:
                assert db.execute("SELECT count(*) FROM event").fetchone()[0] == 0
        finally:
            store.close()


def test_a_folder_is_uploaded_as_a_request_and_shown_to_a_browser(
    api: HfApi, send: Send, dataset: str, tmp_path: Path
) -> None:
    (tmp_path / "new.txt").write_text("<script>")
    done = api.upload_folder(repo_id=dataset, folder_path=tmp_path, repo_type="dataset", create_pr=True)
    page = send("GET", str(done.pr_url), token=None)
    assert page.headers["content-type"] == "text/plain; charset=utf-8"
    assert f"pull request 1 of dataset {dataset}" in page.body.decode()
    assert send("GET", f"/datasets/{dataset}/discussions/9").status == 404
    assert send("GET", f"/datasets/{dataset}/discussions/x").status == 404


def test_a_database_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    import sqlite3

    from lema_hub.localhub import schema

    old = sqlite3.connect(tmp_path / DATABASE)
    old.executescript(schema.SCHEMA + "PRAGMA user_version = 1;")
    old.close()
    with LocalHub(tmp_path) as hub:
        api = HfApi(endpoint=hub.url, token=hub.token)
        api.create_repo("lema/x")
        assert api.create_discussion("lema/x", "Hello").num == 1

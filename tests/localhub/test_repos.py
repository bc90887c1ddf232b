"""Repos through the stock client: made, listed, hidden, moved, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from lema_hub.localhub import LocalHub, auth
from lema_hub.localhub.server import DATABASE
from lema_hub.localhub.store import Store

if TYPE_CHECKING:
    from tests.localhub.conftest import Send


@pytest.mark.parametrize(("kind", "prefix"), [("model", ""), ("dataset", "datasets/"), ("space", "spaces/")])
def test_every_type_of_repo(api: HfApi, hub: LocalHub, kind: str, prefix: str) -> None:
    sdk = "static" if kind == "space" else None
    made = api.create_repo("lema/of-each-type", repo_type=kind, space_sdk=sdk)
    assert str(made) == f"{hub.url}/{prefix}lema/of-each-type"
    assert (made.repo_id, made.repo_type) == ("lema/of-each-type", kind)
    info = api.repo_info("lema/of-each-type", repo_type=kind)
    assert info.sha == api.list_repo_commits("lema/of-each-type", repo_type=kind)[0].commit_id
    assert [file.rfilename for file in info.siblings or []] == [".gitattributes"]
    if kind == "space":
        assert info.sdk == "static"
    assert api.create_repo("lema/of-each-type", repo_type=kind, space_sdk=sdk, exist_ok=True) == made
    with pytest.raises(HfHubHTTPError, match="exists already") as caught:
        api.create_repo("lema/of-each-type", repo_type=kind, space_sdk=sdk)
    assert caught.value.response.status_code == 409
    api.delete_repo("lema/of-each-type", repo_type=kind)
    assert not api.repo_exists("lema/of-each-type", repo_type=kind)


def test_a_repo_without_namespace_goes_to_the_user(api: HfApi) -> None:
    assert api.create_repo("bare-name").repo_id == "lema/bare-name"


def test_names_that_differ_in_case_are_one_repo(api: HfApi) -> None:
    api.create_repo("lema/CamelCase")
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_repo("lema/camelcase")
    assert api.model_info("Lema/camelCASE").id == "lema/CamelCase"


def test_whoami(api: HfApi) -> None:
    found = api.whoami()
    assert found["name"] == "lema"
    assert found["auth"]["accessToken"]["role"] == "admin"


def test_a_wrong_token_is_told_apart_from_a_missing_repo(hub: LocalHub, dataset: str) -> None:
    wrong = HfApi(endpoint=hub.url, token="hub_wrong")
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        wrong.whoami()
    with pytest.raises(HfHubHTTPError, match="Invalid credentials in Authorization header") as caught:
        wrong.dataset_info(dataset)
    assert not isinstance(caught.value, RepositoryNotFoundError)


def test_a_private_repo_looks_missing_to_others(api: HfApi, anonymous: HfApi, client_of, send: Send) -> None:  # type: ignore[no-untyped-def]
    api.create_repo("lema/secret", repo_type="dataset", private=True)
    api.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id="lema/secret", repo_type="dataset")
    stranger = client_of("write", "stranger")
    for client in (anonymous, stranger):
        assert not client.repo_exists("lema/secret", repo_type="dataset")
        assert "lema/secret" not in [found.id for found in client.list_datasets()]
        with pytest.raises(RepositoryNotFoundError):
            client.hf_hub_download("lema/secret", "a.txt", repo_type="dataset")
    for place in ("", "/refs", "/tree/main", "/commits/main", "/revision/main", "/auth-check"):
        for token in (None, stranger.token):
            hidden = send("GET", f"/api/datasets/lema/secret{place}", token=token)
            absent = send("GET", f"/api/datasets/lema/absent{place}", token=token)
            hidden_headers, absent_headers = (
                {name: value for name, value in reply.headers.items() if name not in ("x-request-id", "date")}
                for reply in (hidden, absent)
            )
            assert hidden.status == absent.status == (401 if token is None else 404)
            assert hidden.headers["x-error-code"] == "RepoNotFound"
            assert hidden.body.replace(b"secret", b"absent") == absent.body
            assert {**hidden_headers, "x-error-message": ""} == {**absent_headers, "x-error-message": ""}
    reader = client_of("read", "guest", namespaces=("lema",))
    assert reader.dataset_info("lema/secret").private
    api.update_repo_settings("lema/secret", repo_type="dataset", private=False)
    assert anonymous.repo_exists("lema/secret", repo_type="dataset")


def test_roles_and_namespaces(client_of, api: HfApi, dataset: str) -> None:  # type: ignore[no-untyped-def]
    reader, other, writer = (
        client_of(role, user) for role, user in (("read", "lema"), ("write", "other"), ("write", "lema"))
    )
    for client, reason in ((reader, "role 'read'"), (other, "namespace 'lema'")):
        for attempt in (
            lambda client=client: client.upload_file(
                path_or_fileobj=b"x", path_in_repo="x", repo_id=dataset, repo_type="dataset"
            ),
            lambda client=client: client.create_tag(dataset, tag="v9", repo_type="dataset"),
            lambda client=client: client.create_branch(dataset, branch="b", repo_type="dataset"),
            lambda client=client: client.delete_repo(dataset, repo_type="dataset"),
            lambda client=client: client.update_repo_settings(dataset, private=True, repo_type="dataset"),
            lambda client=client: client.move_repo(dataset, "other/stolen", repo_type="dataset"),
            lambda client=client: client.super_squash_history(dataset, repo_type="dataset"),
        ):
            with pytest.raises(HfHubHTTPError, match="403") as caught:
                attempt()
            assert reason in str(caught.value)
    with pytest.raises(HfHubHTTPError, match="403"):
        other.create_repo("lema/not-mine")
    assert other.create_repo("other/mine").repo_id == "other/mine"
    writer.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=dataset, repo_type="dataset")
    writer.create_tag(dataset, tag="v9", repo_type="dataset")
    reader.auth_check(dataset, repo_type="dataset")
    with pytest.raises(HfHubHTTPError, match="403"):
        reader.auth_check(dataset, repo_type="dataset", write=True)


def test_exist_ok_works_for_a_reader(client_of, dataset: str) -> None:  # type: ignore[no-untyped-def]
    reader = client_of("read", "lema")
    assert reader.create_repo(dataset, repo_type="dataset", exist_ok=True).repo_id == dataset


def test_revoked_and_expired_tokens(hub: LocalHub, client_of) -> None:  # type: ignore[no-untyped-def]
    store = Store(hub.directory / DATABASE)
    client = client_of("read", "leaver")
    assert client.whoami()["name"] == "leaver"
    with store.write() as db:
        name = next(token.name for token in auth.list_tokens(db) if token.user == "leaver")
        auth.revoke_token(db, name)
    brief = client_of("read", "brief", days=1e-9)
    store.close()
    for dead in (client, brief):
        with pytest.raises(HfHubHTTPError, match="Invalid user token"):
            dead.whoami()


def test_secrets_are_not_stored(hub: LocalHub, client_of) -> None:  # type: ignore[no-untyped-def]
    secret = client_of("read", "lema").token
    stored = b"".join(path.read_bytes() for path in hub.directory.glob("hub.sqlite3*"))
    assert secret.encode() not in stored
    assert hub.token.encode() not in stored
    assert (hub.directory / "token").stat().st_mode & 0o777 == 0o600
    assert (hub.directory / DATABASE).stat().st_mode & 0o077 == 0


def test_a_moved_repo_is_found_under_its_old_name(api: HfApi) -> None:
    api.create_repo("lema/old-name")
    api.create_repo("lema/taken")
    with pytest.raises(HfHubHTTPError, match="already exists"):
        api.move_repo("lema/old-name", "lema/taken")
    api.move_repo("lema/old-name", "lema/new-name")
    assert api.model_info("lema/old-name").id == "lema/new-name"
    again = api.create_repo("lema/old-name")
    assert api.model_info("lema/old-name").id == again.repo_id == "lema/old-name"


def test_a_deleted_repo_is_gone_with_its_history(api: HfApi) -> None:
    api.create_repo("lema/short-lived")
    done = api.upload_file(path_or_fileobj=b"1", path_in_repo="a", repo_id="lema/short-lived")
    api.create_tag("lema/short-lived", tag="v1")
    api.delete_repo("lema/short-lived")
    api.delete_repo("lema/short-lived", missing_ok=True)
    with pytest.raises(RepositoryNotFoundError):
        api.delete_repo("lema/short-lived")
    api.create_repo("lema/short-lived")
    assert not api.revision_exists("lema/short-lived", done.oid)
    assert api.list_repo_refs("lema/short-lived").tags == []


def test_repos_without_namespace_do_not_exist(anonymous: HfApi, api: HfApi) -> None:
    for client in (anonymous, api):
        with pytest.raises(RepositoryNotFoundError):
            client.model_info("gpt2")
        with pytest.raises(RepositoryNotFoundError):
            client.hf_hub_download("gpt2", "config.json")


def test_listings_filter_sort_and_page(api: HfApi, send: Send) -> None:
    header = (
        "---\nlicense: mit\ntask_categories: [text-generation]\nlanguage: [en]\ntags: [listing-test]\n---\n"
    )
    for number in range(5):
        api.create_repo(f"lema/list-{number}", repo_type="dataset")
        api.upload_file(
            path_or_fileobj=header.encode(),
            path_in_repo="README.md",
            repo_id=f"lema/list-{number}",
            repo_type="dataset",
        )
    wanted = {f"lema/list-{number}" for number in range(5)}
    assert {found.id for found in api.list_datasets(filter="listing-test")} == wanted
    assert {found.id for found in api.list_datasets(filter=["listing-test", "license:mit"])} == wanted
    assert {
        found.id for found in api.list_datasets(task_categories="text-generation", search="list-")
    } == wanted
    assert not list(api.list_datasets(filter=["listing-test", "license:apache-2.0"]))
    assert [found.id for found in api.list_datasets(search="list-3", author="LEMA")] == ["lema/list-3"]
    assert not list(api.list_datasets(author="nobody"))
    newest = [found.id for found in api.list_datasets(filter="listing-test", sort="created_at")]
    assert newest == [f"lema/list-{number}" for number in reversed(range(5))]
    full = next(iter(api.list_datasets(filter="listing-test", full=True)))
    assert full.card_data is not None
    assert full.card_data.license == "mit"
    assert "README.md" in [file.rfilename for file in full.siblings or []]

    seen, place = [], "/api/datasets?filter=listing-test&limit=2"
    while place:
        page = send("GET", place)
        seen += [found["id"] for found in page.json()]
        link = page.headers.get("link", "")
        place = link[1 : link.index(">")] if link else ""
        assert link.endswith('rel="next"') or not link
    assert len(seen) == 5
    assert set(seen) == wanted


def test_expand_gives_only_what_was_asked_for(api: HfApi) -> None:
    api.create_repo("lema/expanded")
    api.upload_file(
        path_or_fileobj=b"---\nlicense: mit\n---\n", path_in_repo="README.md", repo_id="lema/expanded"
    )
    found = api.model_info("lema/expanded", expand=["cardData", "sha"])
    assert found.card_data is not None
    assert found.card_data.license == "mit"
    assert found.sha is not None
    assert found.siblings is None


def test_requests_of_the_wrong_shape(send: Send) -> None:
    assert send("POST", "/api/repos/create", body=b"{").error.startswith(
        "The request body is not valid JSON: "
    )
    assert send("POST", "/api/repos/create", body=b"[]").status == 400
    assert send("POST", "/api/repos/create", body={"name": 5}).status == 400
    assert send("POST", "/api/repos/create", body={"name": "a/b"}).status == 400
    assert send("POST", "/api/repos/create", body={"name": "a", "type": "pony"}).status == 400
    assert send("POST", "/api/repos/create", body={"name": "a", "type": "space", "sdk": "pony"}).status == 400
    assert send("POST", "/api/repos/create", body={"name": "a", "organization": "api"}).status == 400
    assert send("POST", "/api/repos/create", body={"name": "a"}, token=None).status == 401
    assert send("POST", "/api/repos/create", body=b"[" * 100_000).status == 400
    assert send("GET", "/api/nothing").status == 404
    assert send("GET", "/api/models/lema/no-such-repo/likers").status == 404
    assert send("PATCH", "/api/whoami-v2").status == 405


def test_what_is_not_served_is_not_taken_for_a_missing_repo(api: HfApi) -> None:
    api.create_repo("lema/unserved", repo_type="space", space_sdk="static")
    with pytest.raises(HfHubHTTPError, match="does not serve GET") as caught:
        api.get_space_runtime("lema/unserved")
    assert caught.value.response.status_code == 501


def test_pages_for_a_browser_are_plain_text(api: HfApi, send: Send) -> None:
    made = api.create_repo("lema/shown", repo_type="dataset")
    api.create_repo("lema/unseen", private=True)
    card = b"---\nlicense: mit\n---\n<script>alert(1)</script>"
    done = api.upload_file(
        path_or_fileobj=card, path_in_repo="README.md", repo_id="lema/shown", repo_type="dataset"
    )
    api.create_tag("lema/shown", tag="v1", repo_type="dataset")
    for place in (str(made), done.commit_url, f"{made}/tree/v1"):
        page = send("GET", place, token=None)
        assert page.headers["content-type"] == "text/plain; charset=utf-8"
        for part in ("dataset lema/shown", done.oid, "v1", "README.md", "<script>"):
            assert part in page.body.decode()
    assert send("GET", "/lema/unseen", token=None).status == 401
    assert b"datasets/lema/shown" in send("GET", "/", token=None).body
    assert b"lema/unseen" not in send("GET", "/", token=None).body
    assert b"lema/unseen" in send("GET", "/").body

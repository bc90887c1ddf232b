"""`lema hub`, as a shell script uses it."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from lema_hub.localhub import LocalHub, running
from tests.command import LEMA, lema


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[str]:
    """A directory with a running server."""
    with LocalHub(tmp_path / "hub") as hub:
        yield str(hub.directory)


def failed(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """Exit code 1, nothing on stdout, and one line on stderr that holds the parts."""
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.strip().splitlines()) == 1
    for part in parts:
        assert part in done.stderr


def test_env_can_be_evaluated(directory: str) -> None:
    hub_env = shlex.join([*LEMA, "hub", "env", "--dir", directory])
    script = f'eval "$({hub_env})" && echo "$HF_ENDPOINT" "$HF_TOKEN" "$HF_HUB_DISABLE_XET"'
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60)
    url, token, xet = done.stdout.split()
    assert HfApi(endpoint=url, token=token).whoami()["name"] == "lema"
    assert xet == "1"


def test_env_without_a_server_says_what_to_do(tmp_path: Path) -> None:
    failed(
        lema(None, "hub", "env", "--dir", str(tmp_path)),
        "no Hub is running",
        f"lema hub serve --dir {tmp_path}",
    )


def test_env_of_another_hub() -> None:
    done = lema(None, "hub", "env", "--url", "https://hub.example/", HF_TOKEN="it's secret")
    assert done.stdout.splitlines() == [
        "export HF_ENDPOINT=https://hub.example",
        "export HF_TOKEN='it'\"'\"'s secret'",
        "export HF_HUB_DISABLE_XET=1",
    ]
    failed(lema(None, "hub", "env", "--url", "hub.example"), "--url must start with http", "'hub.example'")


def test_seed_with_and_without_a_server(directory: str, tmp_path: Path) -> None:
    folder = tmp_path / "samples"
    folder.mkdir()
    (folder / "data.jsonl").write_text('{"a": 1}\n')
    seeded = json.loads(
        lema(
            None, "hub", "seed", str(folder), "lema/seeded", "--dir", directory, "--tag", "v1", "--json"
        ).stdout
    )
    assert seeded["repo_id"] == "lema/seeded"
    failed(
        lema(None, "hub", "seed", str(folder), "lema/seeded", "--dir", directory, "--tag", "v1"),
        "lema/seeded",
        "v1",
    )
    alone = lema(
        None, "hub", "seed", str(folder), "lema/alone", "--type", "model", "--dir", str(tmp_path / "other")
    )
    assert (alone.returncode, alone.stdout[:21]) == (0, "model lema/alone is a")
    with LocalHub(tmp_path / "other") as hub:
        assert "data.jsonl" in HfApi(endpoint=hub.url, token=hub.token).list_repo_files("lema/alone")


def test_tokens_are_made_listed_and_revoked_beside_a_running_server(directory: str) -> None:
    url = running(directory).url
    secret = lema(
        None, "hub", "token", "create", "ci", "--role", "read", "--user", "robot", "--dir", directory
    ).stdout.strip()
    assert HfApi(endpoint=url, token=secret).whoami()["auth"]["accessToken"] == {
        "displayName": "ci",
        "role": "read",
    }
    failed(lema(None, "hub", "token", "create", "ci", "--dir", directory), "'ci' exists already")
    listed = lema(None, "hub", "token", "list", "--dir", directory, "--json").stdout
    assert secret not in listed
    assert [(token["name"], token["role"]) for token in json.loads(listed)] == [
        ("first-1", "admin"),
        ("ci", "read"),
    ]
    assert lema(None, "hub", "token", "revoke", "ci", "--dir", directory).returncode == 0
    with pytest.raises(Exception, match="Invalid user token"):
        HfApi(endpoint=url, token=secret).whoami()
    failed(lema(None, "hub", "token", "revoke", "ci", "--dir", directory), "no live token", "'ci'")
    assert "revoked 20" in lema(None, "hub", "token", "list", "--dir", directory).stdout


def test_fsck_and_gc(directory: str) -> None:
    url, token = (lambda hub: (hub.url, hub.token))(
        __import__("lema_hub.localhub").localhub.running(directory)
    )
    api = HfApi(endpoint=url, token=token)
    api.create_repo("lema/x")
    api.upload_file(path_or_fileobj=b"text", path_in_repo="a.txt", repo_id="lema/x")
    report = json.loads(lema(None, "hub", "fsck", "--dir", directory, "--json").stdout)
    assert (report["blobs"], report["repos"], report["problems"]) == (2, 1, [])
    api.delete_repo("lema/x")
    assert json.loads(lema(None, "hub", "gc", "--dir", directory, "--json").stdout)["blobs"] == 0
    assert (
        json.loads(lema(None, "hub", "gc", "--grace", "0", "--dry-run", "--dir", directory, "--json").stdout)[
            "blobs"
        ]
        == 2
    )
    assert lema(None, "hub", "gc", "--grace", "0", "--dir", directory).stdout.startswith("2 blobs (")
    api.create_repo("lema/y")
    for blob in (Path(directory) / "blobs").rglob("*"):
        if blob.is_file():
            blob.write_bytes(b"damaged")
    done = lema(None, "hub", "fsck", "--dir", directory)
    assert done.returncode == 1
    assert "of lema/y is damaged" in done.stdout
    assert "1 problems" in done.stderr


def test_namespaces_are_named_and_hidden(directory: str) -> None:
    hub = running(directory)
    api = HfApi(endpoint=hub.url, token=hub.token)
    shown = lema(
        None, "hub", "namespace", "lema", "--full-name", "Learning from Mistakes", "--dir", directory
    ).stdout
    assert shown == "user lema (Learning from Mistakes): new repos are public\n"
    assert api.whoami()["fullname"] == "Learning from Mistakes"
    hidden = lema(
        None, "hub", "namespace", "lema", "--private-by-default", "--dir", directory, "--json"
    ).stdout
    assert json.loads(hidden)["private_repos"] is True
    assert api.model_info(api.create_repo("lema/unsaid").repo_id).private
    lema(None, "hub", "namespace", "lema", "--public-by-default", "--dir", directory)
    failed(lema(None, "hub", "namespace", "nowhere", "--dir", directory), "there is no namespace 'nowhere'")


@pytest.mark.parametrize("command", [["token", "list"], ["fsck"], ["gc"]])
def test_a_directory_that_is_none(command: list[str], tmp_path: Path) -> None:
    failed(
        lema(None, "hub", *command, "--dir", str(tmp_path / "none")),
        "no Hub was ever served",
        "lema hub serve",
    )
    assert not (tmp_path / "none").exists()


def test_serve_refuses_what_it_cannot_use(directory: str, tmp_path: Path) -> None:
    failed(lema(None, "hub", "serve", "--dir", directory), "another Hub serves")
    assert lema(None, "hub", "serve", "--dir", str(tmp_path / "x"), "--port", "70000").returncode == 2

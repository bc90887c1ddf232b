"""The server as a process and a directory: restarts, sudden death, one owner."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from lema_hub.localhub import DirectoryInUseError, HubError, LocalHub, NotServingError, running, serve
from lema_hub.localhub.blobs import Blobs
from lema_hub.localhub.fsck import check
from lema_hub.localhub.server import DATABASE, _listen
from lema_hub.localhub.store import Store

if TYPE_CHECKING:
    from tests.localhub.conftest import Send

SERVE = "from lema_hub.cli.hub import app; app()"


@contextmanager
def process(directory: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """`lema hub serve --json` in a process of its own, and the line that it prints."""
    command = [
        sys.executable,
        "-c",
        SERVE,
        "serve",
        "--dir",
        str(directory),
        "--port",
        "0",
        "--json",
        *options,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server, json.loads(server.stdout.readline())
        finally:
            server.kill()


def test_everything_survives_a_restart(tmp_path: Path) -> None:
    with LocalHub(tmp_path / "hub") as hub:
        token = hub.token
        api = HfApi(endpoint=hub.url, token=token)
        api.create_repo("lema/kept", repo_type="dataset")
        content = os.urandom(1_000_000)
        done = api.upload_file(
            path_or_fileobj=content, path_in_repo="a.bin", repo_id="lema/kept", repo_type="dataset"
        )
        api.create_tag("lema/kept", tag="v1", repo_type="dataset")
        assert running(hub.directory).url == hub.url
    with pytest.raises(NotServingError, match="lema hub serve"):
        running(tmp_path / "hub")
    with serve(tmp_path / "hub") as hub:
        assert (hub.token, hub.namespace) == (token, "lema")
        api = HfApi(endpoint=hub.url, token=hub.token)
        assert api.list_repo_refs("lema/kept", repo_type="dataset").tags[0].target_commit == done.oid
        path = api.hf_hub_download(
            "lema/kept", "a.bin", repo_type="dataset", revision="v1", cache_dir=tmp_path
        )
        assert Path(path).read_bytes() == content


def test_a_directory_has_one_server(tmp_path: Path) -> None:
    with LocalHub(tmp_path), pytest.raises(DirectoryInUseError, match="another Hub serves"):
        LocalHub(tmp_path)
    hub = LocalHub(tmp_path)
    hub.close()
    hub.close()


def test_a_start_that_cannot_work_says_why(tmp_path: Path) -> None:
    taken = socket.create_server(("127.0.0.1", 0))
    with taken, pytest.raises(HubError, match="choose another port"):
        LocalHub(tmp_path / "a", port=taken.getsockname()[1])
    (tmp_path / "file").write_text("")
    with pytest.raises(HubError, match="cannot use the directory"):
        LocalHub(tmp_path / "file")
    with LocalHub(tmp_path / "b", namespace="team") as hub:
        assert HfApi(endpoint=hub.url, token=hub.token).whoami()["name"] == hub.namespace == "team"
    with pytest.raises(HubError, match="made for namespace 'team'"):
        LocalHub(tmp_path / "b")
    store = Store(tmp_path / "b" / DATABASE)
    with store.write() as db:
        db.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(HubError, match="schema version 99"):
        LocalHub(tmp_path / "b", namespace="team")


def test_answers_do_not_wait_for_acknowledgements() -> None:
    with _listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_every_answer_has_a_request_id(hub: LocalHub, send: Send, api: HfApi) -> None:
    answers = [
        send("GET", "/"),
        send("GET", "/api/models/lema/absent"),
        send("GET", "/api/whoami-v2", token="hub_wrong"),
        send("PATCH", "/api/whoami-v2"),
        send("GET", "/nowhere/at/all"),
        send("PUT", "/api/uploads/forged", body=b"x"),
        send("GET", "/", headers={"Host": "evil.example"}),
        send("POST", "/api/repos/create", body=b"{"),
    ]
    assert {answer.status for answer in answers} >= {200, 400, 401, 403, 404, 405}
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert len(set(ids)) == len(ids)


def test_a_request_id_names_the_clients_own(api: HfApi, send: Send) -> None:
    with pytest.raises(HfHubHTTPError) as caught:
        api.model_info("lema/absent")
    assert caught.value.request_id is not None
    assert caught.value.request_id in str(caught.value)
    request = caught.value.response.request
    assert request.headers["x-amzn-trace-id"] in caught.value.request_id
    for name in ("X-Request-Id", "X-Amzn-Trace-Id"):
        assert send("GET", "/", headers={name: "mine-1"}).headers["x-request-id"].endswith(";mine-1")
        assert "<b>" not in send("GET", "/", headers={name: "<b>"}).headers["x-request-id"]


def test_a_lost_or_useless_token_file_is_made_again(tmp_path: Path) -> None:
    with LocalHub(tmp_path) as hub:
        first = hub.token
    (tmp_path / "token").write_text("hub_of_another_directory\n")
    with LocalHub(tmp_path) as hub:
        assert HfApi(endpoint=hub.url, token=hub.token).whoami()["name"] == "lema"
        assert HfApi(endpoint=hub.url, token=first).whoami()["name"] == "lema"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with process(tmp_path / "hub") as (server, line):
        assert line["namespace"] == "lema"
        assert HfApi(endpoint=line["url"], token=line["token"]).whoami()["name"] == "lema"
        assert running(tmp_path / "hub").pid == server.pid
        server.send_signal(number)
        assert server.wait(20) == 0
        assert server.stderr is not None
        assert server.stderr.read() == ""
    assert not (tmp_path / "hub" / "server.json").exists()


def test_other_machines_are_warned_of(tmp_path: Path) -> None:
    with process(tmp_path / "hub", "--host", "0.0.0.0", "--allow-host", "hub.example") as (server, line):
        assert line["url"].startswith("http://127.0.0.1:")
        for host, status in (("hub.example", 200), ("other.example", 400)):
            connection = http.client.HTTPConnection(line["url"].removeprefix("http://"), timeout=10)
            connection.request("GET", "/", headers={"Host": host})
            assert connection.getresponse().status == status
            connection.close()
        server.terminate()
        assert server.wait(20) == 0
        assert server.stderr is not None
        assert "tokens travel in the clear" in server.stderr.read()


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_ipv6(tmp_path: Path) -> None:
    with LocalHub(tmp_path, host="::1") as hub:
        assert hub.url.startswith("http://[::1]:")
        assert HfApi(endpoint=hub.url, token=hub.token).whoami()["name"] == "lema"


def test_a_dead_server_is_not_taken_for_a_running_one(tmp_path: Path) -> None:
    with process(tmp_path / "hub") as (server, _):
        server.kill()
        server.wait()
    assert (tmp_path / "hub" / "server.json").exists()
    with pytest.raises(NotServingError):
        running(tmp_path / "hub")
    LocalHub(tmp_path / "hub").close()


class Pusher(threading.Thread):
    """Commits one version of four files after another, until the server is gone.

    Speaks HTTP itself, since the stock client would go on asking a dead server for half a minute.
    """

    def __init__(self, url: str, token: str) -> None:
        super().__init__()
        self._url = url
        self._token = token
        self.acknowledged: list[int] = []

    def run(self) -> None:
        for number in range(10_000):
            try:
                self._push(number)
            except (OSError, http.client.HTTPException):
                return
            self.acknowledged.append(number)

    def _push(self, number: int) -> None:
        content = f"{number}\n".encode() * 50_000
        oid, size = hashlib.sha256(content).hexdigest(), len(content)
        wanted = {"operation": "upload", "objects": [{"oid": oid, "size": size}]}
        answer = self._send(
            "POST", "/datasets/lema/pairs.git/info/lfs/objects/batch", json.dumps(wanted).encode()
        )
        self._send("PUT", json.loads(answer)["objects"][0]["actions"]["upload"]["href"], content)
        lines: list[dict[str, object]] = [{"key": "header", "value": {"summary": str(number)}}]
        for name in "abc":
            lines.append(
                {"key": "file", "value": {"path": f"{name}.txt", "content": f"{number}", "encoding": "utf-8"}}
            )
        lines.append({"key": "lfsFile", "value": {"path": "large.bin", "oid": oid, "size": size}})
        body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        self._send("POST", "/api/datasets/lema/pairs/commit/main", body)

    def _send(self, method: str, place: str, body: bytes) -> bytes:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Length": str(len(body))}
        request = urllib.request.Request(urljoin(self._url, place), body, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bytes(answer.read())


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.05, 0.1, 0.2])
def test_sudden_death_leaves_the_old_or_the_new(tmp_path: Path, delay: float) -> None:
    """Files that belong together, the server killed at some moment: later readers see one whole commit."""
    with process(tmp_path / "hub") as (server, line):
        HfApi(endpoint=line["url"], token=line["token"]).create_repo("lema/pairs", repo_type="dataset")
        client = Pusher(line["url"], line["token"])
        client.start()
        while not client.acknowledged:
            time.sleep(0.005)
        time.sleep(delay)
        server.send_signal(signal.SIGKILL)
        server.wait()
        client.join()
    acknowledged = client.acknowledged
    with LocalHub(tmp_path / "hub") as hub:
        api = HfApi(endpoint=hub.url, token=hub.token)
        folder = Path(api.snapshot_download("lema/pairs", repo_type="dataset", local_dir=tmp_path / "seen"))
        seen = {int((folder / f"{name}.txt").read_text()) for name in "abc"}
        seen.add(int((folder / "large.bin").read_bytes().split(b"\n")[0]))
        assert len(seen) == 1
        # What was acknowledged is there; the commit under way may be, too.
        assert seen.pop() - acknowledged[-1] in (0, 1)
        history = api.list_repo_commits("lema/pairs", repo_type="dataset")
        assert len(history) == len({commit.title for commit in history})
        assert list((hub.directory / "tmp").iterdir()) == []
    store = Store(tmp_path / "hub" / DATABASE)
    assert check(store, Blobs(tmp_path / "hub")).problems == ()
    store.close()


def test_an_interrupted_upload_leaves_nothing_that_counts(tmp_path: Path) -> None:
    with LocalHub(tmp_path) as hub:
        (hub.directory / "tmp" / "half-an-upload").write_bytes(b"x" * 1000)
    with LocalHub(tmp_path) as hub:
        assert list((hub.directory / "tmp").iterdir()) == []


def test_what_is_kept_is_its_owners_alone(tmp_path: Path) -> None:
    """In a directory that everybody may enter, and in one that an earlier release has left open."""
    before = os.umask(0o022)
    try:
        for folder in ("", "blobs", "tmp"):
            (tmp_path / "hub" / folder).mkdir(mode=0o755, exist_ok=True)
        (tmp_path / "hub" / DATABASE).touch(mode=0o644)
        with LocalHub(tmp_path / "hub") as hub:
            api = HfApi(endpoint=hub.url, token=hub.token)
            api.create_repo("lema/secret", private=True)
            api.upload_file(path_or_fileobj=os.urandom(9), path_in_repo="a.bin", repo_id="lema/secret")
            kept = list(hub.directory.rglob("*"))
            assert {path.stat().st_mode & 0o077 for path in kept} == {0}
            assert len([path for path in kept if path.is_file()]) >= 6
    finally:
        os.umask(before)

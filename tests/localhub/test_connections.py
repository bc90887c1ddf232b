"""Clients that are slow, silent or too many."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from huggingface_hub import HfApi

from lema_hub.localhub import LocalHub
from lema_hub.localhub.http.call import Bodies

SERVE = "from lema_hub.cli.hub import app; app()"
# A guard against hanging for ever; nothing below depends on how long anything takes.
PATIENCE = 60


@pytest.fixture
def impatient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    """A server that looks at its connections five times in a second."""
    monkeypatch.setattr("lema_hub.localhub.bounds.PERIOD_SECONDS", 0.2)
    with LocalHub(tmp_path / "hub") as hub:
        yield hub


def connect(url: str, sent: bytes) -> socket.socket:
    place = urlsplit(url)
    made = socket.create_connection((place.hostname or "", place.port or 0), timeout=PATIENCE)
    made.sendall(sent)
    return made


def is_closed(connection: socket.socket) -> bool:
    """Wait until the server closes a connection."""
    try:
        return connection.recv(100) == b""
    except ConnectionResetError:
        return True


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_many_silent_clients_do_not_shut_others_out(tmp_path: Path) -> None:
    """300 of them, at 256 descriptors: once the server did not answer and wrote megabytes to stderr."""
    command = [sys.executable, "-c", SERVE, "serve", "--dir", str(tmp_path / "hub"), "--port", "0", "--json"]
    limited = ["sh", "-c", 'ulimit -n 256; exec "$@"', "sh", *command]
    log = tmp_path / "stderr"
    with (
        log.open("wb") as stderr,
        subprocess.Popen(limited, stdout=subprocess.PIPE, stderr=stderr, text=True) as server,
        ExitStack() as silent,
    ):
        try:
            assert server.stdout is not None
            line = json.loads(server.stdout.readline())
            for _ in range(300):
                silent.enter_context(connect(line["url"], b"GET / HTTP/1.1\r\nHost: x"))
            api = HfApi(endpoint=line["url"], token=line["token"])
            api.create_repo("lema/there")
            assert api.repo_exists("lema/there")
        finally:
            server.kill()
    assert log.stat().st_size < 10_000


def test_a_header_that_never_ends_is_not_waited_for(impatient: LocalHub) -> None:
    place = urlsplit(impatient.url)
    idle = http.client.HTTPConnection(place.netloc, timeout=PATIENCE)
    idle.request("GET", "/")
    idle.getresponse().read()
    for sent in (b"", b"GET / HTTP/1.1\r\nHost: x"):
        with connect(impatient.url, sent) as half:
            assert is_closed(half)
    # One that rests between two requests is no such thing.
    idle.request("GET", "/")
    assert idle.getresponse().status == 200
    idle.close()


def test_a_body_that_does_not_come_is_not_waited_for(impatient: LocalHub) -> None:
    host = urlsplit(impatient.url).netloc.encode()
    header = b"POST /api/validate-yaml HTTP/1.1\r\nHost: " + host + b"\r\nContent-Length: 9999\r\n\r\n{"
    with connect(impatient.url, header) as slow:
        assert is_closed(slow)


def test_an_answer_that_nobody_reads_is_not_kept(impatient: LocalHub) -> None:
    api = HfApi(endpoint=impatient.url, token=impatient.token)
    api.create_repo("lema/large")
    api.upload_file(path_or_fileobj=os.urandom(40_000_000), path_in_repo="a.bin", repo_id="lema/large")
    connections = impatient._server.server_state.connections
    host = urlsplit(impatient.url).netloc.encode()
    request = b"GET /lema/large/resolve/main/a.bin HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"
    with connect(impatient.url, request) as deaf:
        port = deaf.getsockname()[1]
        wait_until(lambda: any(one.client == ("127.0.0.1", port) for one in list(connections)))
        wait_until(lambda: all(one.client != ("127.0.0.1", port) for one in list(connections)))


def test_one_more_than_all_busy_ones_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lema_hub.localhub.bounds.CONNECTIONS", 2)
    with LocalHub(tmp_path / "hub") as hub, ExitStack() as busy:
        host = urlsplit(hub.url).netloc.encode()
        header = b"POST /api/validate-yaml HTTP/1.1\r\nHost: " + host + b"\r\nContent-Length: 2\r\n"
        first, second = (
            busy.enter_context(connect(hub.url, header + b"Expect: 100-continue\r\n\r\n")) for _ in range(2)
        )
        for one in (first, second):
            assert one.recv(100).startswith(b"HTTP/1.1 100")
        with connect(hub.url, b"") as refused:
            assert refused.recv(100).startswith(b"HTTP/1.1 503")
        first.sendall(b"{}")
        assert first.recv(100).startswith(b"HTTP/1.1 400")  # it lacks the content
        # The first one waits for a request now, and makes room.
        connection = http.client.HTTPConnection(host.decode(), timeout=PATIENCE)
        connection.request("GET", "/")
        assert connection.getresponse().status == 200
        connection.close()


def test_bodies_share_one_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("lema_hub.localhub.bounds.BODIES_BYTES", 1000)
    with LocalHub(tmp_path / "hub") as hub:
        place = urlsplit(hub.url).netloc
        for size, status in ((2000, 503), (500, 200), (500, 200), (2000, 503), (500, 200)):
            connection = http.client.HTTPConnection(place, timeout=PATIENCE)
            connection.request("POST", "/api/validate-yaml", json.dumps({"content": "x" * size}))
            assert connection.getresponse().status == status
            connection.close()
    bodies = Bodies()
    with bodies.share() as take:
        take(600)
        with bodies.share() as other, pytest.raises(Exception, match="too many requests"):
            other(600)
        assert bodies.held == 600
    assert bodies.held == 0

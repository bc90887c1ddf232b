"""What the running page answers over HTTP, and to whom."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lema_hub.demo import Settings
from lema_hub.demo.guard import MAX_BODY, Hosts
from lema_hub.demo.page import launch

pytestmark = [
    pytest.mark.xdist_group("demo"),
    # gradio's queue counts its requests with deprecated options of pandas
    pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting' is deprecated"),
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`host:port` of a page that is also known as demo.example.org, with an upload folder of its own."""
    uploads = tmp_path_factory.mktemp("uploads")
    before = os.environ.get("GRADIO_TEMP_DIR")
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)
    served = launch(Settings(), port=0, allowed_hosts=("demo.example.org",))
    yield urlsplit(served.url).netloc
    served.close()
    if before is None:
        del os.environ["GRADIO_TEMP_DIR"]
    assert [path for path in uploads.rglob("*") if path.is_file()] == []


def ask(
    place: str, path: str, *, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = HTTPConnection(place, timeout=60)
    try:
        connection.request(
            method, path, body, {name.replace("_", "-"): value for name, value in headers.items()}
        )
        reply = connection.getresponse()
        return reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()
    finally:
        connection.close()


def question(session: str) -> bytes:
    return json.dumps({"data": ["", "", "exact"], "fn_index": 5, "session_hash": session}).encode()


@pytest.mark.parametrize("host", [None, "localhost", "localhost:7860", "[::1]:7860", "demo.example.org"])
def test_the_page_is_served_under_its_own_names(place: str, host: str | None) -> None:
    status, headers, body = ask(place, "/config", **({"Host": host} if host else {}))
    assert (status, json.loads(body)["title"]) == (200, "Find the mistake")
    assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "host",
    [
        "evil.com",
        "evil.com:7860",
        "127.0.0.1.evil.com",
        "localhost.evil.com",
        "8.8.8.8",
        "[",
        "",
        "a@127.0.0.1.x",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_another_name_gets_nothing(place: str, host: str, method: str) -> None:
    path = "/config" if method == "GET" else "/gradio_api/queue/join"
    headers = {"Host": host, "Origin": f"http://{host}", "Access_Control_Request_Method": "POST"}
    status, answered, body = ask(place, path, method=method, body=question("a"), **headers)
    assert status in (400, 403)
    assert b"Find the mistake" not in body
    assert not [name for name in answered if name.startswith("access-control")]


@pytest.mark.parametrize(
    "origin", ["http://evil.com", "https://evil.com:7860", "null", "http://localhost:1", "x"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_another_site_s_page_gets_nothing(place: str, origin: str, method: str) -> None:
    path = "/config" if method == "GET" else "/gradio_api/queue/join"
    headers = {"Origin": origin, "Access_Control_Request_Method": "POST", "Content_Type": "application/json"}
    status, answered, _ = ask(place, path, method=method, body=question("a"), **headers)
    assert status == 403
    assert not [name for name in answered if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/gradio_api/upload"),
        ("POST", "/upload"),
        ("POST", "//gradio_api/upload"),
        ("POST", "/gradio_api/%75pload"),
        ("POST", "/gradio_api/queue/join/../../upload"),
        ("GET", "/gradio_api/file=/etc/passwd"),
        ("GET", "/gradio_api/proxy=http://127.0.0.1/"),
        ("GET", "/static/../../../../etc/passwd"),
        ("GET", "/assets/%2e%2e/%2e%2e/%2e%2e/etc/passwd"),
        ("GET", "/gradio_api/vibe-code"),
        ("GET", "/monitoring"),
        ("POST", "/gradio_api/stream/x"),
        ("POST", "/gradio_api/component_server"),
        ("POST", "/login"),
        ("PUT", "/config"),
        ("DELETE", "/"),
    ],
)
def test_what_the_page_does_not_use_is_not_there(place: str, method: str, path: str) -> None:
    form = (
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
        + b"a" * 10_000
        + b"\r\n--x--\r\n"
    )
    status, _, body = ask(
        place, path, method=method, body=form, Content_Type="multipart/form-data; boundary=x"
    )
    assert status in (400, 403, 404, 405)
    assert b"root:" not in body


@pytest.mark.parametrize("announced", [True, False])
def test_a_long_body_is_refused_before_it_is_kept(place: str, announced: bool) -> None:
    host, port = place.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=60) as client:
        length = f"Content-Length: {10**10}" if announced else "Transfer-Encoding: chunked"
        client.sendall(
            f"POST /gradio_api/queue/join HTTP/1.1\r\nHost: {place}\r\nContent-Type: application/json\r\n"
            f"{length}\r\n\r\n".encode()
        )
        if not announced:
            part = b"a" * 65_536
            try:
                for _ in range(MAX_BODY // len(part) + 1):
                    client.sendall(b"%x\r\n" % len(part) + part + b"\r\n")
            except ConnectionError:  # it has answered and does not listen any more
                pass
        assert client.recv(100).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("length", ["-1", "x", "9" * 400])
def test_a_length_that_is_none_is_refused(place: str, length: str) -> None:
    host, port = place.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=60) as client:
        client.sendall(
            f"POST /gradio_api/reset HTTP/1.1\r\nHost: {place}\r\nContent-Length: {length}\r\n\r\n".encode()
        )
        assert client.recv(100).startswith((b"HTTP/1.1 400", b"HTTP/1.1 413"))


def test_a_page_on_all_addresses_is_asked_by_address_but_not_by_any_name() -> None:
    hosts = Hosts.of("0.0.0.0", ())
    assert all(map(hosts.known, ("192.168.1.5:7860", "[fe80::1]", "localhost", "127.0.0.1:80")))
    assert not any(map(hosts.known, ("evil.com", "1.2.3.4.evil.com", "", "[")))
    one = Hosts.of("192.168.1.5", ("Demo.Example.org",))
    assert all(map(one.known, ("192.168.1.5:7860", "demo.example.org", "DEMO.example.org:443", "localhost")))
    assert not one.known("192.168.1.6")


def test_a_secret_in_an_error_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The endpoint's words go through the page's own function, as a browser would get them."""
    from gradio import Blocks

    from lema_hub.demo.correctors import endpoint
    from lema_hub.demo.page import build
    from tests.endpoint import Endpoint

    monkeypatch.setenv("OPENAI_API_KEY", "my-own-key-of-a-strange-form")
    said = "No. Your key is my-own-key-of-a-strange-form, or sk-proj-0123456789abcdefghijklmn."
    with Endpoint(text=said) as running:

        async def built() -> Blocks:
            return build([endpoint("m", base_url=running.url)], Settings())

        page = asyncio.run(built())
        find = next(each.fn for each in page.fns.values() if each.name == "find")
        shown = find("Tom has 2 eggs. How many?", "He has 3. The answer is 3.", "endpoint")
    assert "Your key is [redacted], or [redacted]" in shown

"""An endpoint's address, its credentials and its limits."""

from __future__ import annotations

import base64
import logging
from pathlib import Path
from typing import Any

import pytest

from lema_hub.engines import Ledger, Request, Response, Sampling
from lema_hub.engines.endpoint import Address, Endpoint
from lema_hub.engines.openai import OpenAIEngine
from lema_hub.errors import EngineError, InputError
from lema_hub.redaction import redact
from tests import endpoint as servers

REQUEST = Request(prompt="a", sampling=Sampling(max_tokens=9))


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


class Guarded(servers.Endpoint):
    """Wants a user's name and password, and repeats the header in its refusals."""

    wanted = "Basic " + base64.b64encode(b"me:pass phrase").decode()

    def admit(self, headers: dict[str, str]) -> servers.Reply | None:
        told = headers.get("authorization", "")
        return None if told == self.wanted else servers.failure(400, f"no access for {told}", "denied")


def test_credentials_of_a_base_url_are_sent_and_shown_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Guarded() as server, Ledger(tmp_path / "l.sqlite") as ledger:
        host = server.url.removeprefix("http://")
        engine = OpenAIEngine("m", base_url=f"http://me:pass%20phrase@{host}")
        (answer,) = ledger.run(engine, [REQUEST], stage="s")
        assert isinstance(answer, Response)
        wrong = OpenAIEngine("m", base_url=f"http://me:other-phrase@{host}")
        (refused,) = ledger.run(wrong, [Request(prompt="b", sampling=Sampling())], stage="s")
    assert refused == type(refused)(reason="bad_request", detail="400: no access for Basic [redacted]")
    kept = (tmp_path / "l.sqlite").read_bytes().decode("latin-1") + caplog.text + repr(engine.endpoint)
    assert "phrase" not in kept
    assert engine.endpoint.base_url == server.url
    assert redact("it is pass phrase") == "it is [redacted]"


def test_a_key_beside_credentials_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789abcdef")
    engine = OpenAIEngine("m", base_url="http://me:pass-phrase@127.0.0.1:9/v1")
    with pytest.raises(EngineError, match="holds credentials and OPENAI_API_KEY is set; leave one") as caught:
        list(engine.generate([REQUEST]))
    assert "phrase" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["sk-0123\nX-Injected: yes", "sk-0123\r\n", "schl\u00fcssel", "sk\x00"])
def test_a_key_that_no_header_can_carry_is_one_line(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    if "\x00" in key:  # an environment cannot hold it
        return
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(EngineError, match="OPENAI_API_KEY holds a line break or a character") as caught:
        list(OpenAIEngine("m", base_url="http://127.0.0.1:9/v1").generate([REQUEST]))
    assert "0123" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8000", "ftp://a/v1", "http://", "http:///v1", "http://a:port/v1", "http://a:0/v1", "http://[::1/v1",
        "http://a/v1?key=pass-phrase", "http://a/v1#x", "http://a b/v1", "http://a/\nv1", "http://a\x00/v1",
        "http://me:pass-phrase/@a:x/v1", "ftp://me:pass-phrase@a/v1", "http://me:pass-phrase@/v1",
    ],
)  # fmt: skip
def test_what_is_not_an_address_is_one_line_without_secrets(url: str) -> None:
    with pytest.raises(InputError, match=r"base_url is .*; expected http\(s\)://host/v1") as caught:
        Address.of(url)
    assert "\n" not in str(caught.value)
    assert "@" not in url or "pass-phrase" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown", "user"),
    [
        ("http://a/v1/", "http://a/v1", None),
        ("https://a:8000/x/v1", "https://a:8000/x/v1", None),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1", None),
        ("http://me:pw@a:80/v1", "http://a:80/v1", b"me:pw"),
        ("http://a-long-token@a/v1", "http://a/v1", b"a-long-token"),
        ("http://me:p%40w@a/v1", "http://a/v1", b"me:p@w"),
    ],
)
def test_an_address_is_shown_without_its_credentials(url: str, shown: str, user: bytes | None) -> None:
    address = Address.of(url)
    assert address.url == shown
    assert address.login == (None if user is None else f"Basic {base64.b64encode(user).decode()}")
    assert user is None or str(address.login) not in repr(address)


@pytest.mark.parametrize(
    "options", [{"concurrency": 0}, {"attempts": 0}, {"samples_per_request": 0}, {"samples_per_request": 129}]
)
def test_a_number_out_of_its_range_is_refused(options: Any) -> None:
    with pytest.raises(InputError, match="must be"):
        Endpoint(model="m", address=Address.of("http://a/v1"), **options)

"""Answers of a Hub, one by one; tests/hub/test_hostile.py sends them through the real clients."""

from __future__ import annotations

import httpx2
import pytest

from lema_hub import guard
from lema_hub.errors import HubError

SHA = "0123456789abcdef0123456789abcdef01234567"


def answer(
    url: str,
    headers: dict[str, str],
    *,
    method: str = "GET",
    status: int = 200,
    body: bytes = b"",
    **asked: str,
) -> httpx2.Response:
    request = httpx2.Request(method, url, headers=asked)
    return httpx2.Response(status, headers=headers, stream=httpx2.ByteStream(body), request=request)


@pytest.mark.parametrize(
    "etag", [f'"{SHA}"', f'W/"{SHA}"', f'"{"a" * 64}"', '"d41d8cd98f00b204e9800998ecf8427e-12"']
)
def test_the_etags_of_real_hubs_pass(etag: str) -> None:
    guard.check(answer("http://hub/x/resolve/main/a", {"etag": etag, "x-repo-commit": SHA}, method="HEAD"))


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"etag": '"../x"'}, "sends the etag"),
        ({"etag": '".."'}, "sends the etag"),
        ({"x-linked-etag": '"a\\\\b"'}, "sends the x-linked-etag"),
        ({"etag": f'"{"a" * 300}"'}, "sends the etag"),
        ({"x-repo-commit": "../x"}, "names the commit"),
        ({"x-xet-hash": "../x"}, "names the content"),
        ({"content-encoding": "gzip"}, "answers in the encoding"),
        ({"x-linked-size": "1e3"}, "states a file's size"),
    ],
)
def test_headers_that_would_become_paths_are_refused(headers: dict[str, str], said: str) -> None:
    with pytest.raises(HubError, match=said):
        guard.check(answer("http://hub/x/resolve/main/a", headers, method="HEAD"))


def test_a_file_is_read_to_its_stated_size_even_behind_a_redirect() -> None:
    stated = {"x-linked-size": "5", "location": "http://cdn/blob?signed=1"}
    guard.check(answer("http://hub/x/resolve/main/b", stated, method="HEAD", status=302))
    whole = answer("http://cdn/blob?signed=1", {}, body=b"12345")
    guard.check(whole)
    assert whole.read() == b"12345"
    longer = answer("http://cdn/blob?signed=1", {}, body=b"123456")
    guard.check(longer)
    with pytest.raises(HubError, match="sends more than the 5 bytes that it states"):
        longer.read()
    elsewhere = answer("http://hub/x/resolve/main/b", {"location": "http://cdn/other"}, status=302)
    guard.check(elsewhere)
    moved = answer("http://cdn/other", {}, body=b"123456")
    guard.check(moved)
    with pytest.raises(HubError, match="5 bytes"):
        moved.read()


def test_an_answer_stays_an_answer_behind_a_redirect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MAX_ANSWER", 4)
    for method, place in (("GET", "http://hub/api/x"), ("POST", "http://hub/x.git/info/lfs/objects/batch")):
        target = f"http://hub/large-{method}"
        guard.check(answer(place, {"location": target}, method=method, status=302))
        large = answer(target, {"content-length": "10"}, body=b"0123456789")
        guard.check(large)
        with pytest.raises(HubError, match="more than the 4 bytes"):
            large.read()
    guard.check(answer("http://hub/x/resolve/main/c", {"location": "http://cdn/c"}, status=302))
    file = answer("http://cdn/c", {"content-length": "10"}, body=b"0123456789")
    guard.check(file)
    assert len(file.read()) == 10


def test_a_range_is_as_long_as_it_was_asked_for() -> None:
    part = answer("http://hub/f", {}, status=206, body=b"1234", range="bytes=10-12")
    guard.check(part)
    with pytest.raises(HubError, match="more than the 3 bytes"):
        part.read()


def test_an_answer_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 500))
    monkeypatch.setattr("lema_hub.guard.time.monotonic", lambda: next(clock))

    class Slow(httpx2.SyncByteStream):
        def __iter__(self):
            while True:
                yield b" "

    request = httpx2.Request("GET", "http://hub/api/x")
    slow = httpx2.Response(200, stream=Slow(), request=request)
    guard.check(slow)
    with pytest.raises(HubError, match="takes more than 600 s"):
        slow.read()


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"sha": 5}', b'{"sha": "../x"}', b"[" * 100_000])
def test_a_repo_is_described_by_an_object_with_a_commit(body: bytes) -> None:
    with pytest.raises(HubError, match="describes a repo"):
        guard.check(answer("http://hub/api/datasets/a/b/revision/main", {}, body=body))


def test_a_repo_without_a_commit_is_left_to_the_client() -> None:
    guard.check(answer("http://hub/api/datasets/a/b", {}, body=b'{"id": "a/b"}'))

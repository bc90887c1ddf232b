"""A Hub that misbehaves: everything ends in one line, within bounds, and inside of the cache."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi, constants

from lema_hub import guard
from lema_hub.errors import HubError, LemaError
from lema_hub.hub.collections import gather
from lema_hub.hub.publish import publish_adapter, publish_dataset
from lema_hub.hub.pull import pull
from lema_hub.hub.verify import verify
from lema_hub.localhub import LocalHub
from lema_hub.snapshots import explained, fetch
from tests.built import build_dataset
from tests.hostile import Answer, Change, HostileHub, hostile
from tests.trained import build_adapter

DATASET, MODEL = "lema/hostile-corrections", "lema/hostile-adapter"
API = "GET /api/datasets/lema/hostile-corrections"
FILE = "datasets/lema/hostile-corrections/resolve/"


@pytest.fixture(scope="module")
def server(hub: LocalHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileHub]:
    api = HfApi(endpoint=hub.url, token=hub.token)
    folder = tmp_path_factory.mktemp("hostile")
    publish_dataset(build_dataset(folder / "one"), DATASET, version="0.1.0", api=api)
    publish_adapter(build_adapter(folder / "adapter"), MODEL, version="0.1.0", api=api)
    with hostile(hub) as made:
        yield made


@pytest.fixture
def victim(server: HostileHub, hub: LocalHub) -> HfApi:
    return HfApi(endpoint=server.url, token=hub.token)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses between the client's attempts are counted, not waited for."""
    pauses: list[float] = []
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", pauses.append)
    return pauses


def body(content: bytes, status: int = 200, **headers: str) -> Change:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda answer: Answer(status, {**answer.headers, **named}, content)


def swapped(kind: type, value: object) -> Change:
    """The same JSON with every value of a type replaced."""

    def walk(node: object) -> object:
        if isinstance(node, dict):
            return {key: walk(part) for key, part in node.items()}
        if isinstance(node, list):
            return [walk(part) for part in node]
        return value if isinstance(node, kind) else node

    def change(answer: Answer) -> Answer:
        try:
            document = json.loads(answer.body)
        except ValueError:
            return answer
        return Answer(answer.status, answer.headers, json.dumps(walk(document)).encode())

    return change


GARBAGE: dict[str, Change] = {
    "not JSON": body(b"{"),
    "a list": body(b"[]"),
    "an object": body(b"{}"),
    "null": body(b"null"),
    "nothing": body(b""),
    "bytes": body(bytes(range(256))),
    "a deep list": body(b"[" * 100_000),
    "a list of lists": body(b"[[]]"),
    "a list of objects": body(b"[{}]"),
    "numbers for texts": swapped(str, 7),
    "lists for texts": swapped(str, ["x"]),
    "null for texts": swapped(str, None),
    "paths for texts": swapped(str, "../../../../PWN"),
    "texts for numbers": swapped(int, "x"),
    "huge numbers": swapped(int, 10**30),
    "an odd status": body(b"x", 418),
    "a conflict": body(b"{}", 409),
    "a redirect to itself": lambda answer: Answer(302, {"location": "/loop"}, b""),
    "a redirect to nobody": lambda answer: Answer(307, {"location": "http://127.0.0.1:9/x"}, b""),
    "a redirect to no web address": lambda answer: Answer(302, {"location": "ftp://x"}, b""),
    "an encoding not asked for": lambda answer: Answer(
        answer.status, {**answer.headers, "content-encoding": "gzip"}, answer.body
    ),
    "a length that is none": lambda answer: Answer(
        answer.status, {**answer.headers, "content-length": "abc"}, answer.body
    ),
}


# For a publisher and a collector, which take longer: one of each class.
FEW = (
    "not JSON",
    "a list",
    "nothing",
    "a list of objects",
    "numbers for texts",
    "null for texts",
    "a conflict",
)


def one_line(run: Callable[[], object]) -> None:
    """It succeeds, or ends in an error of ours with one line."""
    said = ""
    try:
        run()
    except LemaError as error:
        said = str(error)
    assert "\n" not in said
    assert len(said) < 700


@pytest.mark.parametrize(
    "place", [API + r"(\?|$)", API + "/refs", API + "/tree", API + "/commits", "(GET|HEAD) /" + FILE]
)
def test_garbage_to_a_reader_ends_in_one_line(
    server: HostileHub, victim: HfApi, place: str, tmp_path: Path
) -> None:
    for name, change in GARBAGE.items():
        with server.doing(place, change):
            one_line(lambda: pull(DATASET, "v0.1.0", out=tmp_path / name, api=victim))  # noqa: B023 - called at once


@pytest.mark.parametrize(
    "place",
    ["GET /api/whoami-v2", "POST .*/preupload/", "POST .*/commit/", "POST .*/tag/", "POST .*/objects/batch"],
)
def test_garbage_to_a_publisher_ends_in_one_line(
    server: HostileHub, victim: HfApi, place: str, tmp_path: Path
) -> None:
    for number, name in enumerate(FEW):
        folder = build_dataset(tmp_path / str(number), train=20 + number)
        with server.doing(place, GARBAGE[name]):
            version = f"0.{number + 2}.{ord(place[-3])}"
            one_line(lambda: publish_dataset(folder, DATASET, version=version, api=victim, started=0))  # noqa: B023


@pytest.mark.parametrize("place", ["GET /api/collections", "POST /api/collections"])
def test_garbage_to_a_collector_ends_in_one_line(server: HostileHub, victim: HfApi, place: str) -> None:
    for number, name in enumerate(FEW):
        with server.doing(place, GARBAGE[name]):
            one_line(lambda: gather(f"Title {number}", [DATASET], api=victim))  # noqa: B023 - called at once


def outside(folder: Path) -> list[Path]:
    return list(folder.rglob("*PWN*"))


@pytest.mark.parametrize("value", ['"../../../../PWN"', '"..\\\\..\\\\PWN"', '"/tmp/PWN"', '".."', '""'])
def test_an_etag_is_no_path(
    server: HostileHub, victim: HfApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    cache = tmp_path / "a" / "b" / "c" / "cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))

    def forge(answer: Answer) -> Answer:
        return Answer(answer.status, {**answer.headers, "etag": value, "x-linked-etag": value}, answer.body)

    for download in (
        lambda: victim.hf_hub_download(DATASET, "manifest.json", repo_type="dataset", cache_dir=cache),
        lambda: pull(DATASET, "v0.1.0", api=victim),
        lambda: pull(DATASET, "v0.1.0", out=tmp_path / "a" / "b" / "c" / "out", api=victim),
    ):
        with (
            server.doing("(HEAD|GET) /datasets", forge),
            explained(DATASET, repo_type="dataset", endpoint=server.url),
            pytest.raises(HubError, match=r"sends the (x-linked-)?etag .*, expected a hash; it is not a Hub"),
        ):
            download()
    assert outside(tmp_path) == []


def test_a_commit_is_no_path(
    server: HostileHub, victim: HfApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "a" / "b" / "c" / "cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    forged = {
        "(HEAD|GET) /datasets": lambda answer: Answer(
            answer.status, {**answer.headers, "x-repo-commit": "../../../../PWN"}, answer.body
        ),
        "HEAD /datasets": lambda answer: Answer(
            404, {"x-error-code": "EntryNotFound", "x-repo-commit": "../../../../PWN"}, b""
        ),
        API: swapped(str, "../../../../PWN"),
        API + "/tree": swapped(str, "../../../../PWN"),
    }
    for place, change in forged.items():
        with server.doing(place, change):
            for out in (None, tmp_path / "a" / "out"):
                one_line(lambda: pull(DATASET, "v0.1.0", out=out, api=victim))  # noqa: B023 - called at once
    assert outside(tmp_path) == []


@pytest.mark.parametrize("revision", ["../../../PWN", "a/../../PWN", "/PWN", ".."])
def test_a_revision_is_no_path(revision: str) -> None:
    from lema_hub.errors import InputError

    with pytest.raises(InputError, match="is not a revision; give a branch, a tag or a commit"):
        fetch(DATASET, revision, repo_type="dataset", patterns=["*"])


def test_a_download_ends_at_the_size_that_was_stated(
    server: HostileHub, victim: HfApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    real = guard._Bounded.__iter__

    def counted(body: guard._Bounded) -> Iterator[bytes]:
        for part in real(body):
            written.append(len(part))
            yield part

    monkeypatch.setattr(guard._Bounded, "__iter__", counted)
    part = bytes(64 * 1024)
    with (
        server.doing("GET /" + FILE, lambda answer: Answer(200, answer.headers, part, endless=True)),
        pytest.raises(HubError, match=r"sends more than the [\d,]+ bytes that it states"),
    ):
        pull(DATASET, "v0.1.0", out=tmp_path / "out", api=victim)
    assert sum(written) < 2**20  # listings and what was stated; the server would have sent for ever


def test_an_answer_has_an_end(server: HostileHub, victim: HfApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MAX_ANSWER", 2**20)
    for place in (API + "/tree", API + "/refs", API + r"(\?|$)"):
        with (
            server.doing(place, lambda answer: Answer(200, answer.headers, b"[" * 65_536, endless=True)),
            pytest.raises(HubError, match=r"sends more than the 1,048,576 bytes that it may send"),
        ):
            verify(DATASET, "v0.1.0", api=victim)


def test_a_listing_has_an_end(server: HostileHub, victim: HfApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MAX_PAGES", 20)
    for place in ("/tree", "/commits"):

        def further(answer: Answer) -> Answer:
            link = f"<{server.url}/api/datasets/{DATASET}{place}/main?cursor={len(server.asked)}>"  # noqa: B023
            return Answer(200, {"link": f'{link}; rel="next"'}, b"[]")

        with server.doing(API + place, further), pytest.raises(HubError, match="lists more than 20 pages"):
            verify(DATASET, "v0.1.0", api=victim)
        assert len(server.asked) < 60

        def itself(answer: Answer) -> Answer:
            link = f"<{server.url}/api/datasets/{DATASET}{place}/main>"  # noqa: B023
            return Answer(200, {"link": f'{link}; rel="next"'}, b"[]")

        with server.doing(API + place, itself), pytest.raises(HubError, match="lists more than 20 pages"):
            verify(DATASET, "v0.1.0", api=victim)


def test_a_listing_stays_on_its_server(server: HostileHub, victim: HfApi) -> None:
    elsewhere = '<http://127.0.0.1:9/api>; rel="next"'
    with (
        server.doing(
            API + "/tree", lambda answer: Answer(200, {**answer.headers, "link": elsewhere}, answer.body)
        ),
        pytest.raises(HubError, match="continues a listing on another server"),
    ):
        verify(DATASET, "v0.1.0", api=victim)


@pytest.mark.parametrize("size", ["99999999999999999", "1e9", "-5", "9" * 30])
def test_a_size_that_cannot_be_is_refused(
    server: HostileHub, victim: HfApi, tmp_path: Path, size: str
) -> None:
    with (
        server.doing(
            "HEAD /" + FILE, lambda answer: Answer(200, {**answer.headers, "x-linked-size": size}, b"")
        ),
        pytest.raises(HubError, match="states a file"),
    ):
        pull(DATASET, "v0.1.0", out=tmp_path / "out", api=victim)


def test_a_rate_limit_asks_for_minutes_at_most(
    server: HostileHub, victim: HfApi, hurried: list[float]
) -> None:
    for headers in ({"retry-after": "9" * 12}, {"ratelimit": f'"api";r=0;t={"9" * 30}'}):
        hurried.clear()
        with (
            server.doing(API + "/tree", lambda answer: Answer(429, headers, b"")),  # noqa: B023
            pytest.raises(HubError, match="asks to wait"),
            explained(DATASET, repo_type="dataset", endpoint=server.url),
        ):
            list(victim.list_repo_tree(DATASET, repo_type="dataset"))
        assert hurried
        assert max(hurried) <= guard.LONGEST_PAUSE + 1


def test_requests_have_time_limits() -> None:
    import httpx2

    request = httpx2.Request(
        "GET", "http://127.0.0.1:9/", extensions={"timeout": {"read": 7.0, "connect": None}}
    )
    guard.prepare(request)
    assert request.extensions["timeout"] == {"connect": 30.0, "read": 7.0, "write": 300.0, "pool": 300.0}


def test_errors_of_ours_stay_what_they_are() -> None:
    for error in (KeyError("ours"), TypeError("ours"), AssertionError("ours"), OSError(28, "ours")):
        with pytest.raises(type(error), match="ours"), explained(DATASET, repo_type="dataset"):
            raise error

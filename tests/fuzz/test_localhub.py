"""The embedded Hub's parsers: whatever comes in, they read it or refuse it, and what they give can be stored."""

from __future__ import annotations

import http.client
import json
import re
import struct
import subprocess
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lema_hub.localhub import (
    LocalHub,
    attributes,
    bounds,
    cards,
    diffs,
    frontmatter,
    safetensors,
    strictjson,
    tags,
)
from lema_hub.localhub.errors import ApiError
from lema_hub.localhub.paths import PLURALS, check_file_path, check_ref_name
from tests.localhub import test_hostile as hostile

# What YAML, patterns and names treat as special, beside plain characters and the odd ones of Unicode.
YAML = st.sampled_from(
    ["a", "1", ":", " ", "\n", "- ", "? ", "[", "]", "{", "}", ",", "&a ", "*a", "<<: ", "!!int ", "!!str ",
     "!x ", "'", '"', "|\n", ">", "#", "%", "@", "`", "---", "...", "0x", "0b_", "1:59", ".inf", ".nan", "~", "true",
     "2001-01-01", "=", "\t", "\\ud800", "\0", "\ufeff", "license: ", "tags: ", "sdk: ", "language: ", "configs: ",
     "model-index: ", "datasets: ",
     "base_model: ", "base_model_relation: ", "colorFrom: ", "size_categories: ", "metrics: ", "config_name: "]
)  # fmt: skip
NAME = st.text(
    st.sampled_from("abN:~.1 /\\*?[\0\x85\u200b\u202e\ufe0f\ud800@{-^é漢") | st.characters(), max_size=12
)
WORDS = st.sampled_from(
    ["con", "NUL", "git~1", ".git", "aux.txt", "COM1", "..", "HEAD", "refs", "v1.0", "x.lock"]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(hostile.VALUES),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(hostile.KEYS) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


def storable(value: object) -> None:
    """A database and an answer can hold it."""
    json.dumps(value, allow_nan=False, ensure_ascii=False).encode()


def refusal(check: Callable[[], object]) -> int | None:
    """The status with which a name is refused, if it is."""
    try:
        check()
    except ApiError as error:
        return error.status
    return None


@given(st.lists(YAML, max_size=40).map("".join) | st.text(max_size=60))
def test_card_headers(header: str) -> None:
    readme = f"---\n{header}\n---\n# Card\n"
    fault = ""
    try:
        storable(frontmatter.read(readme))
    except frontmatter.CardError as error:
        fault = str(error)
    assert "\n" not in fault
    for kind in PLURALS.values():
        found = cards.check(readme, kind)
        storable([found.errors, found.warnings])
        storable(tags.derive(readme, kind, ["config.json"], ["parquet"]))


@given(JSON)
def test_cards_of_any_shape(value: Any) -> None:
    values = value if isinstance(value, dict) else {}
    known = ["license", "tags", "sdk", "language", "configs", "model-index", "base_model", "base_model_relation",
             "colorFrom", "size_categories", "datasets", "pipeline_tag", "short_description"]  # fmt: skip
    readme = f"---\n{json.dumps({key: values.get(key, value) for key in known})}\n---\n"
    for kind in PLURALS.values():
        storable(cards.check(readme, kind).errors)
        storable(tags.derive(readme, kind, [], []))


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_json(text: bytes) -> None:
    try:
        value = strictjson.loads(text)
    except ValueError:
        return
    storable(value)


TENSOR = st.fixed_dictionaries(
    {"dtype": st.sampled_from(["F32", "BF16"]) | JSON, "shape": st.lists(JSON, max_size=4) | JSON}
)


@given(
    st.dictionaries(st.text(max_size=4), TENSOR | JSON, max_size=3).map(lambda h: json.dumps(h).encode())
    | st.binary(),
    st.integers(-2, 2),
)
def test_safetensors_headers(text: bytes, off: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        path.write_bytes(struct.pack("<Q", max(len(text) + off, 0)) + text)
        header = safetensors.read(path)
    if header is not None:
        assert all(type(count) is int and 0 <= count <= 2**63 for count in header.parameters.values())
        storable(header.parameters)


GLOB = st.sampled_from(
    ["a", "b", "*", "?", "/", "[ab]", "[!a]", "[b-a]", "[a-b]", "\\a", "\\*", ".", "[[:alpha:]]", "-"]
)
SEGMENT = st.lists(GLOB.filter(lambda item: item != "/"), min_size=1, max_size=4).map("".join)
PATTERN = st.builds(
    lambda start, segments, end: start + "/".join(segments) + end,
    st.sampled_from(["", "/", "!"]),
    # Two stars beside something else mean different things to different versions of git.
    st.lists(SEGMENT.filter(lambda text: "**" not in text) | st.just("**"), min_size=1, max_size=4),
    st.sampled_from(["", "/"]),
)
PATH = (
    st.lists(st.text("ab.*-", min_size=1, max_size=3), min_size=1, max_size=4)
    .filter(lambda parts: not any(set(part) == {"."} for part in parts))
    .map("/".join)
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty git repository."""
    folder = tmp_path_factory.mktemp("checkout")
    subprocess.run(["git", "init", "-q", folder], check=True)
    return folder


@given(lines=st.lists(PATTERN, min_size=1, max_size=4), paths=st.sets(PATH, min_size=1, max_size=20))
def test_patterns_mean_what_they_mean_to_git(checkout: Path, lines: list[str], paths: set[str]) -> None:
    (checkout / ".gitignore").write_text("\n".join(lines) + "\n")
    command = ["git", "-C", str(checkout), "check-ignore", "--no-index", "-z", "--stdin"]
    done = subprocess.run(command, input="\0".join(paths), capture_output=True, text=True)
    rules = attributes.ignore_rules("\n".join(lines))
    assert {path for path in paths if rules.matches(path)} == set(filter(None, done.stdout.split("\0")))


@given(
    st.text(st.sampled_from("a*?[]!^-\\/# \n:b") | st.characters(), max_size=60), st.lists(NAME, max_size=5)
)
def test_any_patterns(text: str, paths: list[str]) -> None:
    for rules in (attributes.ignore_rules(text), attributes.lfs_rules(text.replace("\n", " filter=lfs\n"))):
        for path in paths:
            rules.matches(path)


@given(NAME | st.lists(WORDS | NAME, min_size=1, max_size=4).map("/".join))
def test_paths_that_are_accepted_can_be_checked_out(path: str) -> None:
    status = refusal(lambda: check_file_path(path))
    assert status in (None, 422)
    if status is not None:
        return
    assert len(path.encode()) <= bounds.PATH_BYTES
    assert not {unicodedata.category(char) for char in path} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert not set(path) & set('<>:"|?*\\')
    for segment in path.split("/"):
        assert segment not in ("", ".", "..")
        assert segment[-1] not in " ."
        assert segment.split(".")[0].rstrip().lower() not in ("con", "nul", "aux", "prn", "com1")
        assert not re.fullmatch(r"git~\d+|\.git", segment, re.IGNORECASE)


@given(NAME | st.lists(WORDS | NAME, min_size=1, max_size=3).map("/".join))
def test_refs_that_are_accepted_are_accepted_by_git(name: str) -> None:
    status = refusal(lambda: check_ref_name(name, "tag"))
    assert status in (None, 400)
    if status is not None:
        return
    assert subprocess.run(["git", "check-ref-format", f"refs/tags/{name}"]).returncode == 0


@given(st.lists(st.sampled_from("abcdefgh"), max_size=30), st.lists(st.sampled_from("abcdefgh"), max_size=30))
def test_diffs_hold_both_texts(old: list[str], new: list[str]) -> None:
    found = list(diffs.unified(old * 3, new * 3, "a", "b"))[2:]
    place = 0
    rebuilt: list[str] = []
    for line in found:
        if line.startswith("@@"):
            start, count = re.findall(r"-(\d+)(?:,(\d+))?", line)[0]
            upto = int(start) - (count != "0")
            rebuilt += (old * 3)[place:upto]
            place = upto
        elif line[0] == "+":
            rebuilt.append(line[1:])
        else:
            assert (old * 3)[place] == line[1:]
            rebuilt += [line[1:]] * (line[0] == " ")
            place += 1
    assert rebuilt + (old * 3)[place:] == new * 3


@pytest.fixture(scope="module")
def served(hub: LocalHub) -> Iterator[http.client.HTTPConnection]:
    """A connection to a server with a repo of each type and a pull request in each."""
    connection = http.client.HTTPConnection(urlsplit(hub.url).netloc, timeout=60)
    headers = {"Authorization": f"Bearer {hub.token}"}
    for plural, kind in PLURALS.items():
        made = {"name": "fuzzed", "type": kind, "sdk": "static"}
        opened = {"title": "first", "pullRequest": True}
        for path, body in (("/api/repos/create", made), (f"/api/{plural}/lema/fuzzed/discussions", opened)):
            connection.request("POST", path, json.dumps(body), headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200
    yield connection
    connection.close()


@given(
    route=st.sampled_from([(method, path) for method, path in hostile.routes() if method != "GET"]),
    body=JSON,
    word=st.sampled_from(hostile.WORDS) | NAME.filter(lambda text: "\ud800" not in text),
)
def test_bodies_of_requests(
    hub: LocalHub, served: http.client.HTTPConnection, route: tuple[str, str], body: Any, word: str
) -> None:
    method, pattern = route
    fixed = {"namespace": "lema", "name": "fuzzed", "revision": "main", "num": "1"}
    path = re.sub(r"\{(\w+)(?::path)?\}", lambda found: quote(fixed.get(found[1], word), safe=""), pattern)
    text = json.dumps(body if isinstance(body, dict) else dict.fromkeys(hostile.KEYS, body)).encode()
    if "/commit/" in path:
        text = (
            b'{"key":"header","value":{"summary":"s"}}\n'
            + json.dumps({"key": "file", "value": body}).encode()
        )
    served.request(method, path, text, {"Authorization": f"Bearer {hub.token}"})
    answer = served.getresponse()
    answer.read()
    assert answer.status < 500 or answer.status == 501, (method, path, text)

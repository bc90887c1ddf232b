"""Downloads: whole, by range, unchanged, and never as a page of the server's origin."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import HfApi, HfFileSystem
from huggingface_hub.errors import EntryNotFoundError, RevisionNotFoundError

from lema_hub.localhub import LocalHub

if TYPE_CHECKING:
    from tests.localhub.conftest import Send

LARGE = os.urandom(2_500_000)
PAGE = b"<script>alert(1)</script>"


@pytest.fixture(scope="module")
def filled(api: HfApi, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A dataset repo with a large and a small file."""
    folder = tmp_path_factory.mktemp("filled")
    (folder / "large.bin").write_bytes(LARGE)
    (folder / "page.html").write_bytes(PAGE)
    (folder / "sub dir").mkdir()
    (folder / "sub dir" / "ünïcode #1%&.txt").write_text("odd name")
    api.create_repo("lema/filled", repo_type="dataset")
    api.upload_folder(repo_id="lema/filled", repo_type="dataset", folder_path=folder)
    return "lema/filled"


def test_head_and_get_tell_the_same(send: Send, filled: str, api: HfApi) -> None:
    commit = api.dataset_info(filled).sha
    for name, content, etag in (
        ("large.bin", LARGE, hashlib.sha256(LARGE).hexdigest()),
        ("page.html", PAGE, hashlib.sha1(b"blob %d\0" % len(PAGE) + PAGE).hexdigest()),
    ):
        place = f"/datasets/{filled}/resolve/main/{name}"
        head, get = (
            send(method, place, headers={"Accept-Encoding": "identity"}) for method in ("HEAD", "GET")
        )
        assert (head.status, head.body, get.status, get.body) == (200, b"", 200, content)
        for reply in (head, get):
            assert reply.headers["etag"] == f'"{etag}"'
            assert reply.headers["x-repo-commit"] == commit
            assert reply.headers["content-length"] == str(len(content))
            assert reply.headers["content-disposition"] == f'attachment; filename="{name}"'
            assert reply.headers["x-content-type-options"] == "nosniff"
            assert "sandbox" in reply.headers["content-security-policy"]
            assert "html" not in reply.headers["content-type"]
            assert "content-encoding" not in reply.headers
        assert ("x-linked-etag" in head.headers) == (name == "large.bin")


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-99", 0, 100),
        ("bytes=1000000-", 1_000_000, None),
        ("bytes=-50", -50, None),
        ("bytes=5-5", 5, 6),
    ],
)
def test_ranges(send: Send, filled: str, header: str, start: int, end: int | None) -> None:
    reply = send("GET", f"/datasets/{filled}/resolve/main/large.bin", headers={"Range": header})
    assert reply.status == 206
    assert reply.body == LARGE[start:end]
    first = start % len(LARGE)
    assert reply.headers["content-range"] == f"bytes {first}-{first + len(reply.body) - 1}/{len(LARGE)}"


def test_ranges_that_do_not_fit(send: Send, filled: str) -> None:
    place = f"/datasets/{filled}/resolve/main/large.bin"
    beyond = send("GET", place, headers={"Range": f"bytes={len(LARGE)}-"})
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{len(LARGE)}")
    changed = send("GET", place, headers={"Range": "bytes=0-9", "If-Range": '"an older file"'})
    assert (changed.status, len(changed.body)) == (200, len(LARGE))
    etag = send("HEAD", place).headers["etag"]
    same = send("GET", place, headers={"Range": "bytes=0-9", "If-Range": etag})
    assert (same.status, same.body) == (206, LARGE[:10])


def test_an_unchanged_file_is_not_sent_again(send: Send, filled: str) -> None:
    place = f"/datasets/{filled}/resolve/main/large.bin"
    etag = send("HEAD", place).headers["etag"]
    reply = send("GET", place, headers={"If-None-Match": f'"other", {etag}'})
    assert (reply.status, reply.body, reply.headers["etag"]) == (304, b"", etag)
    assert send("GET", place, headers={"If-None-Match": '"other"'}).status == 200


def test_absence_names_the_commit_so_that_it_can_be_cached(send: Send, filled: str, api: HfApi) -> None:
    reply = send("HEAD", f"/datasets/{filled}/resolve/main/nothing.txt")
    assert (reply.status, reply.headers["x-error-code"]) == (404, "EntryNotFound")
    assert reply.headers["x-repo-commit"] == api.dataset_info(filled).sha
    reply = send("HEAD", f"/datasets/{filled}/resolve/nowhere/large.bin")
    assert (reply.status, reply.headers["x-error-code"]) == (404, "RevisionNotFound")


@pytest.mark.parametrize(
    "path",
    [
        "../../hub.sqlite3",
        "..%2f..%2f..%2fhub.sqlite3",
        "%2e%2e/%2e%2e/token",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "sub dir".replace(" ", "%20"),
        "large.bin/",
        "large.bin%00",
        "large.bin%0d%0aX-Evil:%20yes",
        "",
    ],
)
def test_no_path_reaches_the_disk(send: Send, filled: str, path: str) -> None:
    reply = send("GET", f"/datasets/{filled}/resolve/main/{path}")
    assert reply.status == 404
    assert "x-evil" not in reply.headers


def test_invalid_encodings_are_refused(send: Send, filled: str) -> None:
    assert send("GET", f"/datasets/{filled}/resolve/main/%ff%fe").status == 400
    assert send("GET", f"/datasets/{filled}/resolve/%ff/large.bin").status == 400


def test_odd_names_survive(api: HfApi, filled: str) -> None:
    path = api.hf_hub_download(filled, "sub dir/ünïcode #1%&.txt", repo_type="dataset")
    assert Path(path).read_text() == "odd name"
    listed = api.list_repo_tree(filled, "sub dir", repo_type="dataset")
    assert [entry.path for entry in listed] == ["sub dir/ünïcode #1%&.txt"]


def test_trees_list_directories_and_pages(api: HfApi, hub: LocalHub, send: Send, tmp_path: Path) -> None:
    for number in range(1203):
        (tmp_path / f"{number:04}.txt").write_text(str(number))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "x.txt").write_text("x")
    api.create_repo("lema/many", repo_type="dataset")
    api.upload_folder(repo_id="lema/many", repo_type="dataset", folder_path=tmp_path)
    entries = list(api.list_repo_tree("lema/many", repo_type="dataset"))
    assert len(entries) == 1205
    assert [entry.path for entry in entries if not hasattr(entry, "size")] == ["sub"]
    assert len(list(api.list_repo_tree("lema/many", repo_type="dataset", recursive=True))) == 1206
    assert [entry.path for entry in api.list_repo_tree("lema/many", "sub", repo_type="dataset")] == [
        "sub/x.txt"
    ]
    with pytest.raises(EntryNotFoundError):
        list(api.list_repo_tree("lema/many", "nothing", repo_type="dataset"))
    with pytest.raises(RevisionNotFoundError):
        list(api.list_repo_tree("lema/many", repo_type="dataset", revision="nothing"))
    first = send("GET", "/api/datasets/lema/many/tree/main")
    assert len(first.json()) == 1000
    link = first.headers["link"]
    api.upload_file(path_or_fileobj=b"0", path_in_repo="0000a.txt", repo_id="lema/many", repo_type="dataset")
    second = send("GET", link[1 : link.index(">")])
    assert [*first.json(), *second.json()][-1]["path"] == "sub"
    assert len(second.json()) == 205
    assert "link" not in second.headers
    expanded = send("GET", "/api/datasets/lema/many/tree/main?expand=true")
    assert len(expanded.json()) == 50
    assert all("lastCommit" in entry for entry in expanded.json())


def test_paths_info_leaves_out_what_is_not_there(api: HfApi, filled: str) -> None:
    wanted = ["large.bin", "nothing", "sub dir", "../x", ""]
    found = api.get_paths_info(filled, wanted, repo_type="dataset", expand=True)
    assert [entry.path for entry in found] == ["large.bin", "sub dir"]
    assert found[0].size == len(LARGE)  # type: ignore[union-attr]
    assert found[0].last_commit is not None


def test_file_system_reads_ranges(hub: LocalHub, filled: str) -> None:
    fs = HfFileSystem(endpoint=hub.url, token=hub.token)
    with fs.open(f"datasets/{filled}/large.bin", "rb", block_size=100_000) as file:
        file.seek(1_234_567)
        assert file.read(1000) == LARGE[1_234_567:1_235_567]
    assert fs.exists(f"datasets/{filled}/page.html")
    assert not fs.exists(f"datasets/{filled}/nothing")
    with fs.open(f"datasets/{filled}/written.txt", "w") as file:
        file.write("by the file system")
    assert fs.read_text(f"datasets/{filled}/written.txt") == "by the file system"


def test_snapshot_is_complete_and_cached(api: HfApi, filled: str, tmp_path: Path) -> None:
    folder = Path(api.snapshot_download(filled, repo_type="dataset", cache_dir=tmp_path, revision="main"))
    assert (folder / "large.bin").read_bytes() == LARGE
    assert api.snapshot_download(filled, repo_type="dataset", cache_dir=tmp_path) == str(folder)
    only = Path(
        api.snapshot_download(filled, repo_type="dataset", local_dir=tmp_path / "x", allow_patterns="*.html")
    )
    assert [path.name for path in only.iterdir() if path.is_file()] == ["page.html"]


def test_requests_for_other_hosts_are_refused(send: Send, hub: LocalHub) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "127.0.0.1:80@evil.example", "127.0.0.1/x", ""):
        refused = send("GET", "/api/whoami-v2", headers={"Host": host})
        assert (refused.status, "not a name of this server" in refused.error) == (400, True)
    assert (
        send("GET", "/api/whoami-v2", headers={"Host": f"localhost:{hub.url.rsplit(':', 1)[1]}"}).status
        == 200
    )


def test_every_answer_has_a_request_id(send: Send) -> None:
    ids = [
        send("GET", place).headers["x-request-id"]
        for place in ("/api/whoami-v2", "/api/nothing", "/x/y/resolve/z/a")
    ]
    assert len(set(ids)) == 3

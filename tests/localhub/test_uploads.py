"""Large uploads: a signed url is good for one content of one size in one repo, for a while."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from huggingface_hub import HfApi

from lema_hub.localhub import LocalHub
from lema_hub.localhub.errors import ApiError
from lema_hub.localhub.lfs import Signer, Slip

if TYPE_CHECKING:
    from tests.localhub.conftest import Reply, Send


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def batch(send: Send, repo: str, oid: object, size: object, **options: Any) -> Reply:
    wanted = {
        "operation": "upload",
        "transfers": ["basic"],
        "objects": [{"oid": oid, "size": size}],
        "hash_algo": "sha256",
    }
    return send("POST", f"/datasets/{repo}.git/info/lfs/objects/batch", body=wanted, **options)


def href(send: Send, repo: str, content: bytes, size: int | None = None) -> str:
    [answer] = batch(send, repo, sha(content), len(content) if size is None else size).json()["objects"]
    return str(answer["actions"]["upload"]["href"])


def lfs_commit(send: Send, repo: str, oid: str, size: int | None) -> Reply:
    value = {"path": "a.bin", "algo": "sha256", "oid": oid, **({} if size is None else {"size": size})}
    lines = b'{"key": "header", "value": {"summary": "s"}}\n' + (
        b'{"key": "lfsFile", "value": ' + str(value).replace("'", '"').encode() + b"}\n"
    )
    return send("POST", f"/api/datasets/{repo}/commit/main", body=lines)


def leftovers(hub: LocalHub) -> list[Path]:
    return list((hub.directory / "tmp").iterdir())


def test_an_upload_is_stored_verified_and_not_asked_for_again(
    send: Send, dataset: str, hub: LocalHub
) -> None:
    content = os.urandom(3_000_000)
    place = href(send, dataset, content)
    assert send("PUT", place, body=content, token=None).status == 200
    assert (hub.directory / "blobs" / sha(content)[:2] / sha(content)[2:]).read_bytes() == content
    proof = {"oid": sha(content), "size": len(content)}
    assert send("POST", f"/datasets/{dataset}.git/info/lfs/objects/verify", body=proof).status == 200
    [again] = batch(send, dataset, sha(content), len(content)).json()["objects"]
    assert "actions" not in again
    assert lfs_commit(send, dataset, sha(content), len(content)).status == 200
    assert leftovers(hub) == []


def test_content_must_be_what_was_announced(send: Send, dataset: str, hub: LocalHub) -> None:
    content = os.urandom(2_000_000)
    other = os.urandom(2_000_000)
    place = href(send, dataset, content)
    assert send("PUT", place, body=other, token=None).status == 400
    assert send("PUT", place, body=content[:-1], token=None).status == 400
    assert send("PUT", place, body=content + b"x", token=None).status == 413
    assert send("PUT", place, body=b"", token=None).status == 400
    for wrong in (content, other):
        assert not (hub.directory / "blobs" / sha(wrong)[:2] / sha(wrong)[2:]).exists()
    assert lfs_commit(send, dataset, sha(content), len(content)).status == 400
    assert leftovers(hub) == []


def test_a_body_of_unknown_length_is_cut_off(send: Send, dataset: str) -> None:
    content = os.urandom(100_000)
    place = href(send, dataset, content)
    chunked = (b"%x\r\n%s\r\n" % (len(part), part) for part in (content, content, b""))
    reply = send("PUT", place, body=b"".join(chunked), token=None, headers={"Transfer-Encoding": "chunked"})
    assert reply.status == 413


def test_forged_and_changed_urls(send: Send, dataset: str, api: HfApi) -> None:
    content = b"c" * 1000
    place = href(send, dataset, content)
    body, _, seal = place.rpartition("/")[2].partition(".")
    base = place.rpartition("/")[0]
    forged = Signer(b"another key").sign(Slip(1, sha(content), 1000, int(time.time()) + 1000))
    longer = Signer(b"").sign(Slip(1, sha(content), 10**9, int(time.time()) + 1000)).partition(".")[0]
    for slip in (
        forged, f"{longer}.{seal}", f"{body}.{'0' * 64}", body, f"{body}.", ".", "x", f"{body}.{seal}x",
        "%ff.x", "%C3%A9.x",
    ):  # fmt: skip
        reply = send("PUT", f"{base}/{slip}", body=content, token=None)
        assert reply.status in (400, 403), slip
    assert send("PUT", place, body=content, token=None).status == 200


def test_a_broken_connection_leaves_nothing(send: Send, dataset: str, hub: LocalHub) -> None:
    place = urlsplit(href(send, dataset, os.urandom(1_000_000)))
    with socket.create_connection((place.hostname, place.port)) as client:
        client.sendall(f"PUT {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\n".encode())
        client.sendall(b"Content-Length: 1000000\r\n\r\n" + b"x" * 500_000)
        wait_until(lambda: len(leftovers(hub)) == 1)
    wait_until(lambda: leftovers(hub) == [])


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_file_in_parts(
    send: Send, dataset: str, api: HfApi, hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lema_hub.localhub.lfs.PART_BYTES", 300_000)
    content = os.urandom(1_000_001)
    api.upload_file(path_or_fileobj=content, path_in_repo="a.bin", repo_id=dataset, repo_type="dataset")
    assert Path(api.hf_hub_download(dataset, "a.bin", repo_type="dataset")).read_bytes() == content
    assert leftovers(hub) == []


def test_parts_are_bounded_and_joined_only_when_right(
    send: Send, dataset: str, hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lema_hub.localhub.lfs.PART_BYTES", 400)
    content = os.urandom(1000)
    wanted = {
        "operation": "upload",
        "transfers": ["basic", "multipart"],
        "objects": [{"oid": sha(content), "size": 1000}],
    }
    [answer] = send("POST", f"/datasets/{dataset}.git/info/lfs/objects/batch", body=wanted).json()["objects"]
    upload = answer["actions"]["upload"]
    places = [upload["header"][f"0000{number}"] for number in (1, 2, 3)]
    assert upload["header"]["chunk_size"] == "400"
    join = {"oid": sha(content), "parts": []}
    assert send("POST", upload["href"], body=join, token=None).status == 400
    for number, size in ((1, 401), (1, 399), (3, 201)):
        assert send("PUT", places[number - 1], body=b"x" * size, token=None).status in (400, 413)
    for number in (0, 4, 10**9, "9" * 5000, "x", "-1"):
        assert send("PUT", f"{upload['href']}/{number}", body=b"x", token=None).status == 404
    assert send("PUT", places[1], body=b"x" * 400, token=None).status == 200
    assert send("PUT", places[2], body=content[800:], token=None).status == 200
    assert send("PUT", places[0], body=content[:400], token=None).status == 200
    assert send("POST", upload["href"], body=join, token=None).status == 400
    assert leftovers(hub) == []
    for start, place in zip((800, 400, 0), reversed(places), strict=True):
        reply = send("PUT", place, body=content[start : start + 400], token=None)
        assert reply.headers["etag"] == f'"{sha(content[start : start + 400])}"'
    for _ in range(2):
        assert send("POST", upload["href"], body=join, token=None).status == 200
    assert lfs_commit(send, dataset, sha(content), 1000).status == 200
    assert leftovers(hub) == []


def test_a_late_part_cannot_change_what_was_checked(
    send: Send, dataset: str, hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lema_hub.localhub.lfs.PART_BYTES", 2_000_000)
    content = os.urandom(2_500_000)
    wanted = {
        "operation": "upload",
        "transfers": ["multipart"],
        "objects": [{"oid": sha(content), "size": len(content)}],
    }
    [answer] = send("POST", f"/datasets/{dataset}.git/info/lfs/objects/batch", body=wanted).json()["objects"]
    upload = answer["actions"]["upload"]
    first = urlsplit(upload["header"]["00001"])
    with socket.create_connection((first.hostname, first.port)) as late:
        late.sendall(
            f"PUT {first.path} HTTP/1.1\r\nHost: {first.netloc}\r\nContent-Length: 2000000\r\n\r\n".encode()
        )
        wait_until(lambda: len(leftovers(hub)) == 1)
        assert send("PUT", upload["header"]["00001"], body=content[:2_000_000], token=None).status == 200
        assert send("PUT", upload["header"]["00002"], body=content[2_000_000:], token=None).status == 200
        assert send("POST", upload["href"], body={"oid": sha(content), "parts": []}, token=None).status == 200
        late.sendall(b"x" * 2_000_000)
        assert b"200 OK" in late.recv(1000)
    assert sha((hub.directory / "blobs" / sha(content)[:2] / sha(content)[2:]).read_bytes()) == sha(content)


def test_a_slip_expires() -> None:
    signer = Signer(os.urandom(32))
    slip = Slip(repo=1, sha256="0" * 64, size=1, expires=int(time.time()) + 60)
    assert signer.open(signer.sign(slip)) == slip
    with pytest.raises(ApiError, match="expired") as caught:
        signer.open(signer.sign(replace(slip, expires=int(time.time()) - 1)))
    assert caught.value.status == 403


def test_the_slip_of_a_deleted_repo_fits_no_later_one(send: Send, api: HfApi, hub: LocalHub) -> None:
    api.create_repo("lema/reborn", repo_type="dataset")
    content = os.urandom(500)
    place = href(send, "lema/reborn", content)
    api.delete_repo("lema/reborn", repo_type="dataset")
    api.create_repo("lema/reborn", repo_type="dataset")
    assert send("PUT", place, body=content, token=None).status == 404
    assert lfs_commit(send, "lema/reborn", sha(content), len(content)).status == 400


def test_knowing_a_sha_is_not_the_right_to_the_bytes(send: Send, dataset: str, api: HfApi) -> None:
    secret = os.urandom(5000)
    api.create_repo("lema/vault", repo_type="dataset", private=True, exist_ok=True)
    api.upload_file(path_or_fileobj=secret, path_in_repo="s.bin", repo_id="lema/vault", repo_type="dataset")
    [answer] = batch(send, dataset, sha(secret), len(secret)).json()["objects"]
    assert "upload" in answer["actions"]
    for size in (len(secret), None):
        assert lfs_commit(send, dataset, sha(secret), size).status == 400


def test_the_size_in_the_commit_must_be_true(send: Send, dataset: str) -> None:
    content = os.urandom(5000)
    assert send("PUT", href(send, dataset, content), body=content, token=None).status == 200
    assert lfs_commit(send, dataset, sha(content), 4999).status == 400
    assert lfs_commit(send, dataset, sha(content), None).status == 200


def test_batches_of_the_wrong_shape(send: Send, dataset: str) -> None:
    for oid, size in (
        ("0" * 63, 1),
        ("Z" * 64, 1),
        (5, 1),
        ("0" * 64, -1),
        ("0" * 64, "1"),
        ("0" * 64, 10**15),
    ):
        [answer] = batch(send, dataset, oid, size).json()["objects"]
        assert answer["error"]["code"] == 422
        assert isinstance(answer["oid"], str)
        assert "actions" not in answer
    place = f"/datasets/{dataset}.git/info/lfs/objects/batch"
    assert send("POST", place, body={"operation": "download", "objects": []}).status == 422
    assert send("POST", place, body={"operation": "upload", "objects": [1]}).status == 422
    assert send("POST", place, body={"operation": "upload", "objects": [], "hash_algo": "sha1"}).status == 409
    assert batch(send, dataset, "\ud800", 1).status == 400
    assert batch(send, dataset, "0" * 64, 1, token=None).status == 401


def test_preupload_tells_mode_and_present_content(send: Send, dataset: str, api: HfApi) -> None:
    api.upload_file(path_or_fileobj=b"text", path_in_repo="a.txt", repo_id=dataset, repo_type="dataset")
    api.upload_file(path_or_fileobj=b"PAR1", path_in_repo="b.parquet", repo_id=dataset, repo_type="dataset")
    wanted = [
        ("a.txt", 4, ""),
        ("b.parquet", 4, ""),
        ("new.txt", 10_000_001, ""),
        ("n.dat", 9, "AAAA"),
        ("e.bin", 0, ""),
    ]
    files = [{"path": path, "size": size, "sample": sample} for path, size, sample in wanted]
    reply = send("POST", f"/api/datasets/{dataset}/preupload/main", body={"files": files})
    found = {file["path"]: (file["uploadMode"], file.get("oid")) for file in reply.json()["files"]}
    assert found == {
        "a.txt": ("regular", hashlib.sha1(b"blob 4\0text").hexdigest()),
        "b.parquet": ("lfs", sha(b"PAR1")),
        "new.txt": ("lfs", None),
        "n.dat": ("lfs", None),
        "e.bin": ("regular", None),
    }
    for bad in (
        [{"path": "../x", "size": 1}],
        [{"path": "x"}],
        [{"path": "x", "size": 1, "sample": 5}],
        [1],
        "x",
    ):
        assert send("POST", f"/api/datasets/{dataset}/preupload/main", body={"files": bad}).status in (
            400,
            422,
        )

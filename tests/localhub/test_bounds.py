"""What strangers may send, and what it costs: every refusal is a 4xx, and everything else goes on."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from lema_hub.localhub import LocalHub
from lema_hub.localhub.server import DATABASE
from lema_hub.localhub.store import Store

if TYPE_CHECKING:
    from tests.localhub.conftest import Reply, Send


def commit(
    send: Send, repo: str, files: dict[str, bytes], *, query: str = "", kind: str = "datasets"
) -> Reply:
    """Commit small files as a client that checks nothing."""
    lines: list[dict[str, object]] = [{"key": "header", "value": {"summary": "s"}}]
    for path, content in files.items():
        text = base64.b64encode(content).decode()
        lines.append({"key": "file", "value": {"path": path, "content": text, "encoding": "base64"}})
    body = b"\n".join(json.dumps(line).encode() for line in lines)
    return send("POST", f"/api/{kind}/{repo}/commit/main{query}", body=body)


def preupload(send: Send, repo: str, ignore: str | None = None) -> Reply:
    """Ask how to upload two files."""
    files = [{"path": path, "size": 5, "sample": ""} for path in ("a.bin", "b.txt")]
    body = {"files": files} | ({"gitIgnore": ignore} if ignore is not None else {})
    return send("POST", f"/api/datasets/{repo}/preupload/main", body=body)


def test_a_pattern_that_git_cannot_read_matches_nothing(send: Send, dataset: str) -> None:
    assert commit(send, dataset, {".gitattributes": b"[z-a] filter=lfs\n*.bin filter=lfs\n"}).status == 200
    answer = preupload(send, dataset, "[z-y]\n*.txt")
    assert [(file["uploadMode"], file["shouldIgnore"]) for file in answer.json()["files"]] == [
        ("lfs", False),
        ("regular", True),
    ]


def test_too_many_patterns_are_refused_before_they_are_stored(send: Send, dataset: str) -> None:
    many = b"".join(b"a%d filter=lfs\n" % number for number in range(1001))
    for name in (".gitattributes", ".gitignore"):
        answer = commit(send, dataset, {name: many})
        assert (answer.status, answer.error[:17]) == (400, "Too many patterns")
    assert preupload(send, dataset, many.decode()).status == 400
    assert preupload(send, dataset).status == 200


def test_the_work_of_a_preupload_is_bounded(api: HfApi, send: Send, dataset: str) -> None:
    names = ["/".join(["a" * 250] * 3 + ["a" * 200 + str(number)]) for number in range(256)]
    body = {
        "files": [{"path": name, "size": 1, "sample": ""} for name in names],
        "gitIgnore": f"*{'a' * 60}b\n" * 1000,
    }
    answer = send("POST", f"/api/datasets/{dataset}/preupload/main", body=body)
    assert (answer.status, "send fewer files" in answer.error) == (400, True)


@pytest.mark.parametrize("kind", ["model", "dataset", "space"])
@pytest.mark.parametrize(
    "header",
    [
        "a: !!timestamp x",
        "a: !!int ''",
        "a: !!bool x",
        "base_model_relation: [a]",
        "base_model_relation: {a: 1}",
        "sdk: [gradio]",
        "sdk: gradio\ncolorFrom: [red]",
        "model-index: [{name: a, results: [{task: x, dataset: [1], metrics: [1]}]}]",
        "a: 1:59:59.5" + ":59" * 1000 + ".0",
    ],
)
def test_odd_cards_are_answered(send: Send, header: str, kind: str) -> None:
    body = {"content": f"---\n{header}\n---\n", "repoType": kind}
    assert send("POST", "/api/validate-yaml", body=body, token=None).status in (200, 400)


def test_odd_members_are_refused(send: Send, dataset: str) -> None:
    operation = {"path": "a", "content": "\ud800", "encoding": "utf-8"}
    lines = [{"key": "header", "value": {"summary": "s"}}, {"key": "file", "value": operation}]
    refused = [
        send("POST", "/api/repos/create", body={"name": "odd", "sdk": ["gradio"]}),
        send("POST", f"/api/datasets/{dataset}/commit/main", body="\n".join(map(json.dumps, lines)).encode()),
        send("POST", f"/api/datasets/{dataset}/paths-info/main", body={"paths": ["\ud800"]}),
        send("POST", "/api/collections", body={"title": "t", "item": {"type": "model", "id": "\ud800/x"}}),
    ]
    assert [answer.status for answer in refused] == [400] * 4


def test_a_readme_in_lfs_is_data_and_no_card(api: HfApi, send: Send) -> None:
    """Its content was not checked by the commit, so nothing reads it, least of all under the write lock."""
    api.create_repo("lema/lfs-card")
    content = b"---\nlicense: [\ntags: x\n---\n"
    oid, size = hashlib.sha256(content).hexdigest(), len(content)
    objects = {"operation": "upload", "objects": [{"oid": oid, "size": size}]}
    [answer] = send("POST", "/lema/lfs-card.git/info/lfs/objects/batch", body=objects).json()["objects"]
    assert send("PUT", answer["actions"]["upload"]["href"], body=content, token=None).status == 200
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n"
    assert commit(send, "lema/lfs-card", {"README.md": pointer.encode()}, kind="models").status == 200
    info = send("GET", "/api/models/lema/lfs-card").json()
    assert (info["cardData"], info["tags"]) == ({}, [])
    assert b"license" not in send("GET", "/lema/lfs-card").body
    assert send("GET", "/lema/lfs-card/resolve/main/README.md").body == content


def test_what_was_named_badly_in_former_times_can_be_deleted(tmp_path: Path) -> None:
    with LocalHub(tmp_path) as hub:
        api = HfApi(endpoint=hub.url, token=hub.token)
        api.create_repo("lema/former")
        api.upload_file(path_or_fileobj=b"x", path_in_repo="nul-1/a", repo_id="lema/former")
        store = Store(hub.directory / DATABASE)
        with store.write() as db:
            db.execute("UPDATE entry SET name = 'NUL' WHERE name = 'nul-1'")
        store.close()
        with pytest.raises(HfHubHTTPError, match="device"):
            api.upload_file(path_or_fileobj=b"y", path_in_repo="NUL/b", repo_id="lema/former")
        api.delete_file("NUL/a", "lema/former")
        assert api.list_repo_files("lema/former") == [".gitattributes"]


def test_a_diff_ends_after_so_many_bytes(api: HfApi, send: Send, dataset: str) -> None:
    assert commit(send, dataset, {f"{n}.txt": b"a\n" * 40_000 for n in range(9)}).status == 200
    changed = {f"{n}.txt": b"b\n" * 40_000 for n in range(9)}
    assert commit(send, dataset, changed, query="?create_pr=1").status == 200
    diff = api.get_discussion_details(dataset, 1, repo_type="dataset").diff
    assert diff.count("diff --git") == 6
    assert diff.endswith("\n... and 3 more files\n")

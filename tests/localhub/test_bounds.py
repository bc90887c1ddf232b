"""What strangers may send, and what it costs: every refusal is a 4xx, and everything else goes on."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from huggingface_hub import HfApi

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

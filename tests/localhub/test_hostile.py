"""Random nonsense on every route: a refusal is fine, a crash is not."""

from __future__ import annotations

import json
import random
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from huggingface_hub import HfApi

from lema_hub.localhub import LocalHub
from lema_hub.localhub.http import app

if TYPE_CHECKING:
    from tests.localhub.conftest import Send

REQUESTS = 600
WORDS = [
    "main", "lema", "hostile", "..", ".", "a/b", "%2e%2e", "\0", "ü", "😀", "x" * 3000, "refs/heads/main", "refs/pr/1",
    "0" * 40, "abcdef1", "'; DROP TABLE repo;--", "*" * 50, "[", "a b", "README.md", "@{", "-x", "HEAD", ".git", "\n",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, 0, -1, 2**70, 1.5, "", "a", "../x", "\ud800", "x" * 2000, [], {}, ["a"], [{}], "YWJj", "0" * 64,
    "upload",
]  # fmt: skip
KEYS = [
    "name", "organization", "type", "visibility", "private", "gated", "sdk", "fromRepo", "toRepo", "tag", "message",
    "startingPoint", "content", "repoType", "files", "gitIgnore", "objects", "operation", "hash_algo", "oid", "size",
    "paths", "path", "sample", "expand", "summary", "title", "description", "pullRequest", "comment", "status",
    "item", "id", "note", "position", "theme", "namespace",
]  # fmt: skip
QUERIES = [
    "expand", "blobs", "recursive", "cursor", "limit", "filter", "search", "author", "gated", "sort", "full",
    "create_pr", "include_prs", "diff", "p", "status",
]  # fmt: skip


def routes() -> list[tuple[str, str]]:
    """Method and path of everything that is served, but for the deletion of repos."""
    found = [(method, path) for method, path, _ in app._FREE_ROUTES if method != "DELETE"]
    found.append(("PUT", "/api/uploads/{slip}"))
    for plural, prefix in (("models", ""), ("datasets", "datasets/"), ("spaces", "spaces/")):
        found += [
            (method, f"/api/{plural}/{{namespace}}/{{name}}{path}") for method, path, _ in app._REPO_ROUTES
        ]
        found += [(method, f"/{prefix}{{namespace}}/{{name}}{path}") for method, path, _ in app._PAGE_ROUTES]
        found += [
            ("POST", f"/api/{plural}/{{namespace}}/{{name}}/commit/{{revision}}"),
            ("GET", f"/api/{plural}"),
        ]
    return found


def value(chance: random.Random, depth: int = 0) -> Any:
    """A JSON value, mostly of the wrong type."""
    draw = chance.random()
    if draw < 0.6 or depth > 2:
        return chance.choice(VALUES)
    if draw < 0.8:
        return [value(chance, depth + 1) for _ in range(chance.randint(0, 3))]
    return {chance.choice(KEYS): value(chance, depth + 1) for _ in range(chance.randint(0, 4))}


def commit_body(chance: random.Random) -> bytes:
    """The lines of a commit, some of them sound."""
    lines: list[dict[str, Any]] = [{"key": "header", "value": {"summary": "s"}}]
    for _ in range(chance.randint(0, 4)):
        operation = {
            "path": chance.choice([*WORDS, "a.txt", "b/c.txt"]),
            "content": chance.choice(["YWJj", "!!", None, "LS0tCmE6IFsKLS0tCg==", ""]),
            "encoding": chance.choice(["base64", "utf-8", None, 5]),
            "oid": value(chance, 3),
            "size": value(chance, 3),
        }
        key = chance.choice(["file", "lfsFile", "deletedFile", "deletedFolder", "pony"])
        lines.append({"key": key, "value": operation})
    return "\n".join(json.dumps(line) for line in lines).encode()


def test_no_request_makes_the_server_fail(api: HfApi, send: Send, hub: LocalHub) -> None:
    for kind, sdk in (("model", None), ("dataset", None), ("space", "static")):
        api.create_repo("lema/hostile", repo_type=kind, space_sdk=sdk)
        api.create_pull_request("lema/hostile", "first", repo_type=kind)
    chance = random.Random(20231031)
    served = routes()
    statuses: set[int] = set()

    def segment(match: re.Match[str]) -> str:
        usual = {"namespace": "lema", "name": "hostile", "revision": "main", "num": "1"}.get(match[1])
        word = usual if usual and chance.random() < 0.8 else chance.choice(WORDS)
        return quote(word, safe=chance.choice(["", "/"]))

    for _ in range(REQUESTS):
        method, pattern = chance.choice(served)
        path = re.sub(r"\{(\w+)(?::path)?\}", segment, pattern)
        if chance.random() < 0.4:
            path += f"?{chance.choice(QUERIES)}={quote(chance.choice([*WORDS, 'true', '1', '-5', '9' * 30]))}"
        body: bytes | None = None
        if method != "GET":
            kinds = [
                commit_body(chance),
                json.dumps(
                    {chance.choice(KEYS): value(chance) for _ in range(chance.randint(0, 5))}
                ).encode(),
                chance.randbytes(200),
                b"paths=a&paths=%ff&expand=true",
                json.dumps(value(chance)).encode(),
            ]
            body = kinds[0] if "/commit/" in path and chance.random() < 0.8 else chance.choice(kinds)
        headers = {"Range": chance.choice(["bytes=0-", "bytes=5-2", "x", "bytes=-0", "bytes=999-"])}
        reply = send(method, path, body=body, headers=headers if chance.random() < 0.2 else None)
        statuses.add(reply.status)
        assert reply.status < 500 or reply.status == 501, (method, path, body, reply)
    assert {200, 400, 404, 422} <= statuses
    assert api.whoami()["name"] == "lema"

"""Endpoints that write to a branch: how to upload what, the commit, and the squash of a history."""

import base64
import binascii
import sqlite3
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from lema_hub.localhub import (
    attributes,
    bounds,
    cards,
    changes,
    commits,
    discussions,
    info,
    lfs,
    lfs_files,
    pulls,
    refs,
    repos,
    trees,
)
from lema_hub.localhub.blobs import BlobBatch
from lema_hub.localhub.changes import AddFile, AddLfsFile, DeleteFile, DeleteFolder, Operation
from lema_hub.localhub.errors import ApiError
from lema_hub.localhub.http.call import Call, Json, parse_object, text_member
from lema_hub.localhub.paths import RepoType, check_file_path
from lema_hub.localhub.repos import Repo


def preupload(call: Call) -> Response:
    """POST /api/{type}/{repo}/preupload/{revision}: how to upload each file, and what is there now."""
    values = call.json()
    wanted = values.get("files")
    if (
        not isinstance(wanted, list)
        or len(wanted) > bounds.PREUPLOAD_FILES
        or not all(isinstance(f, dict) for f in wanted)
    ):
        raise ApiError(400, f"Member 'files' must be a list of at most {bounds.PREUPLOAD_FILES} objects")
    answers = []
    with call.state.store.read() as db:
        repo = _writable(call, db)
        commit = commits.get(db, repo.key, refs.resolve(db, repo.key, call.param("revision")))
        git_attributes = info.read_text(db, call.state.blobs, repo.key, commit.tree, ".gitattributes")
        git_ignore = values.get("gitIgnore")
        if not isinstance(git_ignore, str):
            git_ignore = info.read_text(db, call.state.blobs, repo.key, commit.tree, ".gitignore")
        large, ignored = attributes.lfs_rules(git_attributes), attributes.ignore_rules(git_ignore)
        for file in wanted:
            path = check_file_path(text_member(file, "path", limit=4096))
            size = file.get("size")
            if not isinstance(size, int) or size < 0:
                raise ApiError(400, f"Member 'size' of {path} must be a whole number of bytes")
            entry = trees.find(db, repo.key, commit.tree, path)
            answer: dict[str, Any] = {
                "path": path,
                "uploadMode": attributes.upload_mode(path, size, _decode(file.get("sample") or ""), large),
                "shouldIgnore": ignored.matches(path),
            }
            gone = entry is not None and entry.lfs and lfs_files.is_removed(db, repo.key, entry.sha256)
            if entry is not None and entry.kind == "file" and not gone:
                answer["oid"] = entry.sha256 if entry.lfs else entry.oid
            answers.append(answer)
    return Json({"files": answers})


def _writable(call: Call, db: sqlite3.Connection) -> Repo:
    """The repo, if the asker may commit where the request says; to a pull request, all who take part may ask."""
    if call.flag("create_pr") or call.param("revision").startswith(refs.PULLS):
        return repos.require_part(call.identity, call.repo(db))
    return call.repo(db, "write")


def _decode(text: object) -> bytes:
    try:
        return base64.b64decode(text, validate=True)  # type: ignore[arg-type]  # a TypeError is caught
    except (binascii.Error, TypeError, ValueError):
        raise ApiError(400, "File content must be base64") from None


async def commit(call: Call) -> Response:
    """POST /api/{type}/{repo}/commit/{revision}: one JSON line for the header, one for each operation.

    Lines are taken as they come and small files put on the disk at once, so that memory holds one line.
    The lock is taken only after the last one.
    """
    await run_in_threadpool(_check_may_commit, call)
    with call.state.blobs.batch() as batch:
        reader = _Reader(call.kind, batch)
        await _read_lines(call, reader)
        request = reader.request()
        await run_in_threadpool(batch.commit)
    return await run_in_threadpool(_commit, call, request)


async def _read_lines(call: Call, reader: "_Reader") -> None:
    pending = bytearray()
    total = 0
    async for piece in call.request.stream():
        total += len(piece)
        pending += piece
        if total > bounds.COMMIT_BYTES:
            raise ApiError(
                413, f"Commit is larger than {bounds.COMMIT_BYTES} bytes: upload large files by LFS"
            )
        if b"\n" in piece:
            *lines, pending = pending.split(b"\n")
            await run_in_threadpool(reader.take, *lines)
        if len(pending) > bounds.COMMIT_LINE_BYTES:
            raise ApiError(
                413, f"A commit line is larger than {bounds.COMMIT_LINE_BYTES} bytes: upload the file by LFS"
            )
    await run_in_threadpool(reader.take, pending)


def _check_may_commit(call: Call) -> None:
    with call.state.store.read() as db:
        _writable(call, db)


class _Reader:
    """Turns the lines of a commit into its request, and stores the contents on the way."""

    def __init__(self, kind: RepoType, batch: BlobBatch) -> None:
        self._kind = kind
        self._batch = batch
        self._header: dict[str, Any] | None = None
        self._operations: list[Operation] = []

    def take(self, *lines: bytes | bytearray) -> None:
        """Read lines; empty ones are skipped."""
        for line in lines:
            if line.strip():
                self._take(line)

    def _take(self, line: bytes | bytearray) -> None:
        item = parse_object(line, "commit line")
        key, value = item.get("key"), item.get("value")
        if not isinstance(value, dict):
            raise ApiError(400, 'A commit line must look like {"key": ..., "value": {...}}')
        if key == "header":
            self._header = value
            return
        if len(self._operations) >= bounds.OPERATIONS:
            raise ApiError(413, f"Commit has more than {bounds.OPERATIONS} operations: split it")
        self._operations.append(self._operation(key, value))

    def _operation(self, key: object, value: dict[str, Any]) -> Operation:
        path = text_member(value, "path", limit=4096)
        if key == "file":
            return self._small_file(check_file_path(path), value)
        if key == "lfsFile":
            fault = lfs.check_object(value.get("oid"), value.get("size", 0))
            if fault is not None:
                raise ApiError(400, f"LFS file {path}: {fault}")
            return AddLfsFile(path=path, sha256=value["oid"], size=value.get("size"))
        if key == "deletedFile":
            return DeleteFile(path=path)
        if key == "deletedFolder":
            return DeleteFolder(path=path)
        raise ApiError(400, f"Unknown commit operation {key!r:.40}")

    def _small_file(self, path: str, value: dict[str, Any]) -> AddFile | AddLfsFile:
        content = value.get("content")
        encoding = value.get("encoding", "utf-8")
        if not isinstance(content, str) or encoding not in ("base64", "utf-8"):
            raise ApiError(
                400, f"File {path} must have a 'content' string and the 'encoding' base64 or utf-8"
            )
        data = _decode(content) if encoding == "base64" else content.encode()
        pointer = trees.read_pointer(data)
        if pointer is not None:
            # A checkout without git-lfs holds pointers: they mean the large file, here as in git.
            return AddLfsFile(path=path, sha256=pointer[0], size=pointer[1])
        if path == "README.md":
            _check_card(data, self._kind)
        elif path in attributes.PATTERN_FILES:
            attributes.check_pattern_file(path, data.decode(errors="replace"))
        return AddFile(
            path=path, oid=trees.git_id("blob", data), sha256=self._batch.add(data), size=len(data)
        )

    def request(self) -> changes.Request:
        """The whole commit, once every line was taken."""
        if self._header is None:
            raise ApiError(400, "The commit has no header line")
        title, _, rest = text_member(self._header, "summary", limit=bounds.TITLE_CHARS).partition("\n")
        message = text_member(self._header, "description", "", limit=bounds.MESSAGE_CHARS)
        if not title.strip():
            raise ApiError(400, "The commit's summary must not be empty")
        parent = text_member(self._header, "parentCommit", "", limit=40).lower() or None
        return changes.Request(
            title=title.strip(),
            message="\n\n".join(part for part in (rest.strip(), message) if part),
            parent=parent,
            operations=self._operations,
        )


def _check_card(readme: bytes, kind: RepoType) -> None:
    errors = cards.check(readme.decode(errors="replace"), kind).errors
    if errors:
        raise ApiError(400, f"Invalid metadata in README.md: {'; '.join(errors)}")


def _commit(call: Call, request: changes.Request) -> Response:
    branch = call.param("revision").removeprefix("refs/heads/")
    user = str(call.identity.user)
    pull = None
    with call.state.store.write() as db:
        repo = _writable(call, db)
        if call.flag("create_pr"):
            pull, done = pulls.propose(db, repo, branch, request, user)
        elif branch.startswith(refs.PULLS):
            done = pulls.add(db, repo, discussions.of_ref(db, repo, branch), request, call.identity)
        else:
            done = changes.apply(db, repo.key, branch, request, user)
            if branch == refs.MAIN:
                info.index(db, call.state.blobs, repo, done.tree)
    page = f"{call.base_url}/{repo.url_path}"
    answer = {
        "success": True,
        "commitUrl": f"{page}/commit/{done.oid}",
        "commitOid": done.oid,
        "hookOutput": "",
    }
    if pull is not None:
        answer["pullRequestUrl"] = f"{page}/discussions/{pull.num}"
    return Json(answer)


def squash(call: Call) -> Response:
    """POST /api/{type}/{repo}/super-squash/{branch}."""
    message = text_member(call.json(), "message", "Super-squash branch using huggingface_hub")
    branch = call.param("ref").removeprefix("refs/heads/")
    with call.state.store.write() as db:
        repo = call.repo(db, "write")
        if branch.startswith(refs.PULLS):
            discussions.of_ref(db, repo, branch)
        commits.squash(db, repo.key, branch, message.partition("\n")[0], str(call.identity.user))
    return Json({"success": True})

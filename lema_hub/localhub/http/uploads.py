"""Endpoints of git-lfs: where to put large files, the files themselves, and the proof that they arrived."""

import re
import time
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from lema_hub.localhub import changes, lfs, repos
from lema_hub.localhub.blobs import CHUNK_BYTES, BlobWriter, PartWriter
from lema_hub.localhub.errors import ApiError
from lema_hub.localhub.http.call import Call, Json
from lema_hub.localhub.lfs import Slip


def batch(call: Call) -> Response:
    """POST /{repo}.git/info/lfs/objects/batch: a signed url for each object that the repo lacks."""
    values = call.json()
    objects = values.get("objects")
    if values.get("operation") != "upload":
        raise ApiError(422, "Only the LFS operation 'upload' is served here; download by the resolve url")
    if values.get("hash_algo", "sha256") != "sha256":
        raise ApiError(409, "Only hash_algo sha256 is supported")
    if (
        not isinstance(objects, list)
        or len(objects) > lfs.MAX_BATCH
        or not all(isinstance(o, dict) for o in objects)
    ):
        raise ApiError(422, f"Member 'objects' must be a list of at most {lfs.MAX_BATCH} objects")
    answers = []
    transfers = values.get("transfers")
    in_parts = isinstance(transfers, list) and "multipart" in transfers
    free = call.state.blobs.free_bytes()
    with call.state.store.write() as db:
        # A pull request brings its large files before it is opened, by whoever may open one.
        repo = repos.require_part(call.identity, call.repo(db))
        for wanted in objects:
            oid, size = wanted.get("oid"), wanted.get("size")
            answer: dict[str, Any] = {"oid": oid, "size": size}
            fault = lfs.check_object(oid, size)
            if fault is not None:
                answer |= {"oid": str(oid), "size": size if isinstance(size, int) else 0}
                answer["error"] = {"code": 422, "message": fault}
            elif lfs.is_held(db, repo.key, oid):
                pass  # no actions: nothing to upload
            elif size > free:
                answer["error"] = {
                    "code": 507,
                    "message": f"The server's disk has {free} bytes left, not {size}",
                }
            else:
                free -= size
                part_bytes = lfs.PART_BYTES if size > lfs.PART_BYTES and in_parts else 0
                slip = Slip(repo.key, oid, size, int(time.time()) + lfs.LIFETIME_SECONDS, part_bytes)
                answer["actions"] = {
                    "upload": _upload_action(call, slip),
                    "verify": {"href": f"{call.base_url}/{repo.url_path}.git/info/lfs/objects/verify"},
                }
            answers.append(answer)
    return Json({"transfer": "basic", "objects": answers}, media_type="application/vnd.git-lfs+json")


def _upload_action(call: Call, slip: Slip) -> dict[str, Any]:
    """Where to put an object: at one url, or its parts at several and then a word to the one that joins them."""
    href = f"{call.base_url}/api/uploads/{call.state.signer.sign(slip)}"
    if slip.part_bytes == 0:
        return {"href": href}
    parts = {f"{number:05}": f"{href}/{number}" for number in range(1, slip.parts + 1)}
    return {"href": href, "header": {"chunk_size": str(slip.part_bytes), **parts}}


async def put(call: Call) -> Response:
    """PUT /api/uploads/{slip}: the bytes, hashed while they are written, kept if they are as promised."""
    slip = call.state.signer.open(call.param("slip"))
    announced = call.request.headers.get("content-length", "")
    if re.fullmatch(r"[0-9]{1,20}", announced) and int(announced) > slip.size:
        raise ApiError(
            413, f"Upload of {announced} bytes is larger than the {slip.size} bytes that were announced"
        )
    with call.state.blobs.writer(limit=slip.size) as writer:
        await _receive(call, writer, slip.size)
        await run_in_threadpool(writer.commit, expected=slip.sha256)
    await run_in_threadpool(_record, call, slip)
    return Response(status_code=200)


async def put_part(call: Call) -> Response:
    """PUT /api/uploads/{slip}/{number}: one part, written to its place in the file."""
    text = call.param("slip")
    number = call.param("number")
    slip = call.state.signer.open(text)
    offset, size = slip.part(int(number) if re.fullmatch(r"[0-9]{1,9}", number) else 0)
    with call.state.blobs.part_writer(text, offset=offset, limit=size) as writer:
        await _receive(call, writer, size)
    return Response(status_code=200, headers={"ETag": f'"{writer.sha256}"'})


async def _receive(call: Call, writer: BlobWriter | PartWriter, size: int) -> None:
    pending = bytearray()
    async for piece in call.request.stream():
        pending += piece
        if len(pending) >= CHUNK_BYTES:
            await run_in_threadpool(writer.write, bytes(pending))
            pending.clear()
    await run_in_threadpool(writer.write, bytes(pending))
    if writer.size != size:
        raise ApiError(400, f"Upload has {writer.size} bytes, expected {size}")


def join_parts(call: Call) -> Response:
    """POST /api/uploads/{slip}: all parts have been sent; asked again, it finds the object there."""
    text = call.param("slip")
    slip = call.state.signer.open(text)
    with call.state.store.write() as db:
        held = lfs.is_held(db, slip.repo, slip.sha256)
    if not held:
        call.state.blobs.assemble(text, expected=slip.sha256, size=slip.size)
        _record(call, slip)
    return Json({"success": True})


def _record(call: Call, slip: Slip) -> None:
    with call.state.store.write() as db:
        if repos.by_key(db, slip.repo) is None:
            raise ApiError(404, "The repo of this upload was deleted", "RepoNotFound")
        changes.record_blob(db, slip.repo, slip.sha256, slip.size)


def verify(call: Call) -> Response:
    """POST /{repo}.git/info/lfs/objects/verify."""
    values = call.json()
    fault = lfs.check_object(values.get("oid"), values.get("size"))
    if fault is not None:
        raise ApiError(422, fault)
    with call.state.store.read() as db:
        repo = repos.require_part(call.identity, call.repo(db))
        row = db.execute(
            "SELECT size FROM blob WHERE repo = ? AND sha256 = ? AND NOT removed", (repo.key, values["oid"])
        ).fetchone()
    if row is None or row["size"] != values["size"]:
        raise ApiError(404, f"LFS object {values['oid']} was not uploaded to this repo with that size")
    return Json({})

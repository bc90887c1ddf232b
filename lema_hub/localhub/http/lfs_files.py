"""Endpoints of the large files of a repo: the list, and their deletion for good."""

from starlette.responses import Response

from lema_hub.localhub import commits, discussions, info, lfs, lfs_files, refs
from lema_hub.localhub.errors import ApiError
from lema_hub.localhub.http.call import Call, Json


def listing(call: Call) -> Response:
    """GET /api/{type}/{repo}/lfs-files."""
    with call.state.store.read() as db:
        found = lfs_files.listing(db, call.repo(db, "write").key)
    return Json(
        [
            {
                "fileOid": file.sha256,
                "oid": file.sha256,
                "filename": file.path,
                "size": file.size,
                "pushedAt": info.iso_date(file.pushed_at),
                **({} if file.ref is None else {"ref": file.ref}),
            }
            for file in found
        ]
    )


def delete(call: Call) -> Response:
    """POST /api/{type}/{repo}/lfs-files/batch."""
    deletions = call.json().get("deletions")
    shas = deletions.get("sha") if isinstance(deletions, dict) else None
    if (
        not isinstance(deletions, dict)
        or not isinstance(shas, list)
        or len(shas) > lfs.MAX_BATCH
        or not all(isinstance(sha256, str) for sha256 in shas)
    ):
        raise ApiError(400, f"Member 'deletions.sha' must be a list of at most {lfs.MAX_BATCH} strings")
    with call.state.store.write() as db:
        repo = call.repo(db, "write")
        rewritten = lfs_files.delete(
            db, repo.key, set(shas), rewrite=deletions.get("rewriteHistory") is not False
        )
        discussions.follow(db, repo, rewritten)
        head = commits.get(db, repo.key, refs.resolve(db, repo.key, refs.MAIN))
        info.index(db, call.state.blobs, repo, head.tree)
    return Json({"success": True})

"""What the Hub tells about a repo: the JSON of `model_info`, `dataset_info`, `space_info` and listings."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from lema_hub.localhub import bounds, frontmatter, likes, safetensors, strictjson, suffixes, tags, trees
from lema_hub.localhub.blobs import Blobs
from lema_hub.localhub.commits import Commit
from lema_hub.localhub.repos import Repo

Json = dict[str, Any]


def iso_date(seconds: int) -> str:
    """Seconds since 1970 as the Hub writes dates."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def read_text(db: sqlite3.Connection, blobs: Blobs, repo: int, tree: str, path: str) -> str:
    """A small text file of a commit; empty if it is missing, large, or stored by git-lfs.

    A commit checks a README that it brings, but not the content of a large file: that is data here, whatever its name.
    """
    entry = trees.find(db, repo, tree, path)
    if entry is None or entry.kind != "file" or entry.lfs or entry.size > bounds.TEXT_BYTES:
        return ""
    return blobs.read(entry.sha256).decode(errors="replace")


def tags_at(db: sqlite3.Connection, blobs: Blobs, repo: Repo, tree: str) -> list[str]:
    """The tags that a commit's README and file names give to its repo."""
    readme = read_text(db, blobs, repo.key, tree, "README.md")
    return tags.derive(readme, repo.type, _markers(db, repo.key, tree), suffixes.below(db, repo.key, tree))


def _markers(db: sqlite3.Connection, repo: int, tree: str) -> frozenset[str]:
    found = (trees.find(db, repo, tree, name) for name in tags.MARKERS)
    return frozenset(entry.path for entry in found if entry is not None and entry.kind == "file")


def _top_files(db: sqlite3.Connection, repo: int, tree: str) -> list[trees.Entry]:
    top = trees.children(db, repo, tree)
    return [entry for _, entry in sorted(top.items()) if entry.kind == "file"]


def index(db: sqlite3.Connection, blobs: Blobs, repo: Repo, tree: str) -> None:
    """Store the tags of a new head of `main`, for the listings to filter by."""
    db.execute("DELETE FROM repo_tag WHERE repo = ?", (repo.key,))
    found = tags_at(db, blobs, repo, tree)
    db.executemany("INSERT OR IGNORE INTO repo_tag VALUES (?, ?)", [(repo.key, tag) for tag in found])


def describe(
    db: sqlite3.Connection,
    blobs: Blobs,
    repo: Repo,
    commit: Commit,
    *,
    only: frozenset[str] | None = None,
    with_blobs: bool = False,
) -> Json:
    """Everything about a repo at a commit.

    Args:
        db: A reading transaction.
        blobs: Where the contents lie.
        repo: The repo.
        commit: The commit whose files are described.
        only: The members asked for by `expand`; None for all.
        with_blobs: Give sizes and ids of the files too.
    """
    readme = read_text(db, blobs, repo.key, commit.tree, "README.md")
    markers = _markers(db, repo.key, commit.tree)
    try:
        card = frontmatter.read(readme)
    except frontmatter.CardError:
        card = {}
    members: dict[str, Callable[[], object]] = {
        "author": lambda: repo.namespace,
        "sha": lambda: commit.oid,
        "lastModified": lambda: iso_date(commit.created_at),
        "createdAt": lambda: repo.created_at,
        "private": lambda: repo.private,
        "gated": lambda: repo.gated or False,
        "disabled": lambda: False,
        "likes": lambda: likes.count(db, repo.key),
        "tags": lambda: tags.derive(readme, repo.type, markers, suffixes.below(db, repo.key, commit.tree)),
        "cardData": lambda: card,
        "siblings": lambda: [_sibling(entry, with_blobs) for entry in trees.files(db, repo.key, commit.tree)],
        "usedStorage": lambda: used_storage(db, repo.key),
    }
    if repo.type == "model":
        members |= {
            "pipeline_tag": lambda: card.get("pipeline_tag"),
            "library_name": lambda: tags.library_name(card, markers),
            "config": lambda: _config(read_text(db, blobs, repo.key, commit.tree, "config.json")),
            "safetensors": lambda: _safetensors(blobs, _top_files(db, repo.key, commit.tree)),
            "model-index": lambda: card.get("model-index"),
        }
    elif repo.type == "dataset":
        members |= {"description": lambda: card.get("description")}
    else:
        members |= {
            "sdk": lambda: card.get("sdk") or repo.sdk,
            "models": lambda: card.get("models", []),
            "datasets": lambda: card.get("datasets", []),
        }
    described: Json = {"id": repo.id}
    if repo.type == "model":
        described["modelId"] = repo.id
    for member, value in members.items():
        if only is None or member in only:
            described[member] = value()
    return {member: value for member, value in described.items() if value is not None}


def summary(db: sqlite3.Connection, repo: Repo) -> Json:
    """The short form of a repo that listings show."""
    rows = db.execute("SELECT tag FROM repo_tag WHERE repo = ?", (repo.key,))
    return {
        "id": repo.id,
        **({"modelId": repo.id} if repo.type == "model" else {}),
        "author": repo.namespace,
        "lastModified": repo.updated_at,
        "createdAt": repo.created_at,
        "private": repo.private,
        "gated": repo.gated or False,
        "disabled": False,
        "likes": likes.count(db, repo.key),
        "tags": [tag for (tag,) in rows],
    }


def file_json(entry: trees.Entry) -> Json:
    """One line of a tree listing."""
    described: Json = {"type": entry.kind, "oid": entry.oid, "size": entry.size, "path": entry.path}
    if entry.lfs:
        described["lfs"] = {"oid": entry.sha256, "size": entry.size, "pointerSize": entry.pointer_size}
    return described


def used_storage(db: sqlite3.Connection, repo: int) -> int:
    """Bytes of all contents that a repo holds, over its whole history."""
    total: int = db.execute(
        "SELECT coalesce(sum(size), 0) FROM blob WHERE repo = ? AND NOT removed", (repo,)
    ).fetchone()[0]
    return total


def _sibling(entry: trees.Entry, with_blobs: bool) -> Json:
    described: Json = {"rfilename": entry.path}
    if with_blobs:
        described |= {"size": entry.size, "blobId": entry.oid}
        if entry.lfs:
            described["lfs"] = {"sha256": entry.sha256, "size": entry.size, "pointerSize": entry.pointer_size}
    return described


def _config(text: str) -> Json | None:
    shown = ("architectures", "model_type", "quantization_config")
    try:
        config = strictjson.loads(text)
        return frontmatter.json_safe({key: config[key] for key in shown if key in config})  # type: ignore[no-any-return]
    except (ValueError, TypeError):
        return None


def _safetensors(blobs: Blobs, files: list[trees.Entry]) -> Json | None:
    """Number of parameters by dtype; None if a header is missing or unsound, or all of them are too long."""
    parameters: dict[str, int] = {}
    left = bounds.SAFETENSORS_BYTES
    for entry in files:
        if "/" in entry.path or not entry.path.endswith(".safetensors"):
            continue
        try:
            header = safetensors.read(blobs.path(entry.sha256))
        except OSError:
            return None
        if header is None or (left := left - header.size) < 0:
            return None
        for dtype, count in header.parameters.items():
            parameters[dtype] = parameters.get(dtype, 0) + count
    return {"parameters": parameters, "total": sum(parameters.values())} if parameters else None

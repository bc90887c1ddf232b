"""Checks and collections of a server's directory."""

from __future__ import annotations

import hashlib
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from lema_hub.localhub import LocalHub
from lema_hub.localhub.blobs import Blobs
from lema_hub.localhub.fsck import check
from lema_hub.localhub.garbage import collect
from lema_hub.localhub.server import DATABASE
from lema_hub.localhub.store import Store

OLD, NEW, TAGGED = os.urandom(5000), os.urandom(5000), os.urandom(5000)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[HfApi, Store, Blobs]]:
    """A server of its own, with a few versions of one file."""
    with LocalHub(tmp_path) as hub:
        api = HfApi(endpoint=hub.url, token=hub.token)
        api.create_repo("lema/x", repo_type="dataset")
        for content, tag in ((TAGGED, "v1"), (OLD, None), (NEW, None)):
            put(api, content)
            if tag is not None:
                api.create_tag("lema/x", tag=tag, repo_type="dataset")
        store = Store(tmp_path / DATABASE)
        yield api, store, Blobs(tmp_path)
        store.close()


def put(api: HfApi, content: bytes, repo: str = "lema/x") -> None:
    api.upload_file(path_or_fileobj=content, path_in_repo="a.bin", repo_id=repo, repo_type="dataset")


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def on_disk(blobs: Blobs, *contents: bytes) -> list[bool]:
    return [blobs.path(sha(content)).exists() for content in contents]


def test_a_sound_directory(served: tuple[HfApi, Store, Blobs]) -> None:
    _, store, blobs = served
    seen: list[tuple[int, int]] = []
    report = check(store, blobs, progress=lambda done, total: seen.append((done, total)))
    assert (report.blobs, report.repos, report.commits, report.unreferenced, report.problems) == (
        4,
        1,
        4,
        0,
        (),
    )
    assert seen[-1] == (4, 4)


def test_damage_is_found_and_named(served: tuple[HfApi, Store, Blobs]) -> None:
    api, store, blobs = served
    blobs.path(sha(OLD)).unlink()
    damaged = blobs.path(sha(NEW))
    damaged.write_bytes(bytes([NEW[0] ^ 1]) + NEW[1:])
    problems = check(store, blobs).problems
    assert sorted(problem.split(":")[0] for problem in problems) == sorted(
        f"blob {sha(content)} of lema/x is damaged" for content in (OLD, NEW)
    )
    url = f"{api.endpoint}/datasets/lema/x/resolve/main/a.bin"
    for content in (OLD, NEW):
        blobs.path(sha(content)).unlink(missing_ok=True)
    with pytest.raises(urllib.error.HTTPError) as caught, urllib.request.urlopen(url):
        pass
    assert caught.value.code == 500
    assert b"run `lema hub fsck`" in caught.value.read()
    caught.value.close()
    with store.write() as db:
        db.execute("UPDATE commits SET title = 'rewritten' WHERE parent IS NULL")
        db.execute("UPDATE entry SET oid = ? WHERE name = '.gitattributes'", ("f" * 40,))
    text = "\n".join(check(store, blobs).problems)
    for part in ("does not hash to its id", "has the missing git object"):
        assert part in text


def test_collection_keeps_what_branches_and_tags_reach(served: tuple[HfApi, Store, Blobs]) -> None:
    api, store, blobs = served
    assert collect(store, blobs, grace_seconds=0).blobs == 0
    api.super_squash_history("lema/x", repo_type="dataset")
    time.sleep(1.1)  # commits are dated in whole seconds
    planned = collect(store, blobs, grace_seconds=0, dry_run=True)
    assert on_disk(blobs, OLD, NEW, TAGGED) == [True, True, True]
    assert collect(store, blobs, grace_seconds=3600).blobs == 0
    done = collect(store, blobs, grace_seconds=0)
    assert done == planned
    assert (done.blobs, done.bytes, done.commits) == (1, len(OLD), 2)
    assert on_disk(blobs, OLD, NEW, TAGGED) == [False, True, True]
    assert check(store, blobs).problems == ()
    path = api.hf_hub_download("lema/x", "a.bin", repo_type="dataset", revision="v1")
    assert Path(path).read_bytes() == TAGGED
    put(api, OLD)
    assert on_disk(blobs, OLD) == [True]


def test_collection_of_a_deleted_repo_spares_what_others_hold(served: tuple[HfApi, Store, Blobs]) -> None:
    api, store, blobs = served
    api.create_repo("lema/y", repo_type="dataset")
    put(api, NEW, "lema/y")
    api.delete_repo("lema/x", repo_type="dataset")
    done = collect(store, blobs, grace_seconds=0)
    assert done.blobs == 2
    assert on_disk(blobs, OLD, NEW, TAGGED) == [False, True, False]


def test_a_collection_that_dies_takes_nothing_that_is_held(
    served: tuple[HfApi, Store, Blobs], monkeypatch: pytest.MonkeyPatch
) -> None:
    api, store, blobs = served
    api.super_squash_history("lema/x", repo_type="dataset")
    with store.write() as db:
        db.execute("UPDATE commits SET created_at = created_at - 10")
    whole = Path.unlink

    def unlink_and_die(path: Path, missing_ok: bool = False) -> None:
        whole(path, missing_ok)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", unlink_and_die)
        with pytest.raises(KeyboardInterrupt):
            collect(store, blobs, grace_seconds=0)
    assert on_disk(blobs, OLD) == [False]
    assert not any("damaged" in problem for problem in check(store, blobs).problems)
    # What is gone is asked for again, not taken for granted.
    put(api, OLD)
    assert on_disk(blobs, OLD) == [True]


def test_uploads_that_wait_for_their_commit_are_spared(served: tuple[HfApi, Store, Blobs]) -> None:
    api, store, blobs = served
    from huggingface_hub import CommitOperationAdd

    waiting = CommitOperationAdd("b.bin", os.urandom(3000))
    api.preupload_lfs_files("lema/x", [waiting], repo_type="dataset", free_memory=False)
    assert collect(store, blobs, grace_seconds=60).blobs == 0
    api.create_commit("lema/x", [waiting], commit_message="after", repo_type="dataset")
    assert check(store, blobs).problems == ()


def test_abandoned_uploads_are_swept_when_they_are_old(
    served: tuple[HfApi, Store, Blobs], tmp_path: Path
) -> None:
    _, store, blobs = served
    for name, age in (("old", 7200), ("new", 0)):
        path = tmp_path / "tmp" / name
        path.write_bytes(b"x")
        os.utime(path, (time.time() - age, time.time() - age))
    collect(store, blobs, grace_seconds=3600, dry_run=True)
    assert len(list((tmp_path / "tmp").iterdir())) == 2
    collect(store, blobs, grace_seconds=3600)
    assert [path.name for path in (tmp_path / "tmp").iterdir()] == ["new"]


def test_a_negative_grace_is_refused(served: tuple[HfApi, Store, Blobs]) -> None:
    _, store, blobs = served
    with pytest.raises(ValueError, match="grace_seconds must be >= 0"):
        collect(store, blobs, grace_seconds=-1)

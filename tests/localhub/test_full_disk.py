"""A disk on which nothing more can be written, played by a limit on the size of files."""

from __future__ import annotations

import resource
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import HfApi

from lema_hub.localhub import HubError, LocalHub
from lema_hub.localhub.blobs import Blobs
from lema_hub.localhub.garbage import collect
from lema_hub.localhub.server import DATABASE
from lema_hub.localhub.store import Store
from tests.localhub.test_bounds import commit

if TYPE_CHECKING:
    from tests.localhub.conftest import Send


@pytest.fixture
def full() -> Iterator[Callable[[], None]]:
    """From the call to the end of the test no file of this process grows beyond 64 KB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_the_server_says_so_and_goes_on(
    api: HfApi, send: Send, dataset: str, hub: LocalHub, full: Callable[[], None]
) -> None:
    full()
    file = commit(send, dataset, {"large.txt": b"x" * 200_000})
    body = {"title": "t", "description": "x" * 60_000}
    row = send("POST", f"/api/datasets/{dataset}/discussions", body=body)
    for answer in (file, row):
        assert (answer.status, answer.error) == (507, "The server's disk is full")
    assert list((hub.directory / "tmp").iterdir()) == []
    assert api.list_repo_files(dataset, repo_type="dataset") == [".gitattributes"]


@pytest.mark.parametrize(
    ("command", "works"),
    [
        (["token", "list"], True),
        (["fsck"], True),
        (["token", "create", "x"], False),
        (["serve", "--port", "0"], False),
    ],
    ids=["list", "fsck", "create", "serve"],
)
def test_commands_say_so_in_one_line(command: list[str], works: bool, tmp_path: Path) -> None:
    LocalHub(tmp_path).close()
    python = [sys.executable, "-B", "-c", "from lema_hub.cli import main; main()", "hub"]
    limited = (
        f"ulimit -f {64 if works else 8}; exec {shlex.join([*python, *command, '--dir', str(tmp_path)])}"
    )
    done = subprocess.run(["sh", "-c", limited], capture_output=True, text=True, timeout=120)
    if works:
        assert (done.returncode, done.stderr) == (0, "")
    else:
        assert done.returncode == 1
        assert done.stderr.splitlines() == [
            f"lema: the disk of {tmp_path} is full: make room on it, then try again"
        ]


def test_a_hub_that_cannot_be_made_says_so(tmp_path: Path, full: Callable[[], None]) -> None:
    full()  # and even less: not one page of the database fits
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    with pytest.raises(HubError, match="is full: make room"):
        LocalHub(tmp_path / "hub")


def test_a_collection_makes_room_before_it_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    LocalHub(tmp_path).close()
    store, blobs = Store(tmp_path / DATABASE), Blobs(tmp_path)
    forgotten = blobs.path(blobs.put(b"no repo knows this"))

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with store.write() as db:
        db.execute(
            "INSERT INTO repo (type, namespace, name, private, created_at, updated_at)"
            " VALUES ('model', 'lema', 'x', 0, '', '')"
        )
    monkeypatch.setattr("lema_hub.localhub.garbage._collect_repo", refuse)
    with pytest.raises(OSError, match="No space left"):
        collect(store, blobs, grace_seconds=0)
    assert not forgotten.exists()
    store.close()

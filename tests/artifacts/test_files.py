"""Files by the hashes under which git, LFS and our manifests know them."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from lema_hub.artifacts.files import File, digest_of


def test_a_file_is_known_as_git_and_lfs_know_it(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"hello\n")
    git = subprocess.run(
        ["git", "hash-object", path], capture_output=True, text=True, check=True
    ).stdout.strip()
    for file in (File("a.txt", path), File("a.txt", b"hello\n")):
        assert (file.size, file.git_sha1) == (6, git)
        assert file.sha256 == hashlib.sha256(b"hello\n").hexdigest()
        assert file.same_as(file.sha256)
        assert file.same_as(git)
        assert not file.same_as("0" * 40)


def test_a_digest_is_of_paths_and_bytes_in_any_order() -> None:
    one, two = File("a", b"1"), File("b", b"2")
    assert digest_of([one, two]) == digest_of([two, one])
    assert digest_of([one, two]) != digest_of([File("a", b"2"), File("b", b"1")])
    assert digest_of([one]) != digest_of([File("c", b"1")])

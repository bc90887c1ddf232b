"""Commits: whole or not at all, on the parent that the client saw."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, RevisionNotFoundError

if TYPE_CHECKING:
    from tests.localhub.conftest import Reply, Send


def add(path: str, content: bytes = b"x") -> CommitOperationAdd:
    return CommitOperationAdd(path_in_repo=path, path_or_fileobj=content)


def commit(api: HfApi, repo: str, *operations: object, **options: object) -> str:
    done = api.create_commit(repo, operations, commit_message="change", repo_type="dataset", **options)  # type: ignore[arg-type]
    return str(done.oid)


def paths(api: HfApi, repo: str, revision: str = "main") -> list[str]:
    return sorted(api.list_repo_files(repo, repo_type="dataset", revision=revision))


def raw_commit(send: Send, repo: str, *operations: dict[str, object], **header: object) -> Reply:
    lines = [{"key": "header", "value": {"summary": "raw", **header}}, *operations]
    return send(
        "POST",
        f"/api/datasets/{repo}/commit/main",
        body=b"".join(json.dumps(line).encode() + b"\n" for line in lines),
    )


def raw_file(path: str, content: bytes = b"x") -> dict[str, object]:
    value = {"path": path, "content": base64.b64encode(content).decode(), "encoding": "base64"}
    return {"key": "file", "value": value}


def test_add_change_copy_delete(api: HfApi, dataset: str) -> None:
    large = os.urandom(40_000)
    commit(api, dataset, add("a.txt", b"one"), add("d/b.txt"), add("d/e/c.bin", large))
    commit(
        api,
        dataset,
        add("a.txt", b"two"),
        CommitOperationCopy(src_path_in_repo="d/e/c.bin", path_in_repo="copy.bin"),
        CommitOperationCopy(src_path_in_repo="d/b.txt", path_in_repo="copy.txt"),
    )
    assert paths(api, dataset) == [".gitattributes", "a.txt", "copy.bin", "copy.txt", "d/b.txt", "d/e/c.bin"]
    assert Path(api.hf_hub_download(dataset, "copy.bin", repo_type="dataset")).read_bytes() == large
    commit(api, dataset, CommitOperationDelete("d/", is_folder=True), CommitOperationDelete("a.txt"))
    assert paths(api, dataset) == [".gitattributes", "copy.bin", "copy.txt"]
    with pytest.raises(EntryNotFoundError):
        api.hf_hub_download(dataset, "a.txt", repo_type="dataset")


def test_a_commit_without_change_is_not_made(api: HfApi, dataset: str, send: Send) -> None:
    first = commit(api, dataset, add("a.txt", b"one"), add("b.bin", b"\0" * 50))
    assert commit(api, dataset, add("a.txt", b"one"), add("b.bin", b"\0" * 50)) == first
    assert raw_commit(send, dataset, raw_file("a.txt", b"one")).json()["commitOid"] == first


def test_a_stale_parent_is_refused(api: HfApi, dataset: str) -> None:
    seen = commit(api, dataset, add("a.txt", b"one"))
    now = commit(api, dataset, add("a.txt", b"two"), parent_commit=seen[:7])
    with pytest.raises(HfHubHTTPError, match="The branch was updated") as caught:
        commit(api, dataset, add("a.txt", b"three"), parent_commit=seen)
    assert caught.value.response.status_code == 412
    with pytest.raises(HfHubHTTPError, match="412"):
        commit(api, dataset, CommitOperationDelete("not-there"), parent_commit=seen)
    assert api.list_repo_commits(dataset, repo_type="dataset")[0].commit_id == now


def test_a_repeated_request_is_answered_with_the_commit_it_made(dataset: str, send: Send, api: HfApi) -> None:
    parent = api.dataset_info(dataset).sha
    first, again = (raw_commit(send, dataset, raw_file("a.txt"), parentCommit=parent) for _ in range(2))
    assert first.status == again.status == 200
    assert first.json()["commitOid"] == again.json()["commitOid"]
    assert len(api.list_repo_commits(dataset, repo_type="dataset")) == 2
    other = raw_commit(send, dataset, raw_file("a.txt", b"other"), parentCommit=parent)
    assert other.status == 412


def test_concurrent_commits_on_one_parent_leave_one_winner(api: HfApi, dataset: str) -> None:
    parent = api.dataset_info(dataset).sha
    outcomes: list[int] = []

    def push(number: int) -> None:
        try:
            commit(api, dataset, add(f"{number}.txt", str(number).encode()), parent_commit=parent)
            outcomes.append(200)
        except HfHubHTTPError as error:
            outcomes.append(error.response.status_code)

    threads = [threading.Thread(target=push, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [200, 412, 412, 412, 412, 412]
    assert len(api.list_repo_commits(dataset, repo_type="dataset")) == 2


def test_concurrent_commits_without_a_parent_are_all_kept(api: HfApi, dataset: str) -> None:
    threads = [
        threading.Thread(target=commit, args=(api, dataset, add(f"{number}.txt", str(number).encode())))
        for number in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert paths(api, dataset) == [".gitattributes", *(f"{number}.txt" for number in range(6))]
    assert len(api.list_repo_commits(dataset, repo_type="dataset")) == 7


@pytest.mark.parametrize(
    "path", ["../up", "/abs", "a/../b", ".git/config", "a//b", "", "nul\0", "a\\b", ".", "a/."]
)
def test_paths_that_would_leave_the_repo(send: Send, dataset: str, api: HfApi, path: str) -> None:
    reply = raw_commit(send, dataset, raw_file("fine.txt"), raw_file(path))
    assert reply.status == 422
    assert "Invalid path" in reply.error
    assert paths(api, dataset) == [".gitattributes"]


def test_a_path_is_a_file_or_a_directory(api: HfApi, dataset: str) -> None:
    commit(api, dataset, add("a/b.txt"), add("c"))
    for operations in ([add("a")], [add("c/d.txt")], [add("new"), add("new/x")]):
        with pytest.raises(HfHubHTTPError, match="422"):
            commit(api, dataset, *operations)
    commit(api, dataset, CommitOperationDelete("c"), add("c/d.txt"))
    commit(api, dataset, CommitOperationDelete("a/", is_folder=True), add("a", b"file now"))
    assert paths(api, dataset) == [".gitattributes", "a", "c/d.txt"]


def test_names_that_clash_on_some_file_systems(api: HfApi, dataset: str) -> None:
    commit(api, dataset, add("Data/caf\u00e9.txt"))
    for path in ("data/x.txt", "Data/cafe\u0301.txt", "DATA/y"):
        with pytest.raises(HfHubHTTPError, match="only in case or Unicode form"):
            commit(api, dataset, add(path))
    commit(api, dataset, CommitOperationDelete("Data/", is_folder=True), add("data/x.txt"))


def test_deleting_what_is_not_there(api: HfApi, dataset: str) -> None:
    commit(api, dataset, add("d/a.txt"))
    for operation in (
        CommitOperationDelete("b.txt"),
        CommitOperationDelete("d/a.txt/", is_folder=True),
        CommitOperationDelete("e/", is_folder=True),
    ):
        with pytest.raises(EntryNotFoundError, match="A file with this name doesn't exist"):
            commit(api, dataset, add("new.txt"), operation)
    assert paths(api, dataset) == [".gitattributes", "d/a.txt"]


@pytest.mark.parametrize("path", ["d", "d/", "d/e"])
def test_deleting_a_path_deletes_the_folder_there(api: HfApi, dataset: str, path: str) -> None:
    commit(api, dataset, add("d/a.txt"), add("d/e/b.txt"), add("d.txt"))
    commit(api, dataset, CommitOperationDelete(path))
    left = ["d/a.txt"] if path == "d/e" else []
    assert paths(api, dataset) == [".gitattributes", "d.txt", *left]


def test_delete_folder(api: HfApi, dataset: str) -> None:
    commit(api, dataset, add("d/a.txt"), add("d/e/b.txt"), add("d.txt"))
    api.delete_folder("d", dataset, repo_type="dataset")
    assert paths(api, dataset) == [".gitattributes", "d.txt"]


def test_commits_go_to_branches_only(api: HfApi, dataset: str) -> None:
    first = commit(api, dataset, add("a"))
    api.create_tag(dataset, tag="v1", repo_type="dataset")
    for revision in ("nowhere", "v1", first):
        with pytest.raises(RevisionNotFoundError):
            commit(api, dataset, add("b", revision.encode()), revision=revision)


def test_malformed_commits(send: Send, dataset: str, api: HfApi) -> None:
    def post(body: bytes) -> Reply:
        return send("POST", f"/api/datasets/{dataset}/commit/main", body=body)

    header = b'{"key": "header", "value": {"summary": "s"}}\n'
    for body, message in [
        (b"", "no header"),
        (b"{", "not valid JSON"),
        (header + b"[]", "must be a JSON object"),
        (header + b'{"key": "file"}', "must look like"),
        (header + b'{"key": "pony", "value": {"path": "a"}}', "Unknown commit operation"),
        (
            header + b'{"key": "file", "value": {"path": "a", "content": "!!", "encoding": "base64"}}',
            "base64",
        ),
        (header + b'{"key": "file", "value": {"path": "a", "content": 1}}', "content"),
        (header + b'{"key": "lfsFile", "value": {"path": "a", "oid": "../../x", "size": 1}}', "sha256"),
        (
            header + b'{"key": "lfsFile", "value": {"path": "a", "oid": "' + b"0" * 64 + b'", "size": 1}}',
            "not uploaded",
        ),
        (header + b'{"key": "file", "value": {"path": "a\\ud800", "content": ""}}', "valid Unicode"),
        (b'{"key": "header", "value": {"summary": "  "}}', "summary"),
        (b'{"key": "header", "value": {"summary": 5}}', "summary"),
    ]:
        reply = post(body)
        assert reply.status == 400, (body, reply)
        assert message in reply.error
    assert len(api.list_repo_commits(dataset, repo_type="dataset")) == 1


def test_a_bad_card_is_refused_before_anything_is_written(api: HfApi, dataset: str, send: Send) -> None:
    bad = b"---\nlicense: [\n---\n"
    with pytest.raises(ValueError, match=r"Invalid metadata in README\.md"):
        commit(api, dataset, add("README.md", bad))
    reply = raw_commit(send, dataset, raw_file("a.txt"), raw_file("README.md", bad))
    assert (reply.status, "Invalid metadata" in reply.error) == (400, True)
    assert paths(api, dataset) == [".gitattributes"]


def test_gitignore_and_gitattributes_are_honoured(api: HfApi, dataset: str) -> None:
    commit(api, dataset, add(".gitignore", b"*.log\nbuild/\n"))
    commit(api, dataset, add("a.log"), add("build/x"), add("kept.txt"), add("table.parquet", b"PAR1 text"))
    assert paths(api, dataset) == [".gitattributes", ".gitignore", "kept.txt", "table.parquet"]
    found = {
        entry.path: entry
        for entry in api.get_paths_info(dataset, ["kept.txt", "table.parquet"], repo_type="dataset")
    }
    assert found["kept.txt"].lfs is None  # type: ignore[union-attr]
    assert found["table.parquet"].lfs is not None  # type: ignore[union-attr]
    attributes = Path(api.hf_hub_download(dataset, ".gitattributes", repo_type="dataset")).read_bytes()
    commit(api, dataset, add(".gitattributes", attributes + b"*.big filter=lfs diff=lfs merge=lfs -text\n"))
    commit(api, dataset, add("x.big", b"text"))
    [info] = api.get_paths_info(dataset, ["x.big"], repo_type="dataset")
    assert info.lfs is not None  # type: ignore[union-attr]


def test_history_names_the_commit_that_changed_a_path(api: HfApi, dataset: str) -> None:
    first = commit(api, dataset, add("a.txt"), add("d/b.txt"))
    second = commit(api, dataset, add("d/c.txt"))
    found = {
        entry.path: entry.last_commit.oid
        for entry in api.list_repo_tree(dataset, repo_type="dataset", expand=True, recursive=True)
        if entry.last_commit is not None
    }
    assert (found["a.txt"], found["d/b.txt"], found["d/c.txt"], found["d"]) == (first, first, second, second)
    history = api.list_repo_commits(dataset, repo_type="dataset", formatted=True)
    assert [item.commit_id for item in history[:2]] == [second, first]
    assert (history[0].title, history[0].authors, history[0].formatted_title) == (
        "change",
        ["lema"],
        "change",
    )
    assert [item.title for item in history] == ["change", "change", "initial commit"]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_ids_are_those_of_git(api: HfApi, dataset: str, tmp_path: Path) -> None:
    def git(*arguments: str, **environment: str) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    oid = commit(
        api, dataset, add("a.txt"), add("a/x.txt", b"1"), add("a-b", b"2"), add("big.bin", b"\0" * 100)
    )
    git("init", "-q")
    for entry in api.list_repo_tree(dataset, repo_type="dataset", recursive=True):
        if hasattr(entry, "blob_id"):
            target = tmp_path / entry.path
            target.parent.mkdir(exist_ok=True)
            if entry.lfs is not None:
                text = "version https://git-lfs.github.com/spec/v1\n"
                text += f"oid sha256:{entry.lfs.sha256}\nsize {entry.size}\n"
                target.write_text(text)
                assert entry.lfs.pointer_size == len(text)
            else:
                target.write_bytes(
                    Path(api.hf_hub_download(dataset, entry.path, repo_type="dataset")).read_bytes()
                )
            assert git("hash-object", "--no-filters", entry.path) == entry.blob_id
            git("update-index", "--add", "--cacheinfo", f"100644,{entry.blob_id},{entry.path}")
            git("hash-object", "--no-filters", "-w", entry.path)
    tree = git("write-tree")
    [new, old] = api.list_repo_commits(dataset, repo_type="dataset")
    who = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in (
        ("NAME", "lema"), ("EMAIL", "lema@localhub"))}  # fmt: skip
    attributes = git("hash-object", "-w", "--no-filters", ".gitattributes")
    first_tree = subprocess.run(
        ["git", "mktree"],
        cwd=tmp_path,
        input=f"100644 blob {attributes}\t.gitattributes\n",
        capture_output=True,
        text=True,
    ).stdout.strip()
    moments = [f"{int(item.created_at.timestamp())} +0000" for item in (old, new)]
    dates = [{"GIT_AUTHOR_DATE": moment, "GIT_COMMITTER_DATE": moment} for moment in moments]
    first = git("commit-tree", first_tree, "-m", "initial commit", **who, **dates[0])
    assert first == old.commit_id
    assert git("commit-tree", tree, "-p", first, "-m", "change", **who, **dates[1]) == oid == new.commit_id


def test_a_pointer_means_the_large_file(api: HfApi, dataset: str, send: Send) -> None:
    content = os.urandom(5000)
    commit(api, dataset, add("a.bin", content))
    sha256 = hashlib.sha256(content).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize 5000\n"
    commit(api, dataset, add("copied.txt", pointer.encode()))
    assert Path(api.hf_hub_download(dataset, "copied.txt", repo_type="dataset")).read_bytes() == content
    for absent in (pointer.replace("size 5000", "size 4999"), pointer.replace(sha256, "0" * 64)):
        assert raw_commit(send, dataset, raw_file("x.txt", absent.encode())).status == 400
    # A text that is nearly a pointer is a text.
    commit(api, dataset, add("text.txt", pointer.encode() + b"more\n"))
    assert (
        Path(api.hf_hub_download(dataset, "text.txt", repo_type="dataset")).read_text() == pointer + "more\n"
    )

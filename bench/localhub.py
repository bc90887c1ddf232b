"""How fast the embedded Hub is, with the stock client on the same machine.

    python bench/localhub.py [--directory DIR] [--megabytes 200] [--files 1000] [--history 2000]

Prints one JSON object. Its first part includes the client's own work (hashing before an upload, copying into
its cache); `sha256_mb_s` is the speed of hashing alone, which bounds an upload. The syncs go to the disk of
--directory.

`long_history` holds the median milliseconds of single HTTP requests to a repo of 20,000 files in 200 folders
with a history of --history commits.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from lema_hub.localhub import LocalHub

os.environ.update(HF_HUB_DISABLE_XET="1", HF_HUB_DISABLE_PROGRESS_BARS="1", HF_HUB_VERBOSITY="error")


def main() -> None:
    """Run every measurement once on a fresh server."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--directory", type=Path, help="where the server keeps its data; a temporary folder if not given"
    )
    parser.add_argument("--megabytes", type=int, default=200, help="size of the large file")
    parser.add_argument("--files", type=int, default=1000, help="number of small files")
    parser.add_argument("--history", type=int, default=2000, help="commits of the repo with a long history")
    options = parser.parse_args()

    from huggingface_hub import HfApi

    from lema_hub.localhub import LocalHub

    found: dict[str, float] = {}

    @contextmanager
    def timed(name: str, amount: float | None = None) -> Iterator[None]:
        started = time.perf_counter()
        yield
        seconds = time.perf_counter() - started
        found[name] = round(seconds if amount is None else amount / seconds, 3)

    with tempfile.TemporaryDirectory(dir=options.directory) as scratch:
        work = Path(scratch)
        content = os.urandom(1 << 20) * options.megabytes
        megabytes = len(content) / 1e6
        (work / "small").mkdir()
        for number in range(options.files):
            (work / "small" / f"{number:05}.txt").write_text(f"{number}\n" * 20)
        (work / "large.bin").write_bytes(content)
        with timed("sha256_mb_s", megabytes):
            hashlib.sha256(content)
        with timed("start_s"):
            hub = LocalHub(work / "hub")
        with hub:
            api = HfApi(endpoint=hub.url, token=hub.token)
            with timed("create_repo_s"):
                api.create_repo("lema/bench", repo_type="dataset")
            with timed("upload_large_mb_s", megabytes):
                api.upload_file(
                    path_or_fileobj=work / "large.bin",
                    path_in_repo="large.bin",
                    repo_id="lema/bench",
                    repo_type="dataset",
                )
            with timed("download_large_mb_s", megabytes):
                api.hf_hub_download("lema/bench", "large.bin", repo_type="dataset", cache_dir=work / "cache")
            with timed("commit_small_files_s"):
                api.upload_folder(repo_id="lema/bench", repo_type="dataset", folder_path=work / "small")
            with timed("commit_one_file_s"):
                api.upload_file(
                    path_or_fileobj=b"x", path_in_repo="x", repo_id="lema/bench", repo_type="dataset"
                )
            with timed("list_small_files_s"):
                count = len(list(api.list_repo_tree("lema/bench", repo_type="dataset", recursive=True)))
            with timed("info_requests_per_s", 200):
                for _ in range(200):
                    api.repo_exists("lema/bench", repo_type="dataset")
            with timed("resolve_requests_per_s", 200):
                for _ in range(200):
                    api.file_exists("lema/bench", "x", repo_type="dataset")
            long_history = measure_long_history(hub, options.history)
            with timed("stop_s"):
                hub.close()
    print(json.dumps({"files": count, "megabytes": round(megabytes), **found, "long_history": long_history}))


FOLDERS, FOLDER_FILES, REPETITIONS = 200, 100, 15
API = "/api/datasets/lema/long"


def measure_long_history(hub: LocalHub, history: int) -> dict[str, float]:
    """Make the repo by the server's own functions, and send it the requests whose cost could grow with it."""
    from lema_hub.localhub import changes, refs, repos, trees
    from lema_hub.localhub.auth import Identity
    from lema_hub.localhub.blobs import Blobs
    from lema_hub.localhub.changes import AddFile, Request
    from lema_hub.localhub.commits import write
    from lema_hub.localhub.server import DATABASE
    from lema_hub.localhub.store import Store

    store, blobs = Store(hub.directory / DATABASE), Blobs(hub.directory)
    contents = [f"{number}\n".encode() for number in range(history)]
    with blobs.batch() as batch:
        known = [(trees.git_id("blob", content), batch.add(content), len(content)) for content in contents]
        batch.commit()
    paths = [
        f"folder-{folder:03}/file-{file:03}.txt" for folder in range(FOLDERS) for file in range(FOLDER_FILES)
    ]
    started = time.perf_counter()
    with store.write() as db:
        owner = Identity("lema", "admin", frozenset({"lema"}))
        repo = repos.create(db, owner, kind="dataset", namespace="lema", name="long").key
        first = write(
            db, repo, tree=trees.EMPTY_TREE, parent=None, author="lema", title="initial commit", message=""
        )
        refs.set_head(db, repo, refs.MAIN, first.oid)
        everything = [AddFile(path, *known[0]) for path in paths]
        changes.apply(db, repo, refs.MAIN, Request("all files", "", None, everything), "lema")
        for number in range(1, history):
            # Steps over the folders, so that the newest change of a file is anywhere in the history.
            change = AddFile(paths[number * 7919 % len(paths)], *known[number])
            changes.apply(db, repo, refs.MAIN, Request(f"change {number}", "", None, [change]), "lema")
    store.close()
    found = {"set_up_s": round(time.perf_counter() - started, 3)}
    connection = http.client.HTTPConnection(urlsplit(hub.url).netloc, timeout=600)
    headers = {"Authorization": f"Bearer {hub.token}", "Content-Type": "application/json"}

    def send(method: str, place: str, body: str | None = None) -> http.client.HTTPResponse:
        connection.request(method, place, body, headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{method} {place}: {answer.status}")
        return answer

    def median(name: str, method: str, place: str, body: str = "") -> http.client.HTTPResponse:
        seconds = []
        for number in range(REPETITIONS):
            started = time.perf_counter()
            answer = send(method, place, body.replace("NUMBER", str(number)) or None)
            seconds.append(time.perf_counter() - started)
        found[name] = round(statistics.median(seconds) * 1000, 2)
        return answer

    send("POST", f"{API}/branch/side", "{}")
    commit = '{"key": "header", "value": {"summary": "one file"}}\n' + json.dumps(
        {
            "key": "file",
            "value": {"path": "folder-100/new.txt", "content": "NUMBER of %s", "encoding": "utf-8"},
        }
    )
    median("commit_to_main_ms", "POST", f"{API}/commit/main", commit % "main")
    median("commit_to_a_branch_ms", "POST", f"{API}/commit/side", commit % "side")
    page = median("tree_page_ms", "GET", f"{API}/tree/main?recursive=true")
    for _ in range(18):
        page = send("GET", page.headers["Link"].split(">")[0].removeprefix(f"<{hub.url}"))
    last = page.headers["Link"].split(">")[0].removeprefix(f"<{hub.url}")
    median("tree_page_20_ms", "GET", last)
    median("tree_of_the_root_ms", "GET", f"{API}/tree/main")
    median("tree_expand_ms", "GET", f"{API}/tree/main?recursive=true&expand=true")
    median("tree_expand_root_ms", "GET", f"{API}/tree/main?expand=true")
    median("commits_page_ms", "GET", f"{API}/commits/main")
    median("info_sha_ms", "GET", f"{API}?expand=sha")
    median("info_all_files_ms", "GET", API)
    connection.close()
    return found


if __name__ == "__main__":
    main()

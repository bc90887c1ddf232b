"""How fast the embedded Hub is, with the stock client on the same machine.

    python bench/localhub.py [--directory DIR] [--megabytes 200] [--files 1000]

Prints one JSON object. All of it includes the client's own work (hashing before an upload, copying into its
cache); `sha256_mb_s` is the speed of hashing alone, which bounds an upload. The syncs go to the disk of
--directory.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
            with timed("stop_s"):
                hub.close()
    print(json.dumps({"files": count, "megabytes": round(megabytes), **found}))


if __name__ == "__main__":
    main()

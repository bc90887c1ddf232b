"""`lema rebuild` as it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import HfApi

from lema_hub.localhub import LocalHub
from tests.command import lema
from tests.withheld import cot_rows, folder_of, write_source


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_source(tmp_path / "source")


def test_the_command_rebuilds_and_says_what_is_missing(
    hub: LocalHub, api: HfApi, repo_id: str, tmp_path: Path, source: Path
) -> None:
    built = folder_of(tmp_path, "cot", cot_rows(source))
    done = lema(hub, "publish", "dataset", built, repo_id, "--version", "0.1.0", "--ids-only")
    assert done.returncode == 0, done.stderr
    name = f"{repo_id}@v0.1.0"
    done = lema(hub, "rebuild", name, "--out", tmp_path / "whole", "--source", f"gsm8k={source}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("gsm8k/train: 6 rows, every text as its hash says\n")

    changed = tmp_path / "changed.jsonl"
    changed.write_text(source.read_text().replace("Ann packs 4", "Ann packs 5"))
    done = lema(hub, "rebuild", name, "--out", tmp_path / "x", "--source", f"gsm8k={changed}")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert (
        "the source's 'question' is not the one that was withheld; read the recorded revision" in done.stderr
    )
    changed.write_text("".join(source.read_text().splitlines(keepends=True)[:2]))
    done = lema(hub, "rebuild", name, "--out", tmp_path / "x", "--source", f"gsm8k={changed}")
    assert done.returncode == 1
    assert "1 of 3 problems are missing in" in done.stderr
    assert "first gsm8k/train/2" in done.stderr
    assert not (tmp_path / "x").exists()
    done = lema(hub, "rebuild", name, "--out", tmp_path / "x", "--source", "gsm8k")
    assert "--source 'gsm8k' is not TASK=PATH" in done.stderr

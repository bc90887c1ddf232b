"""A folder that is saved is whole or absent, and what a kill or a full disk leaves is resumed to the same weights."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lema_hub.errors import InputError
from lema_hub.train import Recipe
from lema_hub.train.saving import whole, writing

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("LEMA_TEST_KILLS", "6"))
"""How often runs are killed, and (two fifths as often) put on a disk that is too small; 50 for the full number."""


@pytest.mark.parametrize(("kind", "times"), [("kills", KILLS), ("full-disk", KILLS * 2 // 5)])
def test_an_interrupted_run_is_resumed_to_the_same_bytes(
    recipe: Recipe, tmp_path: Path, kind: str, times: int
) -> None:
    file = tmp_path / "recipe.yaml"
    tiny = dataclasses.replace(recipe, method="lora", max_steps=3, tokens_per_step=800, save_every=1)
    file.write_text(yaml.safe_dump(tiny.to_dict()))
    done = subprocess.run(
        [sys.executable, "-m", "tests.train.interrupted", file, tmp_path / "runs", kind, str(times)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    log = (tmp_path / "runs" / "log").read_text()
    assert json.loads(done.stdout) == {"interrupted": times, "resumed": times, "same": times}, log[-4000:]


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    place = tmp_path / "model"
    place.mkdir()
    (place / "old").write_text("")
    with whole(place) as made:
        made.mkdir()
        (made / "file").write_text("x")
        assert [path.name for path in place.iterdir()] == ["old"]
    assert [path.name for path in place.iterdir()] == ["file"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_what_fails_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with whole(tmp_path / "model") as made:
            made.mkdir()
            (made / "file").write_text("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (Exception("No space left on device (os error 28)"), "No space left on device"),
        (RuntimeError("basic_ios::clear: iostream error"), "a file could"),
        (
            RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534"),
            "a file could",
        ),
    ],
)
def test_a_full_disk_is_one_line(error: Exception, reason: str) -> None:
    with (
        pytest.raises(InputError, match=rf"'runs/x' cannot be written \({reason}") as caught,
        writing(Path("runs/x")),
    ):
        raise error
    assert "\n" not in str(caught.value)


def test_other_errors_pass(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"^size mismatch$"), writing(tmp_path):
        raise RuntimeError("size mismatch")

"""A run's folder: whose it is, what survives a kill, and which checkpoints are whole."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from lema_hub.artifacts.runs import RunFolder, whole_checkpoints
from lema_hub.errors import InputError

FILES = (
    "adapter_model.safetensors",
    "optimizer.pt",
    "rng_state.pth",
    "scheduler.pt",
    "trainer_state.json",
)


def checkpoint(run: Path, step: int) -> Path:
    folder = run / "checkpoints" / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    save_file({"lora_A": np.zeros((2, 3), dtype=np.float32)}, folder / FILES[0])
    for name in FILES[1:4]:
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr("data", b"0" * 100)
    (folder / FILES[4]).write_text(json.dumps({"global_step": step}))
    return folder


def test_the_newest_checkpoint_is_resumed_from(tmp_path: Path) -> None:
    run = RunFolder.at(tmp_path / "run", identity="a")
    assert run.last_checkpoint() is None
    for step in (4, 12, 8):
        checkpoint(run.path, step)
    assert run.last_checkpoint() == run.path / "checkpoints" / "checkpoint-12"
    assert list(whole_checkpoints(run.path)) == [4, 8, 12]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["missing", "cut", "empty"])
def test_a_partial_checkpoint_is_skipped(tmp_path: Path, name: str, damage: str) -> None:
    run = RunFolder.at(tmp_path / "run", identity="a")
    whole, partial = checkpoint(run.path, 4), checkpoint(run.path, 8)
    if damage == "missing":
        (partial / name).unlink()
    else:
        content = (partial / name).read_bytes()
        (partial / name).write_bytes(content[:-1] if damage == "cut" else b"")
    assert run.last_checkpoint() == whole


def test_a_folder_of_another_name_or_step_is_not_a_checkpoint(tmp_path: Path) -> None:
    run = RunFolder.at(tmp_path / "run", identity="a")
    place = checkpoint(run.path, 4)
    for name in ("checkpoint-8", "checkpoint-x", "checkpoint-²", ".checkpoint-4.partial"):
        shutil.copytree(place, place.with_name(name))
    assert list(whole_checkpoints(run.path)) == [4]


def test_what_a_kill_left_half_written_goes_when_the_run_is_resumed(tmp_path: Path) -> None:
    run = RunFolder.at(tmp_path / "run", identity="a")
    whole = checkpoint(run.path, 4)
    shutil.copytree(whole, whole.with_name(".checkpoint-8.partial") / "checkpoint-8")
    RunFolder.at(run.path, identity="a")
    assert [path.name for path in whole.parent.iterdir()] == ["checkpoint-4"]


def test_a_run_that_died_while_its_first_file_was_written_starts_again(tmp_path: Path) -> None:
    place = tmp_path / "run"
    place.mkdir()
    (place / "run.json.partial").write_text('{"dig')
    assert not RunFolder.at(place, identity="a").finished
    assert json.loads((place / "run.json").read_text()) == {"digest": "a", "finished": False}


def test_a_finished_run_is_known(tmp_path: Path) -> None:
    run = RunFolder.at(tmp_path / "run", identity="a")
    run.finish(device="cpu")
    assert not RunFolder.at(run.path, identity="a").finished  # its weights are missing
    save_file({"x": np.zeros(1)}, run.path / "adapter_model.safetensors")
    assert RunFolder.at(run.path, identity="a").finished


def test_another_run_is_replaced_only_if_asked(tmp_path: Path) -> None:
    run = RunFolder.at(tmp_path / "run", identity="a")
    checkpoint(run.path, 4)
    with pytest.raises(InputError, match="holds another run; choose another folder, or replace it"):
        RunFolder.at(run.path, identity="b")
    other = RunFolder.at(run.path, identity="b", overwrite=True)
    assert other.last_checkpoint() is None
    assert [path.name for path in run.path.iterdir()] == ["run.json"]


def test_a_replacement_that_dies_halfway_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither run may take up what is left of the other's checkpoints."""
    run = RunFolder.at(tmp_path / "run", identity="a")
    for step in (4, 8):
        checkpoint(run.path, step)
    run.finish()
    save_file({"x": np.zeros(1)}, run.path / "adapter_model.safetensors")
    remove = shutil.rmtree

    def die(path: Path, *_: object, **__: object) -> None:
        if path.exists():
            remove(path / "checkpoint-8")
            raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", die)
    with pytest.raises(KeyboardInterrupt):
        RunFolder.at(run.path, identity="b", overwrite=True)
    monkeypatch.undo()
    assert not RunFolder.at(run.path, identity="a").finished
    assert run.last_checkpoint() is None
    assert RunFolder.at(run.path, identity="b", overwrite=True).last_checkpoint() is None


@pytest.mark.parametrize("text", ["{", "[]", '{"digest": "a"}'])
def test_a_damaged_record_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(InputError, match="is damaged; remove the folder and train again"):
        RunFolder.at(tmp_path, identity="a")


def test_a_folder_that_is_not_a_run_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(InputError, match="exists and does not hold a run"):
        RunFolder.at(tmp_path, identity="a", overwrite=True)
    assert (tmp_path / "thesis.tex").exists()

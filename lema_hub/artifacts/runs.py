"""The folder of a training run: which run it holds, whether that is finished, and its checkpoints.

`run.json` tells one run from another by the digest of recipe, backbone and data. It says `finished` once everything
else is in the folder, so a run that died at any point is resumed.

The trap: a folder called `checkpoint-40` may be half a checkpoint, left by a version that wrote it in place or by a
copy that was cut short. Only those whose files are complete are resumed from.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from lema_hub.artifacts.model import read_shapes
from lema_hub.errors import InputError

RUN_FILE = "run.json"
CHECKPOINTS = "checkpoints"
PARTIAL = ".partial"
"""The end of the name of what is still being written; a kill leaves it behind."""

_STATE = "trainer_state.json"
_ARCHIVES = ("optimizer.pt", "scheduler.pt", "rng_state.pth")  # zip archives: the directory is at their end
_WRITTEN_FIRST = frozenset({f"{RUN_FILE}{PARTIAL}"})


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A folder that holds one run; `finished` if there is nothing left to train."""

    path: Path
    identity: str
    finished: bool

    @classmethod
    def at(cls, path: Path, *, identity: str, overwrite: bool = False) -> Self:
        """The folder for a run, new or resumed.

        Args:
            path: Where it is or will be.
            identity: The digest of the run.
            overwrite: Remove another run that is there.

        Raises:
            InputError: The folder holds another run, or something that is not a run, or cannot be written.
        """
        file = path / RUN_FILE
        if file.is_file():
            try:
                state = json.loads(file.read_text(encoding="utf-8"))
                found, finished = str(state["digest"]), bool(state["finished"])
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(f"{str(file)!r} is damaged; remove the folder and train again") from error
            if found == identity:
                for left in (path / CHECKPOINTS).glob(f".*{PARTIAL}"):
                    shutil.rmtree(left, ignore_errors=True)
                return cls(path, identity, finished and any(path.glob("*.safetensors")))
            if not overwrite:
                raise InputError(
                    f"{str(path)!r} holds another run; choose another folder, or replace it with --overwrite"
                )
            _clear(path, found)
        elif path.exists() and not _is_new(path):
            raise InputError(f"{str(path)!r} exists and does not hold a run; choose another folder")
        folder = cls(path, identity, finished=False)
        try:
            path.mkdir(parents=True, exist_ok=True)
            folder._write({"finished": False})
        except OSError as error:
            raise InputError(
                f"{str(path)!r} cannot be written ({error.strerror}); give another folder (--out)"
            ) from error
        return folder

    def last_checkpoint(self) -> Path | None:
        """The newest whole checkpoint, None if there is none."""
        found = whole_checkpoints(self.path)
        return found[max(found)] if found else None

    def finish(self, **details: Any) -> None:
        """Mark the run as finished and keep its details."""
        self._write({"finished": True, **details})

    def _write(self, state: dict[str, Any]) -> None:
        partial = self.path / f"{RUN_FILE}{PARTIAL}"
        partial.write_text(json.dumps({"digest": self.identity, **state}, indent=2) + "\n", encoding="utf-8")
        partial.replace(self.path / RUN_FILE)


def whole_checkpoints(run: Path) -> dict[int, Path]:
    """The checkpoints of a run that can be resumed from, by step, the oldest first."""
    found = {}
    for path in (run / CHECKPOINTS).glob("checkpoint-*"):
        step = path.name.removeprefix("checkpoint-")
        if step.isascii() and step.isdecimal() and _is_whole(path, int(step)):
            found[int(step)] = path
    return dict(sorted(found.items()))


def _is_whole(checkpoint: Path, step: int) -> bool:
    weights = list(checkpoint.glob("*.safetensors"))
    try:
        for file in weights:
            read_shapes(file)
        state = json.loads((checkpoint / _STATE).read_text(encoding="utf-8"))
        return (
            bool(weights)
            and state["global_step"] == step
            and all(zipfile.is_zipfile(checkpoint / name) for name in _ARCHIVES)
        )
    except (InputError, OSError, ValueError, KeyError, TypeError):
        return False


def _is_new(path: Path) -> bool:
    """Whether nothing is in a folder but the first file of a run that died while writing it."""
    return path.is_dir() and {child.name for child in path.iterdir()} <= _WRITTEN_FIRST


def _clear(path: Path, identity: str) -> None:
    """Remove a run but for its `run.json`, so that a kill in between leaves a run that can be replaced again."""
    RunFolder(path, identity, finished=False)._write({"finished": False})
    removed = path / f"{CHECKPOINTS}{PARTIAL}"
    shutil.rmtree(removed, ignore_errors=True)
    if (path / CHECKPOINTS).is_dir():  # in one step: half of them must not look like all of them
        (path / CHECKPOINTS).rename(removed)
    for child in path.iterdir():
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        elif child.name != RUN_FILE:
            child.unlink()

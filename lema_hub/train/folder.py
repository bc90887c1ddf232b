"""The folder of a run: which run it holds, whether that is finished, and what is put right in what PEFT
saves.

`run.json` is what tells one run from another: the digest of recipe, backbone and data. It says `finished`
once everything else is in the folder, so a run that died at any point is taken up again.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from lema_hub.artifacts.model import TERMS
from lema_hub.errors import InputError
from lema_hub.train.backbones import Backbone

RUN_FILE = "run.json"
CHECKPOINTS = "checkpoints"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A folder that holds one run; `finished` if there is nothing left to train."""

    path: Path
    identity: str
    finished: bool

    @classmethod
    def at(cls, path: Path, *, identity: str, overwrite: bool = False) -> Self:
        """The folder for a run, new or taken up.

        Args:
            path: Where it is or will be.
            identity: The digest of the run.
            overwrite: Remove another run that is there.

        Raises:
            InputError: The folder holds another run, or something that is no run, or cannot be written.
        """
        file = path / RUN_FILE
        if file.is_file():
            try:
                state = json.loads(file.read_text(encoding="utf-8"))
                found, finished = str(state["digest"]), bool(state["finished"])
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(f"{str(file)!r} is damaged; remove the folder and train again") from error
            if found == identity:
                return cls(path, identity, finished and any(path.glob("*.safetensors")))
            if not overwrite:
                raise InputError(
                    f"{str(path)!r} holds another run; choose another folder, or replace it with --overwrite"
                )
            shutil.rmtree(path)
        elif path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InputError(f"{str(path)!r} exists and holds no run; choose another folder")
        folder = cls(path, identity, finished=False)
        try:
            path.mkdir(parents=True, exist_ok=True)
            folder._write({"finished": False})
        except OSError as error:
            raise InputError(
                f"{str(path)!r} cannot be written ({error.strerror}); give another folder (--out)"
            ) from error
        return folder

    def last_checkpoint(self) -> str | None:
        """The newest whole checkpoint, None if there is none."""
        from transformers.trainer_utils import get_last_checkpoint

        place = self.path / CHECKPOINTS
        last: str | None = get_last_checkpoint(str(place)) if place.is_dir() else None
        return last

    def finish(self, **details: Any) -> None:
        """Mark the run as finished and keep its details."""
        self._write({"finished": True, **details})

    def _write(self, state: dict[str, Any]) -> None:
        partial = self.path / f"{RUN_FILE}.partial"
        partial.write_text(json.dumps({"digest": self.identity, **state}, indent=2) + "\n", encoding="utf-8")
        partial.replace(self.path / RUN_FILE)


def finish_save(folder: Path, backbone: Backbone) -> None:
    """Put right what PEFT saved: name the published backbone and its revision, drop PEFT's card, add the licence.

    PEFT writes the folder that the backbone was loaded from, and no revision. It lists the layers of a small
    model by their full names, in random order.
    """
    (folder / "README.md").unlink(missing_ok=True)
    copy_terms(backbone.folder, folder)
    path = folder / "adapter_config.json"
    if not path.is_file():  # a whole model was saved
        return
    config = json.loads(path.read_text(encoding="utf-8"))
    config |= {
        "base_model_name_or_path": backbone.repo,
        "revision": backbone.revision,
        "target_modules": sorted({name.rpartition(".")[2] for name in config["target_modules"]}),
    }
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def copy_terms(backbone: Path, folder: Path) -> None:
    """Put a backbone's licence, notice and use policy beside what was made of it."""
    for pattern in TERMS:
        for path in backbone.glob(pattern):
            shutil.copyfile(path, folder / path.name)

"""The folder of a training run: which run it holds, and whether that is finished.

`run.json` tells one run from another by the digest of recipe, backbone and data. It says `finished` once everything
else is in the folder, so a run that died at any point is resumed.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from lema_hub.errors import InputError

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

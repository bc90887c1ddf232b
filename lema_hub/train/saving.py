"""How a model is saved: whole or not at all, and with what PEFT and transformers leave out or get wrong.

A folder is written beside its place and renamed when it is complete. A kill or a full disk in the middle leaves
nothing under its name, so whoever finds it there can rely on it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lema_hub.artifacts.model import ADAPTER_CONFIG, TERMS
from lema_hub.artifacts.runs import PARTIAL
from lema_hub.errors import InputError, LemaError
from lema_hub.train.backbones import Backbone

# What torch says when it cannot write; safetensors and tokenizers pass on the system's words, as errors of their own.
_TORCH_WRITER = ("inline_container", "iostream error")


@contextmanager
def whole(folder: Path) -> Iterator[Path]:
    """A path to write a folder at, which becomes `folder` when the block ends without an error.

    What was at `folder` is replaced.

    Raises:
        InputError: The block could not write, for want of space or of permission.
    """
    staging = folder.with_name(f".{folder.name}{PARTIAL}")
    made = staging / folder.name
    try:
        with writing(folder):
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir(parents=True)
            yield made
            for path in made.rglob("*"):
                if path.is_file():  # else a power cut after the renaming could leave it empty
                    with path.open("rb") as file:
                        os.fsync(file.fileno())
            if folder.exists():
                shutil.rmtree(folder)
            made.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turn what libraries raise when a file cannot be written into one line.

    Raises:
        InputError: The block could not write.
    """
    try:
        yield
    except LemaError:
        raise
    except Exception as error:
        text = " ".join(str(error).split())[:120]
        if isinstance(error, OSError):
            reason = str(error.strerror or error)
        elif "os error" in text:
            reason = text
        elif any(words in text for words in _TORCH_WRITER):
            reason = "a file could not be completed"
        else:
            raise
        raise InputError(
            f"{str(place)!r} cannot be written ({reason}); make room there, or give a folder that can be written, and "
            "run the same command again: finished work is kept"
        ) from error


def finish_save(folder: Path, backbone: Backbone) -> None:
    """Correct what PEFT saved: name the published backbone and its revision, drop PEFT's card, add the licence.

    PEFT writes the folder that the backbone was loaded from, and no revision. It lists the layers of a small
    model by their full names, in random order.
    """
    (folder / "README.md").unlink(missing_ok=True)
    copy_terms(backbone.folder, folder)
    path = folder / ADAPTER_CONFIG
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
    """Copy a backbone's licence, notice and use policy into the folder of a model made from it."""
    for pattern in TERMS:
        for path in backbone.glob(pattern):
            shutil.copyfile(path, folder / path.name)

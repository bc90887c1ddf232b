"""What PEFT and transformers save, put right: the published name of the backbone, its licence, no foreign card."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from lema_hub.artifacts.model import TERMS
from lema_hub.train.backbones import Backbone


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

"""The base model of an adapter: the one that it names, unless the caller names another.

    named_base("lema/nano-lema-qlora", config)        # what its adapter_config.json says
    check_base("runs/lema", None, base("nano"))       # an InputError if it was trained on another model

An adapter can be applied to any model whose shapes fit, and gives wrong results without an error.

The trap: the nano backbone ships with the package and is also published. Its id stands for the shipped folder at the
shipped version only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lema_hub import nano
from lema_hub.artifacts.runs import RUN_FILE
from lema_hub.errors import InputError
from lema_hub.snapshots import Weights, adapter_config, folder_hash

NANO_BACKBONE = "lema/nano-backbone"
NANO_REVISION = "v0.1.0"


@dataclass(frozen=True, slots=True)
class Base:
    """A model as an engine takes it: a folder or a Hub id, its revision there, and its name in provenance."""

    model: str
    revision: str | None = None
    label: str | None = None

    def __str__(self) -> str:
        if self.label is not None:
            return f"{self.label}@{NANO_REVISION}"
        if Path(self.model).is_dir():
            return f"{self.model} (sha256:{folder_hash(Path(self.model))[:12]})"
        return f"{self.model}@{self.revision or 'main'}"


def base(name: str, revision: str | None = None) -> Base:
    """The model of that name; `nano` is the backbone that ships with the package.

    >>> base("lema/nano-backbone", "v0.1.0") == base("nano")
    True
    """
    shipped = str(nano.backbone_path())
    if name in ("nano", shipped) or (name == NANO_BACKBONE and revision in (None, NANO_REVISION)):
        return Base(shipped, label=NANO_BACKBONE)
    return Base(name, revision)


def named_base(adapter: str, config: dict[str, Any]) -> Base:
    """The base that an adapter's configuration names.

    Args:
        adapter: The adapter's folder or Hub id.
        config: Its `adapter_config.json`.

    Raises:
        InputError: It names none, or an adapter of a Hub names a folder of this machine.
    """
    name, revision = config.get("base_model_name_or_path"), config.get("revision")
    if not isinstance(name, str) or not name or not isinstance(revision, str | None):
        raise InputError(
            f"adapter {adapter!r} names no base model; give one (lema eval, merge and demo take --base)"
        )
    if Path(name).is_dir() and not Path(adapter).is_dir():
        raise InputError(
            f"adapter {adapter!r} of a Hub names the folder {name!r} as its base; say which model is meant "
            "(lema eval, merge and demo take --base)"
        )
    return base(name, revision)


def check_base(adapter: str, revision: str | None, given: Base) -> None:
    """Make sure that an adapter was trained on a model.

    Two Hub ids are the same at the same commit, two folders if their files have the same hash. A folder that an
    adapter was trained on is also known by the hash in the `run.json` beside the adapter.

    Raises:
        InputError: It was trained on another one.
        HubError: The Hub does not have one of them, or cannot be reached.
    """
    config = adapter_config(adapter, revision)
    if config is None:  # the engine reports it
        return
    named = named_base(adapter, config)
    if not _same(named, given) and not _trained_on(Path(adapter), given):
        raise InputError(
            f"adapter {adapter!r} was trained on {named}, not on {given}; give that model, or merge the adapter into "
            "the model that you want (lema merge --base)"
        )


def _same(one: Base, other: Base) -> bool:
    if one == other:
        return True
    folders = [Path(each.model).is_dir() for each in (one, other)]
    if any(folders):
        return all(folders) and folder_hash(Path(one.model)) == folder_hash(Path(other.model))
    if one.model != other.model:
        return False
    commits = {Weights.find(each.model, each.revision, "config.json").commit for each in (one, other)}
    return len(commits) == 1


def _trained_on(adapter: Path, given: Base) -> bool:
    try:
        recorded = json.loads((adapter / RUN_FILE).read_text(encoding="utf-8"))["backbone"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return Path(given.model).is_dir() and recorded == folder_hash(Path(given.model))

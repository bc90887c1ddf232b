"""The backbones: models that adapters are trained on, known ones by a short name.

`nano` ships with the package and loads from its folder; the others are read from a Hub at a pinned commit. A
Hub id or a folder that `save_pretrained` wrote works too. Pins are commits seen in public code that trains
on these models; a backbone without one is resolved at first use, and the run records the commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from lema_hub.artifacts.model import TERMS
from lema_hub.cards.licenses import HUB_LICENSES
from lema_hub.cards.model_terms import terms_of
from lema_hub.engines.bases import NANO_BACKBONE, NANO_REVISION
from lema_hub.engines.pretrained import model_folder
from lema_hub.errors import InputError
from lema_hub.records import digest
from lema_hub.snapshots import folder_hash, is_hub_id
from lema_hub.train.recipe import Recipe

_CARD = ("README.md", *TERMS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A backbone of the project's recipes; `revision` pins it."""

    repo: str
    license: str
    revision: str | None = None


KNOWN = {
    "nano": Known(repo=NANO_BACKBONE, license="apache-2.0", revision=NANO_REVISION),
    "llama-2-7b": Known(
        repo="meta-llama/Llama-2-7b-hf", license="llama2", revision="01c7f73d771dfac7d292323805ebc428287df4f9"
    ),
    "llama-2-13b": Known(
        repo="meta-llama/Llama-2-13b-hf",
        license="llama2",
        revision="5c31dfb671ce7cfe2d7bb7c04375e44c55e815b1",
    ),
    "llama-2-70b": Known(repo="meta-llama/Llama-2-70b-hf", license="llama2"),
    "llama-3.1-8b": Known(
        repo="meta-llama/Llama-3.1-8B",
        license="llama3.1",
        revision="d04e592bb4f6aa9cfee91e2e20afa771667e1d4b",
    ),
    "qwen2.5-7b": Known(
        repo="Qwen/Qwen2.5-7B", license="apache-2.0", revision="d149729398750b98c0af14eb82c78cfe92750796"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbone:
    """A backbone that lies on disk.

    Attributes:
        folder: What `from_pretrained` takes.
        repo: The published id that an adapter names as its base; the folder's name if it is not published.
        revision: The commit or tag of `repo`, if known.
        license: As its card says, by the Hub's identifier or a name in `cards/model_terms.yaml`, else `unknown`; an
            adapter inherits it.
        digest: Tells two backbones apart.
    """

    folder: Path
    repo: str
    revision: str | None
    license: str
    digest: str


def resolve(recipe: Recipe, *, weights: bool = True) -> Backbone:
    """The recipe's backbone, downloaded if necessary.

    Args:
        recipe: `backbone` is a known name, a folder, or a Hub id.
        weights: False fetches configuration and tokenizer only, for a dry run.

    Raises:
        InputError: It is none of the three, holds no model, or one that is pickled or runs code of its own.
        HubError: The Hub has no such model, or cannot be reached.
    """
    name = recipe.backbone
    known = KNOWN.get(name)
    if name == "nano":
        from lema_hub.nano import backbone_path

        folder: Path | None = backbone_path()
    else:
        folder = Path(name) if known is None and Path(name).is_dir() else None
    if folder is not None:
        return _from_folder(folder, recipe, known)
    repo = known.repo if known else name
    if known is None and not is_hub_id(name):
        raise InputError(
            f"backbone {name!r} is neither a folder nor a Hub id (org/name) nor one of {', '.join(KNOWN)}; "
            "correct it"
        )
    asked = recipe.backbone_revision or (known.revision if known else None)
    folder = model_folder(repo, revision=asked, weights=weights, also=_CARD)
    commit = folder.name
    if not (folder / "config.json").is_file():
        raise InputError(
            f"{repo!r} at {commit} is not a model: it has no config.json; give the id of a causal model"
        )
    return Backbone(
        folder=folder,
        repo=repo,
        revision=commit,
        license=known.license if known else _license(folder),
        digest=digest(repo, commit),
    )


def _from_folder(folder: Path, recipe: Recipe, known: Known | None) -> Backbone:
    if not (folder / "config.json").is_file():
        raise InputError(
            f"backbone {str(folder)!r} is not a model folder: it has no config.json; "
            f"give a folder saved by save_pretrained, a Hub id (org/name) or one of {', '.join(KNOWN)}"
        )
    return Backbone(
        folder=model_folder(folder),
        repo=recipe.backbone_repo or (known.repo if known else folder.resolve().name),
        revision=recipe.backbone_revision or (known.revision if known else None),
        license=known.license if known else _license(folder),
        digest=folder_hash(folder),
    )


def _license(folder: Path) -> str:
    from huggingface_hub import metadata_load

    card = folder / "README.md"
    try:
        front = (metadata_load(card) or {}) if card.is_file() else {}
    except (ValueError, yaml.YAMLError):
        front = {}
    named = front.get("license")
    if named == "other" and terms_of(str(front.get("license_name"))) is not None:
        return str(front["license_name"])
    return named if isinstance(named, str) and named in HUB_LICENSES and named != "other" else "unknown"

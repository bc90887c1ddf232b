"""The tags by which a repo is found: from its card, its text and its files.

    license: mit, datasets: [lema/nano]   ->   license:mit, dataset:lema/nano

A model's languages are bare (`en`), a dataset's have a prefix (`language:en`): so the Hub has it, and its
clients filter.
"""

import re
from collections.abc import Collection
from typing import Any, Final

from lema_hub.localhub import bounds
from lema_hub.localhub.frontmatter import CardError, read, texts
from lema_hub.localhub.paths import RepoType

_ARXIV = re.compile(r"(?:arxiv\.org/(?:abs|pdf)|huggingface\.co/papers)/(\d{4}\.\d{4,5})", re.IGNORECASE)
_DATASET_KEYS: Final = (
    "task_categories",
    "task_ids",
    "language",
    "size_categories",
    "annotations_creators",
    "source_datasets",
)
_FORMATS: Final = {"parquet": "parquet", "json": "json", "jsonl": "json", "csv": "csv", "arrow": "arrow"}


# The files in a repo's first directory whose presence tells what it is.
MARKERS: Final = frozenset({"adapter_config.json", "config.json"})


def derive(readme: str, kind: RepoType, markers: Collection[str], suffixes: Collection[str]) -> list[str]:
    """The tags of a repo at a commit, each once, as many as a repo may have; an unreadable header gives none.

    Args:
        readme: The text of its README.md.
        kind: Its type.
        markers: Those of `MARKERS` that it has.
        suffixes: The endings of its files' names, wherever they are.
    """
    try:
        card = read(readme)
    except CardError:
        card = {}
    if kind == "model":
        found = _of_model(card, markers, suffixes)
    elif kind == "dataset":
        found = [f"{key}:{name}" for key in _DATASET_KEYS for name in texts(card.get(key))]
        found += [f"format:{name}" for suffix, name in _FORMATS.items() if suffix in suffixes]
    else:
        found = texts(card.get("sdk"))
    found += [f"license:{name}" for name in texts(card.get("license"))]
    found += texts(card.get("tags"))
    found += [f"arxiv:{number}" for number in _ARXIV.findall(readme)]
    fitting = dict.fromkeys(tag for tag in found if 0 < len(tag) <= bounds.REPO_TAG_CHARS)
    return list(fitting)[: bounds.REPO_TAGS]


def _of_model(card: dict[str, Any], markers: Collection[str], suffixes: Collection[str]) -> list[str]:
    found = texts(library_name(card, markers)) + texts(card.get("pipeline_tag"))
    if "safetensors" in suffixes:
        found.append("safetensors")
    found += texts(card.get("language"))
    found += [f"dataset:{name}" for name in texts(card.get("datasets"))]
    relation = card.get("base_model_relation")
    if relation is None and "adapter_config.json" in markers:
        relation = "adapter"
    for base in texts(card.get("base_model")):
        found.append(f"base_model:{base}")
        found += [f"base_model:{name}:{base}" for name in texts(relation)]
    return found


def library_name(card: dict[str, Any], markers: Collection[str]) -> str | None:
    """The library that a model is made for: as its card says, or as its files tell."""
    named = card.get("library_name")
    if isinstance(named, str):
        return named
    if "adapter_config.json" in markers:
        return "peft"
    return "transformers" if "config.json" in markers else None

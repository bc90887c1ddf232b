"""The tags by which a repo is found: from its card, its text and its files.

    license: mit, datasets: [lema/nano]   ->   license:mit, dataset:lema/nano

A model's languages are bare (`en`), a dataset's have a prefix (`language:en`): so the Hub has it, and its
clients filter.
"""

import re
from typing import Any, Final

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


def derive(readme: str, kind: RepoType, filenames: list[str]) -> list[str]:
    """The tags of a repo at a commit, each once; an unreadable header gives none.

    Args:
        readme: The text of its README.md.
        kind: Its type.
        filenames: The paths of its files.
    """
    try:
        card = read(readme)
    except CardError:
        card = {}
    if kind == "model":
        found = _of_model(card, filenames)
    elif kind == "dataset":
        found = [f"{key}:{name}" for key in _DATASET_KEYS for name in texts(card.get(key))]
        suffixes = {name.rsplit(".", 1)[-1] for name in filenames}
        found += [f"format:{name}" for suffix, name in _FORMATS.items() if suffix in suffixes]
    else:
        found = texts(card.get("sdk"))
    found += [f"license:{name}" for name in texts(card.get("license"))]
    found += texts(card.get("tags"))
    found += [f"arxiv:{number}" for number in _ARXIV.findall(readme)]
    return list(dict.fromkeys(tag for tag in found if tag))


def _of_model(card: dict[str, Any], filenames: list[str]) -> list[str]:
    found = texts(library_name(card, filenames)) + texts(card.get("pipeline_tag"))
    if any(name.endswith(".safetensors") for name in filenames):
        found.append("safetensors")
    found += texts(card.get("language"))
    found += [f"dataset:{name}" for name in texts(card.get("datasets"))]
    relation = card.get("base_model_relation")
    if relation is None and "adapter_config.json" in filenames:
        relation = "adapter"
    for base in texts(card.get("base_model")):
        found.append(f"base_model:{base}")
        found += [f"base_model:{name}:{base}" for name in texts(relation)]
    return found


def library_name(card: dict[str, Any], filenames: list[str]) -> str | None:
    """The library that a model is made for: as its card says, or as its files tell."""
    named = card.get("library_name")
    if isinstance(named, str):
        return named
    if "adapter_config.json" in filenames:
        return "peft"
    return "transformers" if "config.json" in filenames else None

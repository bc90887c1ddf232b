"""A trained model's folder, read and checked: an adapter, or a whole model.

Weights are safetensors and nothing else: a pickle runs code when it is loaded. The header of the file is
read here, so that a truncated or mislabelled file is found before it is sent. An adapter must say which
revision of its base it was trained on, since PEFT itself leaves that empty.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lema_hub.artifacts import training
from lema_hub.artifacts.training import Training
from lema_hub.errors import InputError
from lema_hub.json_text import loads, read_json_file

ADAPTER_WEIGHTS = "adapter_model.safetensors"
MODEL_WEIGHTS = "model.safetensors"
ADAPTER_CONFIG = "adapter_config.json"

NOTICE = "NOTICE"
TERMS = ("LICENSE*", "USE_POLICY*", "PROHIBITED_USE_POLICY*", NOTICE)
"""The licence files of a base model, which go with every model that is made of it."""

CURVE = "curve.svg"
"""A picture of the training run, where there is one; the card shows it."""

_TOKENIZER = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "merges.txt", "tokenizer.model", "chat_template.jinja",
)  # fmt: skip
_PICKLES = re.compile(r"(adapter_model|pytorch_model|model|consolidated)[^/]*\.(bin|pt|pth|ckpt|pkl|pickle)")
_REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_PINNED = re.compile(r"[0-9a-f]{40}|v\d+\.\d+\.\d+")


_MAX_HEADER = 16 * 2**20  # bytes of JSON; a shard of a large model has a hundredth of it
_MAX_RANK = 32


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A checked folder: `files` are those to publish, `parameters` what the weights hold."""

    folder: Path
    is_adapter: bool
    files: tuple[str, ...]
    parameters: int
    config: dict[str, Any]
    training: Training


def read_adapter(folder: Path) -> TrainedModel:
    """Read and check the folder of a LoRA adapter.

    Raises:
        InputError: It does not hold a valid adapter; the message says what is wrong and what to do.
    """
    _check_folder(folder, ADAPTER_WEIGHTS)
    config = _read_json(folder / ADAPTER_CONFIG)
    record = Training.read(folder)
    base, revision = config.get("base_model_name_or_path"), config.get("revision")
    if not isinstance(base, str) or not _REPO_ID.fullmatch(base):
        raise InputError(
            f"{ADAPTER_CONFIG} names the base {str(base)[:80]!r}, which is not a repo id; publish the base, set "
            "backbone_repo in the recipe and train again"
        )
    if not isinstance(revision, str) or not _PINNED.fullmatch(revision):
        raise InputError(
            f"{ADAPTER_CONFIG} has the base revision {revision!r}; expected a commit or a tag vX.Y.Z: set "
            "backbone_revision in the recipe"
        )
    if (base, revision) != (record.base_model, record.base_revision):
        raise InputError(
            f"{ADAPTER_CONFIG} has the base {base}@{revision}, {training.FILE_NAME} has "
            f"{record.base_model}@{record.base_revision}; train again"
        )
    shapes = read_shapes(folder / ADAPTER_WEIGHTS)
    ranks = {shape[:1] for name, shape in shapes.items() if ".lora_A." in name}
    pattern = config.get("rank_pattern") or {}
    stated = [config.get("r"), *(pattern.values() if isinstance(pattern, dict) else ())]
    if wrong := ranks - {(rank,) for rank in stated if isinstance(rank, int)}:
        raise InputError(
            f"{ADAPTER_WEIGHTS} has rank {str(min(wrong)).strip('(),')}, {ADAPTER_CONFIG} says {config.get('r')}; "
            "train again"
        )
    files = _present(
        folder, (ADAPTER_WEIGHTS, ADAPTER_CONFIG, training.FILE_NAME, *_TOKENIZER, *_terms(folder))
    )
    return TrainedModel(folder, True, files, _parameters(shapes), config, record)


def read_backbone(folder: Path) -> TrainedModel:
    """Read and check the folder of a whole model, in one file or in shards.

    Raises:
        InputError: It does not hold a valid model; the message says what is wrong and what to do.
    """
    if (folder / ADAPTER_CONFIG).is_file():
        raise InputError(
            f"{str(folder)!r} holds an adapter, not a whole model; publish it with `lema publish adapter`"
        )
    shards = sorted(path.name for path in folder.glob("model-*-of-*.safetensors")) if folder.is_dir() else []
    _check_folder(folder, shards[0] if shards else MODEL_WEIGHTS)
    config = _read_json(folder / "config.json")
    if "auto_map" in config:
        raise InputError(
            "config.json has auto_map, which makes users run code of the repo; publish a standard model"
        )
    shapes: dict[str, tuple[int, ...]] = {}
    for name in shards or [MODEL_WEIGHTS]:
        shapes |= read_shapes(folder / name)
    names = (
        *(shards or [MODEL_WEIGHTS]),
        "model.safetensors.index.json",
        "config.json",
        "generation_config.json",
        CURVE,
    )
    files = _present(folder, (*names, training.FILE_NAME, *_TOKENIZER, *_terms(folder)))
    return TrainedModel(folder, False, files, _parameters(shapes), config, Training.read(folder))


def read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of a safetensors file, from its header.

    Format: https://huggingface.co/docs/safetensors (eight bytes of length, a JSON header, the data).

    Raises:
        InputError: The file is not a whole safetensors file.
    """
    broken = InputError(
        f"{path.name} is not a whole safetensors file; save the model again with save_pretrained"
    )
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= min(size - 8, _MAX_HEADER):
            raise broken
        try:
            header = loads(stream.read(length), source=path.name)
            header.pop("__metadata__", None)
            end = max((_whole(entry["data_offsets"][1]) for entry in header.values()), default=0)
            shapes = {name: tuple(map(_whole, entry["shape"])) for name, entry in header.items()}
        except (InputError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise broken from error
    if not shapes or size != 8 + length + end or any(len(shape) > _MAX_RANK for shape in shapes.values()):
        raise broken
    return shapes


def _whole(value: object) -> int:
    """A length or an offset."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError(f"{value!r} is not a length")


def _check_folder(folder: Path, weights: str) -> None:
    if not folder.is_dir():
        raise InputError(f"{str(folder)!r} is not a folder; expected a trained model: give its --out folder")
    pickles = sorted(path.name for path in folder.iterdir() if _PICKLES.fullmatch(path.name))
    if pickles:
        raise InputError(
            f"{pickles[0]!r} is a pickle, which runs code when it is loaded; save the weights as "
            f"{weights} and remove it"
        )
    if not (folder / weights).is_file():
        raise InputError(f"{str(folder)!r} has no {weights}; expected a trained model: give its --out folder")


def _read_json(path: Path) -> dict[str, Any]:
    value = read_json_file(path, remedy="save the model again")
    if not isinstance(value, dict):
        raise InputError(f"{path.name} is not a JSON object; save the model again")
    return value


def _present(folder: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if (folder / name).is_file())


def _terms(folder: Path) -> tuple[str, ...]:
    """The licence files of the base model that lie beside the weights."""
    return tuple(sorted({path.name for pattern in TERMS for path in folder.glob(pattern)}))


def _parameters(shapes: dict[str, tuple[int, ...]]) -> int:
    return sum(math.prod(shape) for shape in shapes.values())

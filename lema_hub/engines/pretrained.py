"""Models, tokenizers and adapters loaded from files that run nothing.

    folder = model_folder("meta-llama/Llama-3.1-8B", revision="d04e59...")     # its files, without code and pickles
    causal_model(folder, name="meta-llama/Llama-3.1-8B"), tokenizer(folder, name=...)
    adapted(model, adapter_folder("runs/lema"))

Every `from_pretrained` of the package is here. A repository can ask for its own Python to be run (`auto_map`):
transformers then asks at the terminal, and `yes |` would answer. It can hold pickled weights, which run code when
they are read. Both are refused, before anything is loaded, for models, tokenizers, adapters and the bases that
adapters name.

The trap: transformers loads a folder that has an `adapter_config.json` on the base named there, whatever model lies
beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lema_hub.artifacts.model import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from lema_hub.errors import EngineError, InputError, MissingExtraError
from lema_hub.snapshots import fetch

TOKENIZER_FILES = ("*.json", "tokenizer*", "*.model", "*.txt", "*.jinja")
MODEL_FILES = ("model*.safetensors", *TOKENIZER_FILES)


def model_folder(
    place: str | Path, *, revision: str | None = None, weights: bool = True, also: tuple[str, ...] = ()
) -> Path:
    """The folder of a model or a tokenizer, fetched if `place` is a Hub id, that can be loaded safely.

    Args:
        place: A folder or a Hub id.
        revision: Branch, tag or commit of a Hub id.
        weights: False leaves them on the Hub, and does not ask for any.
        also: Patterns of other files to fetch.

    Raises:
        InputError: It wants its own code run, has no safetensors, or holds an adapter.
        HubError: The Hub does not have it, or cannot be reached.
    """
    folder = Path(place)
    if not folder.is_dir():
        patterns = MODEL_FILES if weights else TOKENIZER_FILES
        folder, _ = fetch(str(place), revision, repo_type="model", patterns=(*patterns, *also))
    name = str(place) if revision is None else f"{place}@{revision}"
    for file in ("config.json", "tokenizer_config.json"):
        if "auto_map" in _read(folder / file):
            raise InputError(
                f"{name!r} asks to run its own Python code ({file} has auto_map), which is refused; give a model that "
                "transformers supports"
            )
    if weights and not any(folder.glob("*.safetensors")):
        found = next(iter(sorted(folder.glob("*.bin"))), None)
        pickle = "" if found is None else f": {found.name} is a pickle, which can run code when it is read"
        raise InputError(f"{name!r} has no *.safetensors{pickle}; save its weights with save_pretrained")
    if weights and (folder / ADAPTER_CONFIG).is_file():
        raise InputError(f"{name!r} holds an adapter beside the model; put them into separate folders")
    return folder


def adapter_folder(folder: str | Path) -> Path:
    """A folder that holds an adapter, and not as a pickle.

    Raises:
        InputError: It holds none, or one that is pickled.
    """
    place = Path(folder)
    if not (place / ADAPTER_WEIGHTS).is_file():
        pickled = any(place.glob("adapter_model.*"))
        why = ": a pickle is not read, because it can run code" if pickled else ""
        raise InputError(
            f"{str(folder)!r} has no {ADAPTER_WEIGHTS}{why}; save the adapter with save_pretrained"
        )
    return place


def tokenizer(folder: Path, *, name: str) -> Any:
    """The tokenizer in a folder.

    Args:
        folder: From `model_folder`.
        name: What an error calls it.

    Raises:
        EngineError: It cannot be loaded.
        MissingExtraError: transformers is not installed.
    """
    with _explained(name, "it has a tokenizer that transformers knows"):
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)


def causal_model(folder: Path, *, name: str, **options: Any) -> Any:
    """The causal language model in a folder.

    Args:
        folder: From `model_folder`.
        name: What an error calls it.
        **options: Those of `from_pretrained`.

    Raises:
        EngineError: It cannot be loaded.
        MissingExtraError: transformers is not installed.
    """
    with _explained(name, "it is a causal language model"):
        from transformers import AutoModelForCausalLM

        return AutoModelForCausalLM.from_pretrained(
            folder, trust_remote_code=False, use_safetensors=True, **options
        )


def adapted(model: Any, folder: Path, *, name: str) -> Any:
    """A model with the LoRA adapter in a folder.

    Args:
        model: The base.
        folder: From `adapter_folder`.
        name: What an error calls them.

    Raises:
        EngineError: The adapter does not fit the model.
        MissingExtraError: PEFT is not installed.
    """
    with _explained(name, "the adapter was trained on this model"):
        from peft import PeftModel

        return PeftModel.from_pretrained(model, adapter_folder(folder))


def _read(path: Path) -> dict[str, Any]:
    """A configuration; empty if it is missing or cannot be read, which loading it reports."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return held if isinstance(held, dict) else {}


@contextmanager
def _explained(name: str, expected: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise MissingExtraError(error.name or "transformers", "train") from error
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        if "out of memory" in str(error):
            raise
        line = " ".join(str(error).split())[:200]
        raise EngineError(f"{name!r} cannot be loaded ({line}); check that {expected}") from error

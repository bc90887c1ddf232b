"""The system that a name means: a model, an adapter on its base, or a model behind an endpoint.

    engine = find("runs/lema/adapter")                     # a folder; its base is the one that it names
    engine = find("lema/nano-lema-qlora@v0.1.0")           # a Hub id at a version
    engine = find("nano")                                  # the backbone that ships with the package
    engine = find("meta-llama/Llama-3.1-8B", engine="openai", base_url="http://localhost:8000/v1")

The trap: an adapter is only as good as its base; unless `base` says otherwise, it is loaded on the repository and
revision that its `adapter_config.json` names.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

from lema_hub import nano
from lema_hub.engines import Engine
from lema_hub.engines.choose import NANO_BACKBONE, choose
from lema_hub.errors import HubError, InputError

ScoringEngine = Literal["transformers", "vllm", "openai"]


def find(
    name: str,
    *,
    engine: ScoringEngine = "transformers",
    base: str | None = None,
    base_url: str | None = None,
    api: Literal["chat", "completions"] = "chat",
    batch_size: int | None = None,
    tensor_parallel: int = 1,
) -> Engine:
    """The engine that answers for a system.

    Args:
        name: A folder, a Hub id, either of them with `@revision`, or `nano`.
        engine: What generates.
        base: The base model (folder or Hub id, with `@revision`) instead of the one that an adapter names.
        base_url: The endpoint of `openai`.
        api: Whether an endpoint chats or completes plain text.
        batch_size: Rows that `transformers` and `vllm` compute together at most; their own choice by default.
        tensor_parallel: GPUs that share one copy of the model of `vllm`.

    Raises:
        InputError: The name means nothing, or an adapter names no base.
        HubError: The Hub refused or could not be reached.
        EngineError: The model cannot be found.
    """
    model, revision = _split(name)
    if engine == "openai":
        return choose("openai", model=model, revision=revision, base_url=base_url, api=api)
    load: Callable[..., Engine]
    if engine == "vllm":
        from lema_hub.engines.vllm import VLLMEngine

        load = partial(VLLMEngine, batch_size=batch_size, tensor_parallel=tensor_parallel)
    elif engine == "transformers":
        from lema_hub.engines.transformers import TransformersEngine

        load = partial(TransformersEngine, batch_size=batch_size)
    else:
        raise InputError(f"no engine {engine!r} for scoring; there are: transformers, vllm, openai")

    adapter = _adapter_config(model, revision)
    if adapter is None and base is not None:
        raise InputError(
            f"{name!r} is no adapter (it has no adapter_config.json): leave out the base {base!r}"
        )
    if adapter is None:
        if model == "nano":
            return load(nano.backbone_path(), label=NANO_BACKBONE)
        return load(model, revision=revision)
    named, at = _split(base) if base else (adapter.get("base_model_name_or_path"), adapter.get("revision"))
    if not named:
        raise InputError(f"adapter {name!r} names no base model; give one (--base)")
    shipped = named in ("nano", NANO_BACKBONE)
    return load(
        nano.backbone_path() if shipped else named,
        revision=None if shipped else at,
        label=NANO_BACKBONE if shipped else None,
        adapter=model,
        adapter_revision=revision,
    )


def _split(name: str) -> tuple[str, str | None]:
    """`org/name@v1` -> (`org/name`, `v1`); a folder may have an @ in its name."""
    if Path(name).is_dir() or "@" not in name:
        return name, None
    model, _, revision = name.rpartition("@")
    return model, revision


def _adapter_config(model: str, revision: str | None) -> dict[str, str | None] | None:
    """The adapter_config.json of a folder or a Hub repository; None if it has none."""
    folder = Path(model)
    if folder.is_dir():
        path = folder / "adapter_config.json"
        if not path.is_file():
            return None
    elif "/" not in model:
        return None
    else:
        import httpx2
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import (
            EntryNotFoundError,
            HFValidationError,
            LocalEntryNotFoundError,
        )

        try:
            path = Path(hf_hub_download(model, "adapter_config.json", revision=revision))
        except (
            LocalEntryNotFoundError
        ) as error:  # offline and not in the cache: perhaps no adapter, perhaps not here
            if _cached_model(model, revision):
                return None
            raise HubError(
                f"{model!r} at {revision or 'main'} is not in the cache and its Hub cannot be reached; "
                "check HF_ENDPOINT, or give a folder"
            ) from error
        except EntryNotFoundError:
            return None
        except HFValidationError as error:
            raise InputError(f"{model!r} is neither a folder nor a Hub id; give one of them") from error
        except (httpx2.HTTPError, OSError) as error:
            raise HubError(
                f"{model!r} at {revision or 'main'} could not be had ({type(error).__name__}); check the name, "
                "the revision and HF_ENDPOINT, or give a folder"
            ) from error
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{str(path)!r} cannot be read ({error}); expected a PEFT adapter") from error
    return held if isinstance(held, dict) else {}


def _cached_model(model: str, revision: str | None) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(model, "config.json", revision=revision), str)

"""The system that a name means: a model, an adapter on its base, or a model behind an endpoint.

    engine = find("runs/lema/adapter")                     # a folder; its base is the one that it names
    engine = find("lema/nano-lema-qlora@v0.1.0")           # a Hub id at a version
    engine = find("nano")                                  # the backbone that ships with the package
    engine = find("meta-llama/Llama-3.1-8B", engine="openai", base_url="http://localhost:8000/v1")

The trap: an adapter is only as good as its base; unless `base` says otherwise, it is loaded on the repository and
revision that its `adapter_config.json` names.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

from lema_hub.engines import Engine, bases
from lema_hub.engines.choose import Source, choose
from lema_hub.errors import InputError
from lema_hub.snapshots import adapter_config, split_name

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
        InputError: The name is neither a folder nor a Hub id, or an adapter names no base.
        HubError: The Hub refused or could not be reached.
        EngineError: The model cannot be found.

    Example:
        >>> find("nano").model
        'lema/nano-backbone'
    """
    model, revision = split_name(name)
    if engine == "openai":
        return choose(Source(engine="openai", model=model, revision=revision, base_url=base_url, api=api))
    load: Callable[..., Engine]
    if engine == "vllm":
        from lema_hub.engines.vllm import VLLMEngine

        load = partial(VLLMEngine, batch_size=batch_size, tensor_parallel=tensor_parallel)
    elif engine == "transformers":
        from lema_hub.engines.transformers import TransformersEngine

        load = partial(TransformersEngine, batch_size=batch_size)
    else:
        raise InputError(f"engine {engine!r} cannot be scored; expected transformers, vllm or openai")

    adapter = adapter_config(model, revision)
    if adapter is None and base is not None:
        raise InputError(
            f"{name!r} is not an adapter (it has no adapter_config.json): leave out the base {base!r}"
        )
    if adapter is None:
        found = bases.base(model, revision)
        return load(found.model, revision=found.revision, label=found.label)
    found = bases.base(*split_name(base)) if base else bases.named_base(model, adapter)
    return load(
        found.model,
        revision=found.revision,
        label=found.label,
        adapter=model,
        adapter_revision=revision,
    )

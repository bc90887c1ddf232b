"""The engine that a recipe or a command line names."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from lema_hub.engines.bases import NANO_BACKBONE, base, check_base
from lema_hub.engines.engine import Engine
from lema_hub.engines.exact import ExactEngine
from lema_hub.engines.noisy import NoisyEngine
from lema_hub.engines.pace import Rates
from lema_hub.errors import InputError
from lema_hub.snapshots import split_name

EngineName = Literal["transformers", "vllm", "openai", "exact", "noisy"]
ENGINES: tuple[EngineName, ...] = typing.get_args(EngineName)
Mode = Literal["live", "batch"]
__all__ = ["ENGINES", "NANO_BACKBONE", "EngineName", "Mode", "choose"]


def choose(
    engine: EngineName,
    *,
    model: str | None = None,
    revision: str | None = None,
    adapter: str | None = None,
    base_url: str | None = None,
    api: Literal["chat", "completions"] = "chat",
    concurrency: int = 64,
    mode: Mode = "live",
    samples_per_request: int = 1,
    batch_requests: int = 50_000,
    rates: Rates | None = None,
    batch_size: int | None = None,
    tensor_parallel: int = 1,
    prices: Path | None = None,
    noise: Mapping[str, float] | None = None,
) -> Engine:
    """The engine of that name.

    Args:
        engine: `transformers`, `vllm`, `openai`, or the nano world's `exact` or `noisy`.
        model: Its model; `nano` is the backbone that ships with the package. `exact` and `noisy` need none.
        revision: Branch, tag or commit of the model; for endpoints a label of your own.
        adapter: A LoRA adapter for `transformers` and `vllm`: a folder, or a Hub id, with `@revision` if wanted.
        base_url: The endpoint of `openai`.
        api: Whether an endpoint chats or completes plain text.
        concurrency: Requests in flight at an endpoint.
        mode: Whether an endpoint answers request by request, or in batches within a day.
        samples_per_request: Samples of one prompt in one post to an endpoint.
        batch_requests: Requests in one batch.
        rates: Requests and tokens per minute for an endpoint.
        prices: A price list of your own for endpoints.
        batch_size: Rows that `transformers` and `vllm` compute together at most; their own choice by default.
        tensor_parallel: GPUs that share one copy of the model of `vllm`.
        noise: How often `noisy` errs in which way (`lema_hub.nano.noisy`).

    Raises:
        InputError: The engine is unknown or needs a model, or the adapter was trained on another one.
        MissingExtraError: Its library is not installed.
        EngineError: The model cannot be found.
    """
    if engine != "openai" and (mode, samples_per_request, rates) != ("live", 1, None):
        raise InputError(
            f"mode, samples_per_request and rates are for the engine openai, got them with {engine}; leave them out"
        )
    if engine == "exact":
        return ExactEngine()
    if engine == "noisy":
        return NoisyEngine(noise or {})
    if engine not in ENGINES:
        raise InputError(f"no engine {engine!r}; there are: {', '.join(ENGINES)}")
    if model is None:
        raise InputError(f"engine {engine} needs a model; name one (--model)")
    if engine == "openai":
        from lema_hub.engines.openai import OpenAIEngine

        live = OpenAIEngine(
            model,
            revision=revision,
            base_url=base_url,
            api=api,
            concurrency=concurrency,
            samples_per_request=samples_per_request,
            rates=rates,
            prices=prices,
        )
        if mode == "live":
            return live
        from lema_hub.engines.batch import BatchEngine

        return BatchEngine(live, batch_requests=batch_requests)
    adapter, adapter_revision = split_name(adapter) if adapter is not None else (None, None)
    found = base(model, revision)
    if adapter is not None:
        check_base(adapter, adapter_revision, found)
    if engine == "vllm":
        from lema_hub.engines.vllm import VLLMEngine

        return VLLMEngine(
            found.model,
            revision=found.revision,
            label=found.label,
            adapter=adapter,
            adapter_revision=adapter_revision,
            batch_size=batch_size,
            tensor_parallel=tensor_parallel,
        )
    from lema_hub.engines.transformers import TransformersEngine

    return TransformersEngine(
        found.model,
        revision=found.revision,
        label=found.label,
        adapter=adapter,
        adapter_revision=adapter_revision,
        batch_size=batch_size,
    )

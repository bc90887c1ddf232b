"""The engine that a recipe or a command line names."""

from __future__ import annotations

import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from lema_hub.config import Range
from lema_hub.engines.bases import NANO_BACKBONE, base, check_base
from lema_hub.engines.endpoint import Api
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where text comes from: what recipes, commands and programs say of a model."""

    engine: EngineName
    model: str | None = None
    """`nano` is the backbone that ships with the package; `exact` and `noisy` need none."""
    revision: str | None = None
    """Branch, tag or commit of the model; for endpoints a label of your own."""
    adapter: str | None = None
    """A LoRA adapter for `transformers` and `vllm`: a folder, or a Hub id, with `@revision` if wanted."""
    tensor_parallel: Annotated[int, Range(1, 1_024)] = 1
    """Of the engine `vllm`: GPUs that share one copy of the model."""
    base_url: str | None = None
    """Of endpoints: where it listens."""
    api: Api = "chat"
    """Of endpoints: whether it chats or completes plain text."""
    mode: Mode = "live"
    """Of endpoints: request by request, or in batches within a day."""
    samples_per_request: Annotated[int, Range(1, 128)] = 1
    """Of endpoints: samples of one prompt in one post, which pays the prompt once."""
    batch_requests: Annotated[int, Range(1, 50_000)] = 50_000
    """Of the mode `batch`: requests in one batch."""
    rates: Rates | None = None
    """Of endpoints: `requests_per_minute` and `tokens_per_minute`."""
    noise: dict[str, float] = field(default_factory=dict)
    """Of the engine `noisy`: how often it errs in which way (`lema_hub.nano.noisy`)."""


def choose(
    source: Source, *, concurrency: int = 64, batch_size: int | None = None, prices: Path | None = None
) -> Engine:
    """The engine that a source names.

    Args:
        source: Whose text is wanted.
        concurrency: Requests in flight at an endpoint.
        batch_size: Rows that `transformers` and `vllm` compute together at most; their own choice by default.
        prices: A price list of your own for endpoints.

    Raises:
        InputError: The engine is unknown or needs a model, or an option is for another engine.
        MissingExtraError: Its library is not installed.
        EngineError: The model cannot be found.

    Example:
        >>> choose(Source(engine="exact")).name
        'exact'
    """
    engine, model = source.engine, source.model
    if engine != "openai" and (source.mode, source.samples_per_request, source.rates) != ("live", 1, None):
        raise InputError(
            f"mode, samples_per_request and rates are for the engine openai, got them with {engine}; leave them out"
        )
    if engine == "exact":
        return ExactEngine()
    if engine == "noisy":
        return NoisyEngine(source.noise)
    if engine not in ENGINES:
        raise InputError(f"no engine {engine!r}; expected one of {', '.join(ENGINES)}")
    if model is None:
        raise InputError(f"engine {engine} needs a model; name one")
    if engine == "openai":
        return _endpoint(source, model, concurrency, prices)
    adapter, adapter_revision = split_name(source.adapter) if source.adapter is not None else (None, None)
    found = base(model, source.revision)
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
            tensor_parallel=source.tensor_parallel,
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


def _endpoint(source: Source, model: str, concurrency: int, prices: Path | None) -> Engine:
    from lema_hub.engines.openai import OpenAIEngine

    live = OpenAIEngine(
        model,
        revision=source.revision,
        base_url=source.base_url,
        api=source.api,
        concurrency=concurrency,
        samples_per_request=source.samples_per_request,
        rates=source.rates,
        prices=prices,
    )
    if source.mode == "live":
        return live
    from lema_hub.engines.batch import BatchEngine

    return BatchEngine(live, batch_requests=source.batch_requests)

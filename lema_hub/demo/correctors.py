"""Who can be asked for a correction: the exact corrector, an adapter that runs here, or an endpoint.

    exact()                                      nano problems only, never errs
    adapter("runs/lema/adapter")                 a folder; its base is read from its configuration
    adapter("lema/nano-lema-adapter@v0.1.0")     a Hub id at a revision
    endpoint("gpt-5", base_url=None)             any OpenAI-compatible endpoint, the key from OPENAI_API_KEY

How often an adapter finds the wrong step is read from its own `training.json`, where its evaluation wrote it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lema_hub.artifacts.model import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from lema_hub.artifacts.training import FILE_NAME, Training
from lema_hub.engines import Engine, Sampling, bases
from lema_hub.engines.exact import ExactEngine
from lema_hub.errors import InputError
from lema_hub.prompts import load as load_prompt
from lema_hub.snapshots import adapter_config, fetch, split_name
from lema_hub.stats import proportion

World = Literal["nano-exact", "nano", "any"]
"""What a corrector knows: nano problems exactly, nano problems as a model, or anything."""

FINE_TUNED = "lema-correction"
"""LeMa's own correction prompt, which models fine-tuned on corrections know."""

LOCALISATION = "localisation"
"""The metric of `training.json` that says how often the first wrong step was named."""

CONTROLS = {
    "localisation_always_step": "always naming the commonest step",
    "localisation_solving_again": "solving again and comparing",
}
"""Metrics of simple controls on the same mistakes, which need no model that corrects."""

_LOCAL = Sampling(max_tokens=512, stop=("\n}\n", "\nQuestion:"))  # base models run on with the next problem
_CHAT = Sampling(max_tokens=2048)  # some models think before they write, and refuse stop strings

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HitRate:
    """How often a corrector named the first wrong step: `hits` of `n`, and the share's 95 % interval.

    `controls` are (what was done instead, its share on the same mistakes).
    """

    hits: int
    n: int
    low: float
    high: float
    controls: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrector:
    """A source of corrections.

    Attributes:
        key: Its name in a list of choices.
        name: Its name for people.
        about: One sentence on what it is.
        engine: Where its text comes from.
        prompt: The prompt template under which it is asked.
        sampling: How it is asked; greedily.
        world: What it knows.
        hit_rate: How often it finds the wrong step; None if that was not measured.
    """

    key: str
    name: str
    about: str
    engine: Engine
    prompt: str
    world: World
    sampling: Sampling = _LOCAL
    hit_rate: HitRate | None = None


def exact() -> Corrector:
    """The exact corrector of the nano world.

    Example:
        >>> exact().name
        'Exact corrector'
    """
    return Corrector(
        key="exact",
        name="Exact corrector",
        about="Knows the program of every nano problem, so it is always right. It knows no other problems.",
        engine=ExactEngine(),
        prompt=FINE_TUNED,
        world="nano-exact",
    )


def adapter(name: str, *, base: str | None = None) -> Corrector:
    """An adapter that was fine-tuned on corrections, and its base model.

    Args:
        name: A folder, or a Hub id with or without `@revision`.
        base: The base model's folder or Hub id; read from the adapter's configuration unless given.

    Raises:
        InputError: There is no adapter in the folder.
        HubError: The Hub does not have the adapter, or cannot be reached.
        EngineError: The same of its base model.
    """
    from lema_hub.engines.transformers import TransformersEngine

    source, revision = split_name(name)
    config = adapter_config(source, revision)
    if config is None:
        raise InputError(
            f"{name!r} is not an adapter: it has no adapter_config.json; give one that `lema train` wrote"
        )
    found = bases.base(*split_name(base)) if base else bases.named_base(source, config)
    folder = Path(source)
    if not folder.is_dir():
        folder, _ = fetch(
            source, revision, repo_type="model", patterns=(ADAPTER_CONFIG, ADAPTER_WEIGHTS, FILE_NAME)
        )
    nano = found.label is not None
    engine = TransformersEngine(found.model, revision=found.revision, adapter=folder, label=found.label)
    label = f"{source.rstrip('/').rsplit('/', 1)[-1]}{f' at {revision}' if revision else ''}"
    about = (
        "A small language model, fine-tuned on corrections of its own mistakes. It can be wrong."
        if nano
        else f"{found.model}, fine-tuned on corrections. It can be wrong."
    )
    return Corrector(
        key="adapter",
        name=f"{'Nano adapter' if nano else 'Adapter'} {label}",
        about=about,
        engine=engine,
        prompt=FINE_TUNED,
        world="nano" if nano else "any",
        hit_rate=measured(folder),
    )


def endpoint(model: str, *, base_url: str | None, prompt: str = "lema-corrector-gsm8k") -> Corrector:
    """A model behind an OpenAI-compatible endpoint.

    Args:
        model: The model's name at the endpoint.
        base_url: Where it listens; None for OpenAI itself. The key is read from OPENAI_API_KEY.
        prompt: The corrector prompt. `lema-correction` is for a served model that was fine-tuned on
            corrections, and is completed as plain text; any other is sent as a message of a chat.

    Raises:
        InputError: There is no such prompt.
    """
    from lema_hub.engines.openai import OpenAIEngine

    load_prompt(prompt)  # an unknown one fails now, not at the first question
    fine_tuned = prompt == FINE_TUNED
    engine = OpenAIEngine(
        model,
        base_url=base_url,
        api="completions" if fine_tuned else "chat",
        concurrency=1,
        timeout=120.0,  # somebody is waiting: give up early
        attempts=3,
        patience=30.0,
    )
    return Corrector(
        key="endpoint",
        name=model,
        about="A language model behind an OpenAI-compatible endpoint. It can be wrong.",
        engine=engine,
        prompt=prompt,
        world="any",
        sampling=_LOCAL if fine_tuned else _CHAT,
    )


def measured(folder: Path) -> HitRate | None:
    """The hit rate that the adapter's evaluation wrote into `training.json`; None if there is none."""
    try:
        results = Training.read(folder).results
    except InputError as error:
        _logger.info("no measured hit rate: %s", error)
        return None
    result = next((result for result in results if result.metric == LOCALISATION), None)
    if result is None or result.n < 1:
        return None
    hits = round(result.value * result.n)
    low, high = proportion(hits, result.n)
    shares = {each.metric: each.value for each in results if each.n == result.n}
    return HitRate(
        hits=hits,
        n=result.n,
        low=low,
        high=high,
        controls=tuple((words, shares[metric]) for metric, words in CONTROLS.items() if metric in shares),
    )

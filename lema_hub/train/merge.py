"""Merging an adapter into its backbone, for servers that take no adapters, and what merging changes.

Merging adds the adapter's product to the unquantised weights and rounds once, to their own precision: in float32 the
merged model computes what backbone and adapter compute together, in bfloat16 nearly. Merging into 4-bit weights
rounds the sum to 4 bits and changes what the model writes; it is refused. An adapter of QLoRA was trained on a 4-bit
backbone: the unquantised one is still the right base to merge into, but not the one that the adapter knew. So the
difference is measured, on both, and the record of the merged model says how large it is.

    merge(Path("runs/nano-lema"), out=Path("runs/merged"), prompts=Prompts("nano", "dev", texts))
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lema_hub.artifacts.model import ADAPTER_WEIGHTS, TERMS
from lema_hub.artifacts.training import FILE_NAME, Agreement, Merged, Training
from lema_hub.engines import bases, pretrained
from lema_hub.engines.noise import quiet
from lema_hub.errors import InputError
from lema_hub.snapshots import adapter_config, is_hub_id
from lema_hub.stats import proportion
from lema_hub.train import quantisation
from lema_hub.train.saving import copy_terms, whole

if TYPE_CHECKING:
    import torch
    import transformers

_BATCH = 16  # prompts
_MAX_TOKENS = 256


@dataclass(frozen=True, slots=True)
class Prompts:
    """What adapter and merged model are compared on: problems of a task, as the model is asked them."""

    task: str
    split: str
    texts: tuple[str, ...]


def merge(
    adapter: Path,
    *,
    out: Path,
    base: Path | None = None,
    prompts: Prompts | None = None,
    name: str | None = None,
    revision: str | None = None,
    command: str = "lema_hub.train.merge",
) -> tuple[Agreement, ...]:
    """Write backbone + adapter as one model that loads without PEFT, and measure how similarly they write.

    The folder appears when it is complete.

    Args:
        adapter: Folder with `adapter_config.json` and `adapter_model.safetensors`.
        out: Folder to write; it must not exist or be empty.
        base: Folder of the backbone; by default the one that the adapter names.
        prompts: What to compare on; nothing is compared, and nothing can be published, without them.
        name: The adapter's Hub id, if it is from there; by default the folder's name.
        revision: Its version there.
        command: What the record names as the command.

    Returns:
        The agreement with the adapter on the unquantised base and, for an adapter of QLoRA, on the 4-bit one.

    Raises:
        InputError: The adapter or the backbone cannot be used, or the backbone is quantised.
        EngineError: The adapter or the backbone cannot be loaded.
        HubError: The backbone cannot be read from its Hub.
    """
    import torch

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{str(out)!r} is not empty; choose another folder")
    config = adapter_config(str(adapter), None) if adapter.is_dir() else None
    if config is None:
        raise InputError(
            f"{str(adapter)!r} is not an adapter: it has no adapter_config.json; train one first"
        )
    weights = pretrained.adapter_folder(adapter) / ADAPTER_WEIGHTS
    named = bases.base(str(base)) if base else bases.named_base(name or str(adapter), config)
    folder = _unquantised(named)
    record = Training.read(adapter) if (adapter / FILE_NAME).is_file() else None
    tokenizer = pretrained.tokenizer(folder, name=str(named))
    texts = prompts.texts if prompts else ()
    written: dict[Literal["unquantised", "nf4"], list[list[int]]] = {}
    with quiet():
        if texts and record is not None and record.method == "qlora":
            on_gpu = torch.cuda.is_available()
            trained_on = quantisation.nf4_model(
                folder, name=str(named), dtype=torch.bfloat16 if on_gpu else torch.float32
            )
            quantised = pretrained.adapted(trained_on, adapter, name=str(adapter))
            written["nf4"] = _write(quantised, tokenizer, texts)
        model = pretrained.causal_model(folder, name=str(named), dtype="auto")
        model = _placed(pretrained.adapted(model, adapter, name=str(adapter)))
        if texts:
            written["unquantised"] = _write(model, tokenizer, texts)
        merged = model.merge_and_unload(safe_merge=True)
    ours = _write(merged, tokenizer, texts) if texts else []
    agreement = tuple(
        _agreement(merged, tokenizer, base, texts, theirs, ours) for base, theirs in written.items()
    )
    with whole(out) as made:
        merged.save_pretrained(made)
        tokenizer.save_pretrained(made)
        copy_terms(folder, made)
        copy_terms(adapter, made)
        if record is not None and prompts is not None:
            merging = Merged(
                adapter=name or adapter.resolve().name,
                revision=revision,
                sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
                dtype=str(merged.dtype).removeprefix("torch."),
                command=command,
                task=prompts.task,
                split=prompts.split,
                agreement=agreement,
            )
            # Without the adapter's results: the merged model has not been scored itself.
            dataclasses.replace(record, merged=merging, results=()).write(made)
    return agreement


def _unquantised(base: bases.Base) -> Path:
    """The folder of a base, whose weights must not be quantised."""
    if not Path(base.model).is_dir() and not is_hub_id(base.model):
        raise InputError(f"base {base.model!r} is neither a folder nor a Hub id (org/name); give --base")
    folder = pretrained.model_folder(base.model, revision=base.revision, also=TERMS)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{str(base)!r} has no readable config.json; give the folder of a model") from error
    if "quantization_config" in config:
        raise InputError(
            f"{str(base)!r} is quantised: merging would round the adapter away; give the unquantised model"
        )
    return folder


def _placed(model: Any) -> Any:
    import torch

    return model.to("cuda") if torch.cuda.is_available() else model


def _write(
    model: Any, tokenizer: transformers.PreTrainedTokenizerBase, texts: Sequence[str]
) -> list[list[int]]:
    """The tokens that a model writes after each prompt, greedily, up to the end of text."""
    import torch

    model.eval()
    written = []
    for start in range(0, len(texts), _BATCH):
        batch = _padded(
            [_ids(tokenizer, text) for text in texts[start : start + _BATCH]], tokenizer, model.device
        )
        with torch.no_grad():
            answers = model.generate(
                **batch,
                max_new_tokens=_MAX_TOKENS,
                do_sample=False,
                pad_token_id=_pad(tokenizer),
            )
        for row in answers[:, batch["input_ids"].shape[1] :].tolist():
            end = row.index(tokenizer.eos_token_id) + 1 if tokenizer.eos_token_id in row else len(row)
            written.append(row[:end])
    return written


def _agreement(
    merged: Any,
    tokenizer: transformers.PreTrainedTokenizerBase,
    base: Literal["unquantised", "nf4"],
    texts: Sequence[str],
    theirs: Sequence[list[int]],
    ours: Sequence[list[int]],
) -> Agreement:
    same = sum(one == other for one, other in zip(theirs, ours, strict=True))
    low, high = proportion(same, len(texts))
    return Agreement(
        base=base,
        prompts=len(texts),
        same_texts=same,
        low=round(low, 4),
        high=round(high, 4),
        tokens=sum(map(len, theirs)),
        same_tokens=_foreseen(merged, tokenizer, texts, theirs),
    )


def _foreseen(
    model: Any,
    tokenizer: transformers.PreTrainedTokenizerBase,
    texts: Sequence[str],
    answers: Sequence[list[int]],
) -> int:
    """How many tokens of the answers are what the model itself would write next."""
    import torch

    hits = 0
    for start in range(0, len(texts), _BATCH):
        pairs = [
            (_ids(tokenizer, text), answer)
            for text, answer in zip(
                texts[start : start + _BATCH], answers[start : start + _BATCH], strict=True
            )
        ]
        batch = _padded([[*prompt, *answer] for prompt, answer in pairs], tokenizer, model.device)
        with torch.no_grad():
            best = model(**batch).logits.argmax(-1)  # (B, T): the token after each position
        for row, (_, answer) in zip(best.tolist(), pairs, strict=True):  # the padding is on the left
            predicted = row[len(row) - len(answer) - 1 : -1]
            hits += sum(one == other for one, other in zip(predicted, answer, strict=True))
    return hits


def _ids(tokenizer: transformers.PreTrainedTokenizerBase, text: str) -> list[int]:
    ids: list[int] = tokenizer(text)["input_ids"]
    return ids


def _pad(tokenizer: transformers.PreTrainedTokenizerBase) -> int:
    pad = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    return int(pad)


def _padded(
    rows: Sequence[list[int]], tokenizer: transformers.PreTrainedTokenizerBase, device: torch.device
) -> dict[str, torch.Tensor]:
    """Token ids with padding on the left, and the mask: both (B, T), int64."""
    import torch

    width = max(map(len, rows))
    pad = _pad(tokenizer)
    return {
        "input_ids": torch.tensor([[pad] * (width - len(row)) + row for row in rows], device=device),
        "attention_mask": torch.tensor(
            [[0] * (width - len(row)) + [1] * len(row) for row in rows], device=device
        ),
    }

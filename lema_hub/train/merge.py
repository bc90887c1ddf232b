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

from lema_hub.artifacts.training import FILE_NAME, Agreement, Merged, Training
from lema_hub.engines.noise import quiet
from lema_hub.errors import InputError
from lema_hub.stats import proportion
from lema_hub.train import backbones, quantisation
from lema_hub.train.saving import copy_terms

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
    """Write backbone + adapter as one model that loads without PEFT, and measure how alike they write.

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
        HubError: The backbone cannot be read from its Hub.
    """
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{str(out)!r} is not empty; choose another folder")
    path = adapter / "adapter_config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{str(adapter)!r} is no adapter: no readable adapter_config.json; train one first"
        ) from error
    weights = adapter / "adapter_model.safetensors"
    if not weights.is_file():
        raise InputError(
            f"{str(adapter)!r} has no {weights.name}; a pickle is not read: save it as safetensors"
        )
    folder = base or backbones.locate(config["base_model_name_or_path"], config.get("revision"))
    try:
        quantised = "quantization_config" in json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"backbone {str(folder)!r} is no model folder: no readable config.json") from error
    if quantised:
        raise InputError(
            f"backbone {str(folder)!r} is quantised: merging would round the adapter away; give the "
            "unquantised one"
        )
    record = Training.read(adapter) if (adapter / FILE_NAME).is_file() else None
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = prompts.texts if prompts else ()
    written: dict[Literal["unquantised", "nf4"], list[list[int]]] = {}
    with quiet():
        if texts and record is not None and record.method == "qlora":
            written["nf4"] = _write(_nf4(folder, adapter), tokenizer, texts)
        model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder, dtype="auto"), adapter)
        model = _placed(model)
        if texts:
            written["unquantised"] = _write(model, tokenizer, texts)
        merged = model.merge_and_unload(safe_merge=True)
    out.mkdir(parents=True, exist_ok=True)
    merged.save_pretrained(out)
    tokenizer.save_pretrained(out)
    copy_terms(folder, out)
    copy_terms(adapter, out)
    ours = _write(merged, tokenizer, texts) if texts else []
    agreement = tuple(
        _agreement(merged, tokenizer, base, texts, theirs, ours) for base, theirs in written.items()
    )
    if record is not None and prompts is not None:
        made = Merged(
            adapter=name or adapter.resolve().name,
            revision=revision,
            sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
            dtype=str(merged.dtype).removeprefix("torch."),
            command=command,
            task=prompts.task,
            split=prompts.split,
            agreement=agreement,
        )
        dataclasses.replace(record, merged=made, results=()).write(out)  # it has not been scored itself
    return agreement


def _nf4(folder: Path, adapter: Path) -> Any:
    """The adapter on the base as QLoRA trained it."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    on_gpu = torch.cuda.is_available()
    dtype = torch.bfloat16 if on_gpu else torch.float32
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=dtype,
        quantization_config=quantisation.nf4(dtype),
        device_map={"": 0} if on_gpu else None,
    )
    quantisation.keep_unpacked(model)
    return PeftModel.from_pretrained(model, adapter)


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

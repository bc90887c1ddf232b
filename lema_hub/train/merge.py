"""Merging an adapter into its backbone, for servers that take no adapters.

Merging into the unquantised weights is exact: the merged model computes what backbone and adapter compute
together. Merging into 4-bit weights rounds the sum to 4 bits and changes what the model writes; it is
refused. The adapter may have been trained on a 4-bit backbone (QLoRA): the unquantised one is still the right
base to merge into.
"""

from __future__ import annotations

import json
from pathlib import Path

from lema_hub.engines.noise import quiet
from lema_hub.errors import InputError
from lema_hub.train import backbones


def merge(adapter: Path, *, out: Path, base: Path | None = None) -> Path:
    """Write backbone + adapter as one model that loads without PEFT.

    Args:
        adapter: Folder with `adapter_config.json` and `adapter_model.safetensors`.
        out: Folder to write; it must not exist or be empty.
        base: Folder of the backbone; by default the one that the adapter names.

    Returns:
        `out`.

    Raises:
        InputError: The adapter or the backbone cannot be used, or the backbone is quantised.
        HubError: The backbone cannot be read from its Hub.
    """
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if out.exists() and any(out.iterdir()):
        raise InputError(f"{str(out)!r} is not empty; choose another folder")
    path = adapter / "adapter_config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{str(adapter)!r} is no adapter: no readable adapter_config.json; train one first"
        ) from error
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
    with quiet():
        model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder, dtype="auto"), adapter)
    merged = model.merge_and_unload(safe_merge=True)
    out.mkdir(parents=True, exist_ok=True)
    merged.save_pretrained(out)
    AutoTokenizer.from_pretrained(folder).save_pretrained(out)
    return out

"""The nano backbone: a small Llama that ships with the package, made by `scripts/make_nano_backbone.py`.

It loads with plain `AutoModelForCausalLM.from_pretrained(backbone_path())`; nothing here imports torch.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def backbone_path() -> Path:
    """The folder of the shipped backbone (config, tokenizer, safetensors, card, training curve)."""
    return Path(str(files("lema_hub.nano"))) / "checkpoint"

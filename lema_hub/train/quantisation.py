"""NF4 with double quantisation (QLoRA, arXiv 2305.14314), and the guard that keeps its gradients right on CPUs.

The trap: on CPUs with AVX512_BF16, bitsandbytes 0.50 repacks the 4-bit weights in place at the first forward
pass in eval mode without gradients, and its backward pass does not know the packed layout. From then on the
loss is still right and the gradients are silently wrong (cosine 0.4 to the true ones), so one evaluation in
the middle spoils the rest of a run. `keep_unpacked` turns the repacking off; tests/train/test_quantisation.py
fails without it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lema_hub.engines import pretrained

if TYPE_CHECKING:
    import torch
    import transformers


def nf4_model(folder: Path, *, name: str, dtype: torch.dtype) -> transformers.PreTrainedModel:
    """The model in a folder with its weights in NF4, on a GPU if there is one.

    Args:
        folder: From `pretrained.model_folder`.
        name: What an error calls it.
        dtype: What the layers compute in.

    Raises:
        EngineError: It cannot be loaded.
    """
    import torch

    model: transformers.PreTrainedModel = pretrained.causal_model(
        folder,
        name=name,
        dtype=dtype,
        quantization_config=nf4(dtype),
        device_map={"": 0} if torch.cuda.is_available() else None,
    )
    keep_unpacked(model)
    return model


def nf4(compute_dtype: torch.dtype) -> transformers.BitsAndBytesConfig:
    """The configuration of QLoRA: NF4, double quantisation, products in `compute_dtype`."""
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute_dtype,
    )


def keep_unpacked(model: torch.nn.Module) -> int:
    """Keep every 4-bit layer in the layout that its backward pass understands.

    Call it before the first forward pass.

    Returns:
        The number of 4-bit layers.
    """
    from bitsandbytes.nn import Linear4bit

    layers = [module for module in model.modules() if isinstance(module, Linear4bit)]
    for layer in layers:
        layer.support_avx512bf16_for_cpu = False
    return len(layers)

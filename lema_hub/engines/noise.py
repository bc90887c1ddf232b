"""Known messages of libraries that tell a user nothing, silenced."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Silence three known messages while a model is loaded or trained; it imports transformers.

    PEFT 0.21 reads `is_gradient_checkpointing`, which transformers 5.23 renamed (both names work);
    bitsandbytes reports that an optional kernel for CPUs is not installed; transformers draws a bar for
    every load.
    """
    from transformers.utils import logging as bars

    kernels = logging.getLogger("bitsandbytes.backends.cpu.ops")
    level, drawn = kernels.level, bars.is_progress_bar_enabled()
    kernels.setLevel(logging.ERROR)
    bars.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r"`.*gradient_checkpointing", category=FutureWarning)
            yield
    finally:
        kernels.setLevel(level)
        if drawn:
            bars.enable_progress_bar()

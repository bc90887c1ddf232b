"""What libraries say on stderr without need, and what they do not say: silence, and one line for long waits."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_logger = logging.getLogger(__name__)


@contextmanager
def loading(what: str, *, patience: float = 3.0) -> Iterator[None]:
    """Say one line if something from a Hub takes longer than `patience` seconds to come.

    The clients' own bars are off wherever progress of ours is drawn, and a model of many gigabytes would come in
    silence.
    """
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    message = "loading %s; what is not in the cache comes from %s ..."
    waiting = threading.Timer(patience, _logger.warning, (message, what, endpoint))
    waiting.daemon = True
    waiting.start()
    try:
        yield
    finally:
        waiting.cancel()


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

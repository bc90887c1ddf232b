"""What the clients of a Hub read once, at their import: set before any of them is imported."""

from __future__ import annotations

import os
import sys


def prepare_client(*, bars: bool = True) -> None:
    """Set the clients' environment, unless the user has set it.

    Plain uploads to servers other than huggingface.co, which would all be asked for xet tokens otherwise;
    progress bars only where there is a terminal to draw them.

    Args:
        bars: False for commands that draw their own progress: the clients' bars and notes stay out of it.
    """
    if "huggingface.co" not in os.environ.get("HF_ENDPOINT", "https://huggingface.co"):
        os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
    if not (bars and sys.stderr.isatty()):
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    if not bars:
        os.environ.setdefault("HF_HUB_VERBOSITY", "error")

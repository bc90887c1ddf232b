"""Deprecation warnings between the libraries, about which a user can do nothing."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """PEFT 0.21 reads `is_gradient_checkpointing`, which transformers 5.23 renamed; both names work."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"`.*gradient_checkpointing", category=FutureWarning)
        yield

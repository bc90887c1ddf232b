"""How hard the parsers are tried: LEMA_FUZZ_EXAMPLES examples each, the same ones in every run of `make test`."""

from __future__ import annotations

import os
from collections.abc import Callable

from hypothesis import HealthCheck, settings

from lema_hub.errors import LemaError

EXAMPLES = int(os.environ.get("LEMA_FUZZ_EXAMPLES", "50"))

settings.register_profile(
    "fuzz",
    max_examples=EXAMPLES,
    deadline=None,  # no test depends on the machine's speed
    derandomize=EXAMPLES <= 50,
    database=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("fuzz")


def said(call: Callable[[], object]) -> None:
    """Call it; whatever is wrong must be one short line."""
    message = ""
    try:
        call()
    except LemaError as error:
        message = str(error)
    assert "\n" not in message
    assert len(message) < 2_000

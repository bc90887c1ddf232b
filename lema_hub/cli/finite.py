"""Numbers on the command line are finite: typer refuses NaN only where an option has a `min`, and infinity nowhere."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from lema_hub.errors import InputError


def refuse_nan(command: Any) -> Any:
    """The command, and those below it, refusing options that are NaN or infinite.

    Raises:
        InputError: When it is called: an option is not a finite number.
    """
    for below in getattr(command, "commands", {}).values():
        refuse_nan(below)
    if command.callback is not None:
        command.callback = _checked(command.callback)
    return command


def _checked(callback: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(callback)
    def call(*args: Any, **options: Any) -> Any:
        for name, value in options.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise InputError(f"--{name.replace('_', '-')} is {value}; expected a finite number")
        return callback(*args, **options)

    return call

"""Calls to a Hub that are made again: when a rate limit has passed, or when the head has moved.

The client itself waits for a rate limit in some of its calls only (downloads, listings, uploads of large
files); commits, tags and questions about a repo fail at once.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from lema_hub.errors import HubError, SlowDownError, StaleParentError

logger = logging.getLogger(__name__)

_ATTEMPTS = 40
_LONGEST_PAUSE = 310  # seconds; the Hub counts in windows of five minutes

P = ParamSpec("P")
T = TypeVar("T")


def patient(call: Callable[P, T]) -> Callable[P, T]:
    """The function, called again as soon as a rate limit has passed; it must change nothing when it is refused."""
    return _retried(call, (SlowDownError,))


def again(attempt: Callable[P, T]) -> Callable[P, T]:
    """The function, called again when the head has moved or a rate limit has passed."""
    return _retried(attempt, (StaleParentError, SlowDownError))


def _retried(call: Callable[P, T], causes: tuple[type[HubError], ...]) -> Callable[P, T]:
    @functools.wraps(call)
    def retried(*args: P.args, **kwargs: P.kwargs) -> T:
        from tenacity import (
            RetryCallState,
            Retrying,
            retry_if_exception_type,
            stop_after_attempt,
            wait_random_exponential,
        )

        jitter = wait_random_exponential(multiplier=0.1, max=4)

        def pause(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            if isinstance(error, SlowDownError):
                logger.warning("%s", error)
                return min(error.seconds, _LONGEST_PAUSE)
            return jitter(state)

        retrying = Retrying(
            retry=retry_if_exception_type(causes),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=pause,
            reraise=True,
        )
        return retrying(call, *args, **kwargs)

    return retried

"""One connection, which ends when its client takes too long, and makes room when there are too many.

uvicorn waits for ever for the rest of a header or a body. Here a connection is looked at once in a period, and
closed when a whole header has not come within one, when a body has brought too little in one, or when an answer
has waited for its reader through all of one. A new connection that finds the server full takes the place
of the one that has waited longest for its header; if all of them are busy it is refused.
"""

import asyncio
import logging
import resource
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

from lema_hub.localhub import bounds

logger = logging.getLogger(__name__)

_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
)


def limit() -> int:
    """How many connections there may be: half of the file descriptors, the rest is for files and the database."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return bounds.CONNECTIONS if soft == resource.RLIM_INFINITY else min(bounds.CONNECTIONS, soft // 2)


class Connection(H11Protocol):
    """uvicorn's connection, with an end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting_since = self._now()
        self._paused_since: float | None = None
        self._received = 0
        self._slow_cycle: object = None
        self._timer: asyncio.TimerHandle | None = None

    def _now(self) -> float:
        return self.loop.time()

    @property
    def _waits(self) -> bool:
        """Whether a request is yet to come."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._look_again()
        if len(self.connections) > limit():
            self._make_room()

    def _make_room(self) -> None:
        waiting = [
            one for one in self.connections if isinstance(one, Connection) and one._waits and one is not self
        ]
        if waiting:
            oldest = min(waiting, key=lambda one: one._waiting_since)
            self.connections.discard(oldest)
            oldest.transport.abort()
        else:
            logger.warning("all %d connections are busy: one more is refused", limit())
            self.connections.discard(self)
            self.transport.write(_FULL)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.timeout_keep_alive_task is not None:
            self._waiting_since = self._now()
        self._received += len(data)
        super().data_received(data)

    def on_response_complete(self) -> None:
        self._waiting_since = self._now()
        super().on_response_complete()

    def pause_writing(self) -> None:
        self._paused_since = self._now()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._paused_since = None
        super().resume_writing()

    def _look_again(self) -> None:
        self._timer = self.loop.call_later(bounds.PERIOD_SECONDS, self._look)

    def _look(self) -> None:
        if (reason := self._too_slow()) is not None:
            logger.info("a connection is closed: %s in %g s", reason, bounds.PERIOD_SECONDS)
            self.transport.abort()
            return
        self._slow_cycle = self.cycle
        self._received = 0
        self._look_again()

    def _too_slow(self) -> str | None:
        before = self._now() - bounds.PERIOD_SECONDS
        if self._waits:
            # Between requests uvicorn's own timer runs.
            late = self.timeout_keep_alive_task is None and self._waiting_since <= before
            return "no whole header" if late else None
        if self._paused_since is not None:
            return "the answer was not read" if self._paused_since <= before else None
        # A client that is not being read, or waits for "100 Continue", is not slow; nor one that has just begun.
        reading = (
            self.cycle.more_body and not self.flow.read_paused and not self.cycle.waiting_for_100_continue
        )
        if reading and self._slow_cycle is self.cycle and self._received < bounds.MIN_BODY_BYTES:
            return "too little of a body"
        return None

"""Turns of an event loop: each lasts until there is something to collect, or Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
import threading


class Turns:
    """The turns of one loop.

    Python would raise KeyboardInterrupt wherever the loop is just then, in a task of aiohttp's for instance,
    and that task's traceback would be printed.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._taken = self._interrupted = False

    def take(self) -> bool:
        """Run the loop; whether it was Ctrl-C that ended the turn."""
        self._taken = True
        ours = threading.current_thread() is threading.main_thread()
        ours = ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if ours:
            signal.signal(signal.SIGINT, self._interrupt)
        try:
            self._loop.run_forever()
        finally:
            self._taken = False
            if ours:
                signal.signal(signal.SIGINT, signal.default_int_handler)
        return self._interrupted

    def end(self) -> None:
        """End the turn; between turns nothing, because a loop that is being closed must not be stopped."""
        if self._taken:
            self._loop.stop()

    def _interrupt(self, *_: object) -> None:
        self._interrupted = True
        self._loop.call_soon_threadsafe(self.end)

r"""The caller's side of the algebra processes: a few workers with hard limits, started when first needed.

    >>> compare(r"\frac{x}{2}", r"x \cdot 0.5").result
    'equal'

Usable from threads (a worker serves one caller at a time), from asyncio through `asyncio.to_thread`, and after
a fork: the child process forgets its parent's workers and starts its own. A worker is a fresh interpreter that
runs `worker.py`, so it inherits no memory, no signal handler and no `__main__`. Trap: the first request of a
process also pays for starting a worker (importing SymPy, half a CPU-second).
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import select
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

LIMIT_S = 0.7
"""CPU seconds that one comparison may use. CPU time, because a verdict must not depend on what else runs."""

STRETCH = 10
"""How many times longer than `LIMIT_S` a comparison may take by the clock: a guard against a process that waits."""

MEMORY_MB = 1024
"""Address space that one comparison may take."""

MAX_WORKERS = max(1, min(4, os.cpu_count() or 1))

_START_S = 30.0
_GRACE_S = 0.2

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a worker found; `unreadable`: math-verify could not parse both sides."""

    result: Literal["equal", "different", "unreadable", "timeout", "crashed"]
    detail: str = ""


class _Worker:
    """One algebra process and its two pipes."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).with_name("worker.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd="/",
            start_new_session=True,
        )
        if self.process.stdin is None or self.process.stdout is None:
            raise OSError("the algebra process has no pipes")
        self._requests, self._replies = self.process.stdin.fileno(), self.process.stdout.fileno()
        ready = None
        with contextlib.suppress(EOFError):
            ready = self._read(_START_S)
        if ready is None:
            self.kill()
            raise OSError(
                "the algebra process did not start; check that `python -c 'import math_verify'` works"
            )

    def _read(self, timeout_s: float) -> dict[str, str] | None:
        """The next reply, or None if it takes too long.

        Raises:
            EOFError: The process died.
        """
        descriptor = self._replies
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        deadline = time.monotonic() + timeout_s
        reply = b""
        while not reply.endswith(b"\n"):
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                return None
            chunk = os.read(descriptor, 65536)
            if not chunk:
                raise EOFError
            reply += chunk
        parsed: dict[str, str] = json.loads(reply)
        return parsed

    def ask(self, gold: str, pred: str, *, whole: bool = False) -> Comparison | None:
        """The worker's finding; None if the worker itself hangs.

        Raises:
            EOFError, OSError: The worker itself died.
        """
        request = {
            "gold": gold,
            "pred": pred,
            "whole": whole,
            "limit_s": LIMIT_S,
            "stretch": STRETCH,
            "memory_mb": MEMORY_MB,
        }
        os.write(self._requests, json.dumps(request).encode() + b"\n")
        reply = self._read(LIMIT_S * STRETCH + _GRACE_S)
        return None if reply is None else Comparison(reply["result"], reply["detail"])  # type: ignore[arg-type]

    def kill(self) -> None:
        """End the process and its forks."""
        with contextlib.suppress(OSError):
            os.killpg(self.process.pid, 9)
        self.process.wait()
        self.forget()

    def forget(self) -> None:
        """Close the pipes only; after a fork the process belongs to the parent."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        if self.process.returncode is None:
            self.process.returncode = 0


class Pool:
    """At most `size` workers; a caller waits for a free one without using up its own time limit."""

    def __init__(self, size: int = MAX_WORKERS) -> None:
        self._size = size
        self._reset()

    def _reset(self) -> None:
        self._free = threading.Semaphore(self._size)
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()

    def compare(self, gold: str, pred: str, *, whole: bool = False) -> Comparison:
        """Compare two LaTeX answers in a worker; never raises, and ends within `LIMIT_S * STRETCH` seconds."""
        with self._free:
            try:
                worker = self._take()
            except OSError as error:
                logger.warning("%s", error)
                return Comparison("crashed", str(error))
            result: Literal["timeout", "crashed"] = "timeout"
            try:
                finding = worker.ask(gold, pred, whole=whole)
            except (EOFError, OSError):
                finding, result = None, "crashed"
            if finding is None:
                with self._lock:
                    self._all.discard(worker)
                worker.kill()
                return Comparison(result, "the algebra process had to be replaced")
            with self._lock:
                if worker in self._all:
                    self._idle.append(worker)
            return finding

    def _take(self) -> _Worker:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.process.poll() is None:
                    return worker
                self._all.discard(worker)
                worker.kill()
        worker = _Worker()
        with self._lock:
            self._all.add(worker)
        return worker

    def close(self) -> None:
        """Kill all workers; the next comparison starts new ones."""
        with self._lock:
            workers, self._all, self._idle = self._all, set(), []
        for worker in workers:
            worker.kill()

    def after_fork(self) -> None:
        """Forget the parent's workers in a forked child."""
        for worker in self._all:
            worker.forget()
        self._reset()

    @property
    def pids(self) -> list[int]:
        """Process ids of the running workers."""
        return [worker.process.pid for worker in self._all]


pool = Pool()
atexit.register(pool.close)
os.register_at_fork(after_in_child=pool.after_fork)


def compare(gold: str, pred: str, *, whole: bool = False) -> Comparison:
    """Compare two LaTeX answers with math-verify in one of this process's workers.

    Args:
        gold: The right answer, without math delimiters.
        pred: The other answer; if `whole`, a whole output that math-verify extracts from by its own rules.
        whole: Run math-verify as it comes, for the panel of graders.
    """
    return pool.compare(gold, pred, whole=whole)

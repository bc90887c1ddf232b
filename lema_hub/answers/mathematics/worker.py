"""The process that computes with SymPy, so that the caller's process never does. It is started by its path and
imports only the standard library and math-verify.

It imports math-verify once, then forks a child that computes. A child that exceeds the time or the memory
limit, or dies, is killed and the next request gets a fresh fork within milliseconds; the fork of a small
single-threaded process inherits nothing of the caller. Both end when the caller does: this process at the
end of its input or when its parent changes, the child with this process (PR_SET_PDEATHSIG on Linux) or by
its CPU limit.

One JSON object per line. In: {"gold": "...", "pred": "...", "whole": false, "limit_s": 0.7, "stretch": 10,
"memory_mb": 1024}; `whole` runs math-verify's own extraction on a whole output, for the panel of graders.
Out: {"result": "equal" | "different" | "unreadable" | "timeout" | "crashed", "detail": "..."}; the first
line is {"result": "ready"}.
"""

from __future__ import annotations

import contextlib
import ctypes
import inspect
import json
import os
import resource
import select
import signal
import sys
import time
from typing import Any


def compare(gold: str, pred: str) -> tuple[str, str]:
    """Parse both answers as LaTeX with math-verify and compare them; each is taken as one formula."""
    from math_verify import LatexExtractionConfig, parse, verify
    from sympy import Basic, MatrixBase

    config = [LatexExtractionConfig(boxed_match_priority=-1)]
    sides = [
        [
            value
            for value in parse(f"${text}$", config, parsing_timeout=2)
            if isinstance(value, (Basic, MatrixBase))
        ]
        for text in (gold, pred)
    ]
    if not all(sides):
        return "unreadable", "math-verify parses only " + (
            "the gold answer" if sides[0] else "the prediction" if sides[1] else "neither"
        )
    if "raise_on_error" in inspect.signature(verify).parameters:
        return ("equal" if verify(*sides, raise_on_error=True) else "different"), ""
    from math_verify.grader import sympy_expr_eq

    return ("equal" if sympy_expr_eq(sides[0][0], sides[1][0], 6) else "different"), ""


def grade(gold: str, output: str) -> tuple[str, str]:
    """math-verify on a whole output, with its own extraction and defaults."""
    from math_verify import parse, verify

    sides = parse(f"${gold}$", parsing_timeout=2), parse(output, parsing_timeout=2)
    return ("equal" if verify(*sides) else "different" if all(sides) else "unreadable"), ""


def _serve_child(requests: int, replies: int) -> None:
    """Answer requests until the pipe closes; runs in the forked child."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    with os.fdopen(requests, "rb") as lines:
        for line in lines:
            request = json.loads(line)
            used = resource.getrusage(resource.RUSAGE_SELF)
            seconds = int(used.ru_utime + used.ru_stime + request["limit_s"]) + 2
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))
            if request["memory_mb"]:
                size = request["memory_mb"] << 20
                resource.setrlimit(resource.RLIMIT_AS, (size, resource.getrlimit(resource.RLIMIT_AS)[1]))
            try:
                run = grade if request.get("whole") else compare
                result, detail = run(request["gold"], request["pred"])
            except (MemoryError, RecursionError) as error:
                result, detail = "crashed", type(error).__name__
            except (
                Exception
            ) as error:  # an exception of SymPy on odd input is a result, not a failure of this process
                result, detail = "unreadable", f"{type(error).__name__} in SymPy"
            os.write(replies, json.dumps({"result": result, "detail": detail}).encode() + b"\n")
    os._exit(0)


def _cpu_seconds(pid: int) -> float:
    """CPU time that a process has used; 0 where the system does not tell, so that only the wall clock counts."""
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123 - pathlib is one import more for a process that forks
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class _Child:
    """A forked process that computes one request at a time."""

    def __init__(self) -> None:
        request_read, self.requests = os.pipe()
        self.replies, reply_write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.requests)
            os.close(self.replies)
            os.close(0)
            _serve_child(request_read, reply_write)
        os.close(request_read)
        os.close(reply_write)

    def ask(self, request: bytes, limit_s: float, stretch: float) -> dict[str, str] | None:
        """The child's reply; None if it used up `limit_s` of CPU time, or `stretch` times that by the clock."""
        try:
            os.write(self.requests, request)
        except OSError:
            return {"result": "crashed", "detail": "the algebra process died"}
        poll = select.poll()
        poll.register(self.replies, select.POLLIN)
        begin = _cpu_seconds(self.pid)
        deadline = time.monotonic() + limit_s * stretch
        used = 0.0
        while not poll.poll(max(10.0, (limit_s - used) * 1000)):
            used = _cpu_seconds(self.pid) - begin
            if used >= limit_s or time.monotonic() > deadline:
                return None
        reply = os.read(self.replies, 65536)
        if not reply:
            return {"result": "crashed", "detail": "the algebra process died"}
        parsed: dict[str, str] = json.loads(reply)
        return parsed

    def kill(self) -> None:
        """End the child and reap it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.requests)
        os.close(self.replies)


def _lines(descriptor: int) -> Any:
    """The lines of the input, until it ends or the parent process changes."""
    parent = os.getppid()
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    pending = b""
    while True:
        while b"\n" not in pending:
            if not poll.poll(2000):
                if os.getppid() != parent:
                    return
                continue
            chunk = os.read(descriptor, 65536)
            if not chunk:
                return
            pending += chunk
        line, pending = pending.split(b"\n", 1)
        yield line + b"\n"


def main() -> None:
    """Serve requests from stdin until it ends."""
    replies = os.dup(1)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)  # what a library prints must not end up between the replies
    os.dup2(quiet, 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the caller's business; it closes our input
    compare("1", "x+1")  # imports SymPy and builds the parser's tables before the first fork
    os.write(replies, b'{"result": "ready", "detail": ""}\n')
    child: _Child | None = None
    for line in _lines(0):
        request = json.loads(line)
        child = child or _Child()
        reply = child.ask(line, request["limit_s"], request["stretch"])
        if reply is None or reply["result"] == "crashed":
            child.kill()
            child = None
        reply = reply or {"result": "timeout", "detail": f"no result in {request['limit_s']} s"}
        os.write(replies, json.dumps(reply).encode() + b"\n")
    if child is not None:
        child.kill()


if __name__ == "__main__":
    sys.setrecursionlimit(3000)
    main()

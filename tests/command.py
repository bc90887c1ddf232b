"""`lema` as it is typed: the one way in which tests run commands, in a process of its own or in this one."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

from lema_hub.localhub import LocalHub

MAIN = "from lema_hub.cli import main; main()"
LEMA = [sys.executable, "-c", MAIN]
"""The command itself, for what `lema` does not do: pipes, signals, servers."""

_ROOT = str(Path(__file__).resolve().parents[1])


def lema(hub: LocalHub | None, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command against a Hub, or without one, in a process of its own that runs the code of this checkout."""
    places = {"HF_ENDPOINT": hub.url, "HF_TOKEN": hub.token} if hub else {}
    kept = {key: value for key, value in os.environ.items() if key != "HF_HUB_DISABLE_XET"}
    return subprocess.run(
        [*LEMA, *map(str, arguments)],
        env=kept | {"PYTHONPATH": _ROOT} | places | environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def lema_here(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command in this process, where its heavy packages may be imported already."""
    from lema_hub.cli import main

    command = ["lema", *map(str, arguments)]
    out, err, code = io.StringIO(), io.StringIO(), 0
    with patch.object(sys, "argv", command), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as done:
            code = done.code if isinstance(done.code, int) else int(done.code is not None)
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The line on stderr that says why a command failed: the only one, and no traceback."""
    assert done.returncode == 1, done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("lema: ")
    return lines[0]


def user(hub: LocalHub, code: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run code as a user would: the stock clients, told only where the Hub is."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | {
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": hub.token,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(home),
    }
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )

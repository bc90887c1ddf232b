"""`lema` as it is typed, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lema_hub.localhub import LocalHub


def lema(hub: LocalHub | None, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command against a Hub, or without one."""
    places = {"HF_ENDPOINT": hub.url, "HF_TOKEN": hub.token} if hub else {}
    kept = {key: value for key, value in os.environ.items() if key != "HF_HUB_DISABLE_XET"}
    return subprocess.run(
        [sys.executable, "-c", "from lema_hub.cli import main; main()", *map(str, arguments)],
        env=kept | places | environment,
        capture_output=True,
        text=True,
        check=False,
    )


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

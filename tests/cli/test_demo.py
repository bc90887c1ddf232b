"""`lema demo` and the Space's app as processes of their own, and the Space's card."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from lema_hub.cli.demo import open_page
from lema_hub.errors import LemaError

ROOT = Path(__file__).parents[2]
SPACE = ROOT / "spaces" / "mistake-correction"
LEMA = [sys.executable, "-c", "from lema_hub.cli import main; main()", "demo"]


def title(url: str, *, patience: float = 120.0) -> str:
    """The title of the page at a URL, once somebody answers there."""
    deadline = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(f"{url}/config", timeout=10) as reply:
                return str(json.load(reply)["title"])
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def test_lema_demo_prints_its_address_serves_and_ends_with_ctrl_c() -> None:
    process = subprocess.Popen(
        [*LEMA, "--no-browser", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's `&` ignores it
    )
    with process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
            assert title(url) == "Find the mistake"
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, err
    assert out == ""
    assert "Traceback" not in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_page_that_is_told_to_end_takes_its_ledger_along(tmp_path: Path, number: signal.Signals) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [*LEMA, "--no-browser", "--port", "0"], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("http://")
            (folder,) = tmp_path.glob("lema-*")
            process.send_signal(number)
            assert process.wait(timeout=60) == 128 + number
        finally:
            process.kill()
    assert not folder.exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"adapter": "/no/such/folder"}, "'/no/such/folder' is neither a folder nor a Hub id"),
        ({"endpoint": "http://127.0.0.1:9/v1"}, "needs a model"),
        ({"model": "m", "prompt": "none"}, "no prompt 'none'"),
    ],
)
def test_what_cannot_be_served_is_one_line(options: dict[str, Any], said: str) -> None:
    with pytest.raises(LemaError, match=said) as caught:
        open_page(**options, browser=False)
    assert "\n" not in str(caught.value)


def test_a_taken_port_is_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LemaError, match=f"cannot listen on port {port}") as caught:
            open_page(port=port, browser=False)
    assert "\n" not in str(caught.value)

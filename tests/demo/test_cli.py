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

import lema_hub
from lema_hub.cards.metadata import split_card
from lema_hub.cli.demo import open_page
from lema_hub.demo import Settings
from lema_hub.demo.settings import PREFIX
from lema_hub.errors import LemaError

ROOT = Path(__file__).parents[2]
SPACE = ROOT / "spaces" / "mistake-correction"
LEMA = [sys.executable, "-c", "from lema_hub.cli import main; main()", "demo"]


def _title(url: str, *, patience: float = 120.0) -> str:
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
            assert _title(url) == "Find the mistake"
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


def test_the_space_s_app_serves_the_page() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "GRADIO_SERVER_PORT": str(port), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "app.py"], cwd=SPACE, env=environment) as process:
        try:
            assert _title(f"http://127.0.0.1:{port}") == "Find the mistake"
        finally:
            process.kill()


def _card() -> dict[str, Any]:
    return split_card((SPACE / "README.md").read_text(encoding="utf-8"))[0]


def test_the_space_s_card_says_what_is_tested() -> None:
    card = _card()
    tested = dict(
        line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
    )
    assert card["sdk"] == "gradio"
    assert card["sdk_version"] == tested["gradio"]
    assert (SPACE / card["app_file"]).is_file()
    assert isinstance(card["python_version"], str)
    assert len(card["short_description"]) <= 60
    assert card["license"] == "apache-2.0"
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+", name) for name in (*card["models"], *card["datasets"]))


def test_the_space_installs_this_version_and_what_was_tested() -> None:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    tested = {
        canonicalize_name(name): version
        for name, version in (
            line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
        )
    }
    for line in (SPACE / "requirements.txt").read_text().splitlines():
        wanted = Requirement(line)
        version = (
            lema_hub.__version__ if wanted.name == "lema_hub" else tested[canonicalize_name(wanted.name)]
        )
        assert version in wanted.specifier, line


def test_the_space_s_variables_are_those_of_the_settings() -> None:
    text = (SPACE / "README.md").read_text(encoding="utf-8")
    variables = set(re.findall(rf"`({PREFIX}[A-Z_]+)`", text))
    assert variables == {PREFIX + name.upper() for name in Settings.__dataclass_fields__}

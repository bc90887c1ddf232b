"""The Space: its app as a process, its card, and what it installs."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import lema_hub
from lema_hub.cards.metadata import split_card
from lema_hub.demo import Settings
from lema_hub.demo.settings import PREFIX
from tests.cli.test_demo import title

ROOT = Path(__file__).parents[2]
SPACE = ROOT / "spaces" / "mistake-correction"


def test_the_space_s_app_serves_the_page() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "GRADIO_SERVER_PORT": str(port), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "app.py"], cwd=SPACE, env=environment) as process:
        try:
            assert title(f"http://127.0.0.1:{port}") == "Find the mistake"
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

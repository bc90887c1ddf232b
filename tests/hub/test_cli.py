"""`lema publish` as it is typed: what is printed, and one line where something is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hub.conftest import SHA
from lema_hub.localhub import LocalHub

_LEMA = """
import sys
from lema_hub.cli import main
commands = sys.modules["lema_hub.cli.main"].COMMANDS
for name in ("diff", "pull", "verify"):
    commands.setdefault(name, (name, ""))
main()
"""


def lema(hub: LocalHub | None, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    places = {"HF_ENDPOINT": hub.url, "HF_TOKEN": hub.token} if hub else {}
    kept = {key: value for key, value in os.environ.items() if key != "HF_HUB_DISABLE_XET"}
    return subprocess.run(
        [sys.executable, "-c", _LEMA, *map(str, arguments)],
        env=kept | places | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_publish_prints_what_was_done_and_what_to_type_next(hub: LocalHub, repo_id: str, built: Path) -> None:
    dry = lema(hub, "publish", "dataset", built, repo_id, "--version", "0.1.0", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "config_name: nano" in dry.stdout
    assert "Nothing was sent" in dry.stdout
    done = lema(hub, "publish", "dataset", built, repo_id, "--version", "0.1.0")
    assert done.returncode == 0, done.stderr
    assert f"{hub.url}/datasets/{repo_id}/tree/v0.1.0" in done.stdout
    assert f'load_dataset("{repo_id}", "nano", split="train", revision="v0.1.0")' in done.stdout
    again = lema(hub, "publish", "dataset", built, repo_id, "--version", "0.1.0")
    assert again.returncode == 1
    assert again.stdout == ""
    assert again.stderr.splitlines()[-1].startswith(f"lema: {repo_id} has v0.1.0 already")


def test_json_is_one_object(hub: LocalHub, repo_id: str, adapter: Path) -> None:
    done = lema(hub, "publish", "adapter", adapter, repo_id, "--version", "0.1.0", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["repo_id"] == repo_id
    assert len(result["commit"]) == len(SHA)
    assert result["bytes"] == sum(result["files"].values())
    assert "PeftModel.from_pretrained" in result["snippet"]


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["dataset", "nothing", "lema/x", "--version", "0.1.0"], {}, "'nothing' is no folder"),
        (["dataset", "BUILT", "lema/x", "--version", "1.0"], {}, "version '1.0' is no semantic version"),
        (["dataset", "BUILT", "x", "--version", "0.1.0"], {}, "'x' is no repo id"),
        (
            ["dataset", "BUILT", "lema/x", "--version", "0.1.0"],
            {"HF_TOKEN": "hf_wrong"},
            "does not know this token",
        ),
        (
            ["dataset", "BUILT", "lema/x", "--version", "0.1.0"],
            {"HF_ENDPOINT": "http://127.0.0.1:9"},
            "no answer from http://127.0.0.1:9",
        ),
        (["adapter", "BUILT", "lema/x", "--version", "0.1.0"], {}, "has no adapter_model.safetensors"),
        (["model", "BUILT", "lema/x", "--version", "0.1.0"], {}, "has no model.safetensors"),
    ],
)
def test_bad_input_is_one_line_and_exit_1(
    hub: LocalHub, built: Path, arguments: list[str], environment: dict[str, str], message: str
) -> None:
    given = [str(built) if argument == "BUILT" else argument for argument in arguments]
    done = lema(hub, "publish", *given, **environment)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("lema: ")
    assert message in done.stderr

"""The commands of docs/hub-server.md run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "hub-server.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.skipif(
    not (Path(sys.executable).parent / "lema").exists(), reason="the package is not installed"
)
def test_the_shell_session(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "rows.jsonl").write_text('{"a": 1}\n')
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    [session, *_] = blocks("")
    script = f"set -e -m\n{session.replace('hub serve --dir my-hub', 'hub serve --port 0 --dir my-hub')}"
    environment = {**os.environ, "PATH": path, "HF_HOME": str(tmp_path / "hf-home")}
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    snapshot = Path(done.stdout.splitlines()[-1])
    assert (snapshot / "rows.jsonl").read_text() == '{"a": 1}\n'


def test_the_python_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    [example] = blocks("python")
    exec(compile(example, str(PAGE), "exec"), {})
    assert (tmp_path / "my-hub" / "hub.sqlite3").exists()

"""`lema report` on runs whose truth is known."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from lema_hub.cli.report import app
from tests.scored import three_runs


def test_the_command_prints_and_writes(tmp_path: Path) -> None:
    runs = three_runs(tmp_path)
    out = tmp_path / "out"
    done = CliRunner().invoke(app, [*map(str, runs), "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0
    assert "Against base, on the same items:" in done.stdout
    assert {path.name for path in out.iterdir()} == {"report.md", "report.json", "report.png"}
    done = CliRunner().invoke(app, [*map(str, runs), "--out", str(out), "--json"], catch_exceptions=False)
    assert [row["outcome"] for row in json.loads(done.stdout)["comparisons"]] == ["better", "tie"]

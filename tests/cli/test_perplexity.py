"""`lema perplexity` on corrections in a folder."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from lema_hub.builders import write_dataset
from lema_hub.builders.built import Built
from lema_hub.cli.main import app
from tests.evals.test_perplexity import corrections


def test_the_command_compares_systems_on_one_data_set(tmp_path: Path) -> None:
    rows = tuple(corrections(6))
    write_dataset(tmp_path, Built(rows=rows), kind="corrections", task="nano", command="c", inputs=())
    run = CliRunner().invoke(
        app, ["perplexity", "nano", "nano", "--corrections", str(tmp_path), "--limit", "4", "--json"]
    )
    assert run.exit_code == 0, run.output
    one, other = json.loads(run.stdout)["systems"]
    assert one["n"] == 4
    assert one["delta"] == other["delta"]
    assert other["over_first"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert "over_first" not in one

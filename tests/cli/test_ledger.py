from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lema_hub.cli.main import app
from lema_hub.engines import Ledger
from lema_hub.engines.ledger_contents import LedgerContents, Selection
from lema_hub.errors import InputError
from tests.command import MAIN
from tests.engines.test_ledger import Echo, ask


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        ledger.run(Echo("big"), ask("ab"), stage="correct")
        broken = Echo("small", price=None)
        broken.failing = {"c"}
        ledger.run(broken, ask("abc"), stage="sample")
    return path


def lema(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["ledger", *map(str, arguments)], catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0
    return result.stdout


def more(file: Path) -> None:
    with Ledger(file) as ledger:
        ledger.run(Echo("big"), ask("".join(chr(300 + n) for n in range(3000))), stage="more")


def test_show_sums_by_stage_and_model(file: Path) -> None:
    lines = [line.split() for line in lema("show", file).splitlines()]
    assert lines[0] == [
        "stage", "engine", "model", "revision", "answers", "failures", "prompt", "completion", "cost"
    ]  # fmt: skip
    assert lines[1] == ["correct", "echo", "big", "-", "2", "0", "6", "4", "$0.0200"]
    assert lines[2] == ["sample", "echo", "small", "-", "2", "1", "6", "4", "-"]
    assert lines[3] == ["together", "4", "1", "12", "8", "$0.0200"]
    stages = json.loads(lema("show", file, "--json"))
    assert [(stage["stage"], stage["responses"], stage["cost_usd"]) for stage in stages] == [
        ("correct", 2, pytest.approx(0.02)),
        ("sample", 2, None),
    ]


def test_failures_come_with_reason_and_example(file: Path) -> None:
    _, line, _, following = lema("failures", file).splitlines()
    assert following == f"next: lema ledger show {file}"
    assert line.split(maxsplit=5) == ["1", "1", "sample", "small", "timeout", "60 s"]
    assert json.loads(lema("failures", file, "--json"))[0]["example"] == "60 s"
    lema("prune", file, "--failures", "--yes")
    assert "no failures" in lema("failures", file)


def test_export_is_one_json_object_per_answer_and_replaces_whole_files(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "answers.jsonl"
    out.write_text("of before")
    assert lema("export", file, "--out", out, "--stage", "sample") == ""
    written = [json.loads(line) for line in out.read_text().splitlines()]
    assert sorted(row["prompt"] for row in written) == ["a", "b"]
    assert {row["model"] for row in written} == {"small"}
    assert lema("export", file, "--stage", "sample") == out.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.jsonl", "ledger.sqlite"]


def test_an_export_that_fails_leaves_the_old_file(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "answers.jsonl"
    out.write_text("of before")
    more(file)
    script = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)); {MAIN}"
    done = subprocess.run(
        [sys.executable, "-c", script, "ledger", "export", str(file), "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"lema: {str(out)!r} cannot be written (File too large); free some disk")
    assert done.stderr.count("\n") == 1
    assert out.read_text() == "of before"
    assert not list(tmp_path.glob(".*partial"))


def test_prune_says_what_would_go_and_asks(file: Path) -> None:
    assert "2 answers and 1 failures would be removed" in lema(
        "prune", file, "--stage", "sample", "--dry-run"
    )
    with pytest.raises(InputError, match="add --yes"):
        lema("prune", file, "--stage", "sample")
    with LedgerContents(file) as contents:
        assert len(list(contents.entries(Selection()))) == 4
    said = lema("prune", file, "--model", "big", "--yes")
    assert "2 answers and 0 failures removed; they cost $0.0200" in said
    pruned = json.loads(lema("prune", file, "--older-than", "8w", "--yes", "--json"))
    assert (pruned["responses"], pruned["dry_run"]) == (0, False)
    with LedgerContents(file) as contents:
        assert {entry.model for entry in contents.entries(Selection())} == {"small"}


@pytest.mark.parametrize("age", ["", "3", "3m", "d", "2026-13-01", "99999999w"])
def test_an_age_that_is_none_is_said(file: Path, age: str) -> None:
    with pytest.raises(InputError, match="is not an age or a date; expected 12h"):
        lema("prune", file, "--older-than", age, "--dry-run")


def test_a_reader_that_has_enough_is_no_error(file: Path) -> None:
    more(file)
    done = subprocess.run(
        ["bash", "-c", '"$0" -c "$1" ledger export "$2" | head -1', sys.executable, MAIN, str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.count("\n"), done.stderr) == (1, "")

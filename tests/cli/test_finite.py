"""NaN and infinity are refused by every command that takes a number."""

from __future__ import annotations

from pathlib import Path

import pytest

from lema_hub.cli.main import app
from lema_hub.errors import InputError

RECIPE = str(Path(__file__).parents[2] / "scripts" / "recipes" / "data" / "nano-corrections.yaml")


@pytest.mark.parametrize(
    ("arguments", "option", "number"),
    [
        (["build", "corrections", RECIPE, "--dry-run"], "--budget", "inf"),
        (
            ["sample", "--task", "nano", "--limit", "1", "--model", "nano", "--dry-run"],
            "--temperature",
            "inf",
        ),
        (["sample", "--task", "nano", "--limit", "1", "--model", "nano", "--dry-run"], "--rpm", "nan"),
        (["sample", "--task", "nano", "--limit", "1", "--model", "nano", "--dry-run"], "--tpm", "-inf"),
        (["hub", "token", "create", "x"], "--days", "nan"),
        (["hub", "token", "create", "x"], "--days", "inf"),
    ],
)
def test_a_number_is_finite(
    tmp_path: Path, arguments: list[str], option: str, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    where = {"hub": "--dir", "sample": "--out", "build": "--out"}[arguments[0]]
    with pytest.raises(InputError, match=rf"{option} is {number}; expected a finite number"):
        app([*arguments, where, str(tmp_path / "out"), f"{option}={number}"], standalone_mode=False)
    assert not list(tmp_path.iterdir())

"""`lema diff` between published versions and folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from lema_hub.hub.publish import publish_dataset
from lema_hub.localhub import LocalHub
from tests.built import repaired
from tests.command import lema


def test_lema_diff_shows_what_changed(
    hub: LocalHub, api: HfApi, repo_id: str, built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish_dataset(built, repo_id, version="0.1.0", api=api)
    shown = lema(hub, "publish", "dataset", repaired(tmp_path / "two"), repo_id)
    assert "would become 0.1.1 (patch: 2 rows repaired or dropped since v0.1.0)" in shown.stdout, shown.stderr
    publish_dataset(tmp_path / "two", repo_id, version="0.1.1", api=api)
    listed = json.loads(lema(hub, "diff", repo_id, "--json").stdout)
    assert list(listed["versions"]) == ["v0.1.0", "v0.1.1"]
    table = lema(hub, "diff", repo_id, "v0.1.0", "v0.1.1")
    assert "nano: 1 row dropped, 1 row changed (explanation 1)" in table.stdout, table.stderr
    document = json.loads(lema(hub, "diff", repo_id, "v0.1.0", "--json").stdout)
    assert document["level"] == "patch"
    assert document["configs"]["nano"]["fields"] == {"explanation": 1}
    changed = lema(hub, "diff", repo_id, "v0.1.0", tmp_path / "two", "--rows", "changed").stdout.splitlines()
    assert [json.loads(line)["changed"]["explanation"]["after"] for line in changed] == ["It was misread."]


def test_lema_diff_of_nothing_is_one_line(hub: LocalHub) -> None:
    done = lema(hub, "diff", "lema/nothing", "v0.1.0", "v0.2.0")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("lema: ")
    assert "shows no dataset lema/nothing" in done.stderr

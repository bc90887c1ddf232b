"""Real annotations from import to published rows: built by the shipped recipe, published, loaded by a stock client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lema_hub.builders.recipe import load
from lema_hub.builders.run import run

if TYPE_CHECKING:
    from lema_hub.localhub import LocalHub

RECIPE = Path(__file__).parents[2] / "scripts" / "recipes" / "data" / "vtg-corrections.yaml"
_CHILD = """
import json
from datasets import load_dataset
loaded = load_dataset("lema/vtg-corrections", "gsm8k", revision="v0.1.0")
refused = load_dataset("lema/vtg-corrections", "rejected", revision="v0.1.0")["train"]
print(json.dumps({
    "rows": {split: rows.num_rows for split, rows in loaded.items()}, "refused": list(refused["reason"]),
    "first": {name: loaded["train"][0][name] for name in ("prompt", "completion", "corrector", "license")},
}))
"""


@pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")
def test_annotated_mistakes_are_published_and_loaded_back(
    hub: LocalHub, shared_data: Path, tmp_path: Path
) -> None:
    from huggingface_hub import HfApi

    from lema_hub.hub.publish import publish_dataset

    overrides = [
        f"problems.path={shared_data / 'gsm8k'}",
        f"recorded.0.path={shared_data / 'vtg' / 'dataset.json'}",
        "contamination.without=[{tests: math, why: no network here}, {tests: csqa, why: no network here}]",
    ]
    manifest = run(
        load(RECIPE, overrides), tmp_path / "vtg", command="lema build corrections vtg-corrections.yaml"
    )
    assert manifest.license == "cc-by-sa-4.0"
    assert manifest.stages[0].dropped["test_question"] == 205
    assert manifest.contamination is not None
    compared = {tests.name: tests.questions for tests in manifest.contamination.tests}
    assert compared == {"gsm8k": 1319, "math": 0, "csqa": 0}
    api = HfApi(endpoint=hub.url, token=hub.token)
    publish_dataset(tmp_path / "vtg", "lema/vtg-corrections", version="0.1.0", api=api)
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", _CHILD],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["rows"] == manifest.configs["gsm8k"]
    assert sum(found["rows"].values()) > 450
    assert found["refused"].count("test_question") == 205
    assert found["first"]["prompt"].endswith("}\nIncorrect Step:")
    assert found["first"]["completion"].startswith(" Step ")
    assert found["first"]["license"] == "cc-by-sa-4.0"

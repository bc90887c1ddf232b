"""A build that dies at any moment is completed by the same command, to the same bytes.

LEMA_KILLS says how often it is killed; `make test` does it a handful of times.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from lema_hub import nano
from lema_hub.builders import run
from lema_hub.builders.recipe import load
from lema_hub.engines import Ledger
from lema_hub.steps import join_steps

KILLS = int(os.environ.get("LEMA_KILLS", "4"))
RECIPE = """
kind: corrections
task: nano
problems: {train: 0, dev: 0}
recorded: [{path: PATHS, format: jsonl}]
corrector: {engine: noisy, noise: {wrong_step: 0.2, wrong_explanation: 0.1}}
vote: {engine: noisy, noise: {wrong_step: 0.2}, k: 2, agree: 1, temperature: 0.7}
gates: [step_exists, numbering, answer, changed, arithmetic, vote]
"""
# The timer counts the CPU time of the process itself, so that the machine's load does not move the moment. Its signal
# ends the process like SIGKILL: no handler, no `finally` and no `atexit` runs.
CHILD = """
import signal, sys, time
from pathlib import Path
import pyarrow.parquet
from lema_hub.builders import run
from lema_hub.builders.recipe import load
recipe = load(Path(sys.argv[1]))
begun = time.process_time()
signal.setitimer(signal.ITIMER_PROF, float(sys.argv[3]))
run.run(recipe, Path(sys.argv[2]), command="lema build corrections")
print(time.process_time() - begun)
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corrections recipe over recorded mistakes, whose corrector and voters go through the ledger."""
    folder = tmp_path_factory.mktemp("kills")
    rows = []
    for made in nano.generate("train", 150):
        steps = nano.inject(made, "CA", Random(made.problem.problem_id))
        if steps is not None:
            problem = made.problem
            rows.append(
                {
                    "problem_id": problem.problem_id,
                    "question": problem.question,
                    "answer": problem.answer,
                    "solution": join_steps(steps),
                    "model": "people",
                    "license": problem.license,
                }
            )
    (folder / "paths.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "recipe.yaml").write_text(RECIPE.replace("PATHS", str(folder / "paths.jsonl")))
    return folder / "recipe.yaml"


def _child(recipe: Path, out: Path, seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CHILD, str(recipe), str(out), str(seconds)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def _files(out: Path) -> dict[str, str]:
    """Path -> hash of everything in a folder but the ledger."""
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and not path.name.startswith(run.LEDGER)
    }


def test_a_killed_build_is_completed_to_the_same_bytes(recipe: Path, tmp_path: Path) -> None:
    whole = _child(recipe, tmp_path / "whole", 0)
    assert whole.returncode == 0, whole.stderr
    expected = _files(tmp_path / "whole")
    assert {"manifest.json", "data/nano/train.parquet"} <= expected.keys()
    with Ledger(tmp_path / "whole" / run.LEDGER) as ledger:
        answers = {(totals.stage, totals.responses) for totals in ledger.totals()}
    moments = random.Random(KILLS)
    killed = 0
    for number in range(KILLS):
        out = tmp_path / str(number - number % 2)  # every second kill hits a run over a complete folder
        dead = _child(recipe, out, moments.uniform(0.02, 1) * float(whole.stdout))
        assert dead.returncode in (0, -signal.SIGPROF), dead.stderr
        killed += dead.returncode != 0
        run.run(load(recipe), out, command="lema build corrections")
        assert _files(out) == expected
        with Ledger(out / run.LEDGER) as ledger:
            assert {(totals.stage, totals.responses) for totals in ledger.totals()} == answers
    assert killed >= KILLS // 2

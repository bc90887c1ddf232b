"""`lema:csqa` through LightEval, from an embedded Hub: a set of the same shape, with questions made up here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lema_hub.localhub import LocalHub

THINGS = ("oven", "umbrella stand", "bed", "bookshelf", "letterbox")
# The engine answers by letter, by text, wrongly, and with two letters, in turn.
_CHILD = """
import json, sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from lema_hub.engines import Response
from lema_hub.tasks import load
load.TASKS["csqa"] = replace(load.TASKS["csqa"], source_repo="lema/shaped-like-csqa", revision=None)
from lema_hub import tasks
from lema_hub.evals import score

class Turns:
    name, model, revision = "scripted", "turns", "1"
    def cost_bound(self, request): return 0.0
    def generate(self, requests):
        for position, request in enumerate(requests):
            gold = int(request.prompt.split("Shelf ")[1].split(":")[0]) % 5
            text = request.prompt.split("(%s) " % "ABCDE"[gold])[1].split(",")[0].split(".\\n")[0]
            answer = ["(%s)" % "ABCDE"[gold], "the " + text, "ABCDE"[(gold + 1) % 5], "A or B"][gold % 4]
            yield position, Response(text=f"Step 1: The answer is {answer}.", finish_reason="stop",
                                     prompt_tokens=1, completion_tokens=1)

result = score(Turns(), tasks=["csqa"], out=Path(sys.argv[1]))
scored = result.scores[0]
built = {problem.problem_id: problem.question for problem in tasks.load_problems("csqa", "test")}
dev, train = tasks.load_problems("csqa", "dev"), tasks.load_problems("csqa", "train")
print(json.dumps({
    "n": scored.n, "pass": scored.pass_at_1, "verdicts": scored.verdicts, "repo": scored.repo,
    "items": sorted(row.item_id for row in result.items()), "built": sorted(built),
    "sides": [len(dev), len(train)], "revisions": sorted({p.source_revision for p in [*dev, *train]}),
    "revision": scored.revision, "prompt": scored.prompt,
}))
"""


def _rows(split: str, count: int) -> list[dict[str, object]]:
    return [
        {
            "id": f"{split}-{n}",
            "question": f"Shelf {n}: where do you leave {split} umbrella {n}?",
            "question_concept": "umbrella",
            "choices": {"label": list("ABCDE"), "text": [f"{thing} {n}" for thing in THINGS]},
            "answerKey": "ABCDE"[n % 5],
        }
        for n in range(count)
    ]


@pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")
def test_csqa_is_scored_from_a_hub_on_its_validation_split(hub: LocalHub, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from huggingface_hub import HfApi

    folder = tmp_path / "repo"
    (folder / "data").mkdir(parents=True)
    for split, count in (("train", 60), ("validation", 20)):
        pq.write_table(pa.Table.from_pylist(_rows(split, count)), folder / "data" / f"{split}-00000.parquet")
    splits = "".join(f"  - {{split: {s}, path: data/{s}-*}}\n" for s in ("train", "validation"))
    (folder / "README.md").write_text(f"---\nconfigs:\n- config_name: default\n  data_files:\n{splits}---\n")
    api = HfApi(endpoint=hub.url, token=hub.token)
    api.create_repo("lema/shaped-like-csqa", repo_type="dataset")
    commit = api.upload_folder(repo_id="lema/shaped-like-csqa", repo_type="dataset", folder_path=folder)
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(tmp_path / "run")],
        env={**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["n"], found["repo"]) == (20, "lema/shaped-like-csqa")
    # Of each five golds: A by letter, B by text, C answered D, D answered "A or B", E by letter.
    assert found["pass"] == 12 / 20
    assert {name: count for name, count in found["verdicts"].items() if count} == {
        "correct": 12,
        "wrong": 4,
        "unparsed": 4,
    }
    assert found["items"] == found["built"] == sorted(f"csqa/validation/{n}" for n in range(20))
    assert sum(found["sides"]) == 60
    assert found["sides"][0] < found["sides"][1]
    assert found["revisions"] == [commit.oid]
    assert found["prompt"].startswith("lema-cot-choice@1#")

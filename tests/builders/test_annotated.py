"""PRMBench and MR-Ben by their shipped recipes, as they are typed: built, published with a reason, loaded back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lema_hub.localhub import LocalHub

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "scripts" / "recipes" / "data"
KINDS = (
    "circular", "confidence", "counterfactual", "deception", "domain_inconsistency", "missing_condition",
    "redundency", "step_contradiction",
)  # fmt: skip
_CHILD = """
import json, sys
from datasets import load_dataset
from lema_hub.answers import judge
from lema_hub.steps import parse_correction
found = {}
for name, config, style in (("prmbench", "math", "math"), ("mr-ben", "mr-ben", "choice")):
    loaded = load_dataset(f"lema/{name}-corrections", config, revision="v0.1.0")
    rows = [row for split in loaded.values() for row in split]
    refused = load_dataset(f"lema/{name}-corrections", "rejected", revision="v0.1.0")["train"]
    found[name] = {
        "rows": {split: part.num_rows for split, part in loaded.items()},
        "refused": {reason: refused["reason"].count(reason) for reason in set(refused["reason"])},
        "parsed": sum(parse_correction(row["completion"]).incorrect_step == row["incorrect_step"] for row in rows),
        "wrong": sum(judge(row["path_text"], row["answer"], style=style, question=row["question"]).verdict == "wrong"
                     for row in rows),
        "right": sum(judge(row["correct_solution"], row["answer"], style=style, question=row["question"]).verdict
                     == "correct" for row in rows),
        "licenses": sorted(set(row["license"] for row in rows)),
        "models": sorted(set(row["model"] for row in rows)),
        "prompt": rows[0]["prompt"].splitlines()[0],
    }
print(json.dumps(found))
"""


def run(*arguments: object, hub: LocalHub, home: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "HF_ENDPOINT": hub.url, "HF_TOKEN": hub.token, "HF_HOME": str(home)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == code, done.stderr[-3000:]
    return done


def _compared(*files: str, without: tuple[str, ...]) -> list[str]:
    """The test sets that this Hub does not have are compared as files, or excused."""
    excuses = ", ".join(f"{{tests: {name}, why: no such set on the test's Hub}}" for name in without)
    return [f"contamination.against=[{', '.join(files)}]", f"contamination.without=[{excuses}]"]


LEMA = ("-c", "from lema_hub.cli import main; main()")


def test_annotated_sets_are_built_published_and_loaded_back(
    hub: LocalHub, shared_data: Path, tmp_path: Path
) -> None:
    prm = [
        f"recorded.{number}.path={shared_data}/prmbench/prm800k_train_p1_first400_4o_{kind}.jsonl"
        for number, kind in enumerate(KINDS)
    ]
    ben = [
        f"recorded.{number}.path={shared_data}/mr_ben/{name}.json"
        for number, name in enumerate(("math", "physics", "chemistry"))
    ]
    word = [f"recorded.{number}.mmlu_scored=false" for number in range(3)]
    tests = {name: str(shared_data / name / "test.jsonl") for name in ("gsm8k", "math")}
    prm += _compared(tests["gsm8k"], without=("gsm8k", "csqa"))
    ben += _compared(*tests.values(), without=("gsm8k", "math", "csqa"))
    from huggingface_hub import HfApi

    for name, overrides in (
        ("prmbench", [f"problems.path={shared_data}/math", *prm]),
        ("mr-ben", [*ben, *word]),
    ):
        recipe = RECIPES / f"{name}-corrections.yaml"
        folder = tmp_path / name
        run(
            *LEMA,
            "build",
            "corrections",
            recipe,
            "--out",
            folder,
            *overrides,
            hub=hub,
            home=tmp_path / "home",
        )
        publish = (*LEMA, "publish", "dataset", folder, f"lema/{name}-corrections", "--version", "0.1.0")
        refused = run(*publish, hub=hub, home=tmp_path / "home", code=1)
        assert "--i-have-the-right" in refused.stderr  # text of proprietary models
        run(*publish, "--i-have-the-right", "for a test", hub=hub, home=tmp_path / "home")
    recipe = RECIPES / "mr-ben-corrections.yaml"
    silent = run(
        *LEMA, "build", "corrections", recipe, "--out", tmp_path / "x", *ben, hub=hub, home=tmp_path, code=1
    )
    assert "mmlu_scored: false" in silent.stderr
    card = HfApi(endpoint=hub.url).hf_hub_download(
        "lema/mr-ben-corrections",
        "README.md",
        repo_type="dataset",
        revision="v0.1.0",
        local_dir=tmp_path / "card",
    )
    assert "must not be scored on MMLU" in Path(card).read_text()
    found = json.loads(run("-c", _CHILD, hub=hub, home=tmp_path / "home").stdout.splitlines()[-1])
    for rows in found.values():
        total = sum(rows["rows"].values())
        assert rows["parsed"] == rows["wrong"] == rows["right"] == total
    prmbench, mr_ben = found["prmbench"], found["mr-ben"]
    assert 400 < sum(prmbench["rows"].values()) < 450
    assert prmbench["refused"]["right_answer"] == 1061
    assert "test_question" not in prmbench["refused"]  # none of them is on a test question
    assert (prmbench["licenses"], prmbench["models"]) == (["apache-2.0"], ["openai/gpt-4o (PRMBench)"])
    assert 100 < sum(mr_ben["rows"].values()) <= 123
    assert mr_ben["refused"]["unfinished"] > 900
    assert mr_ben["licenses"] == ["mit"]
    assert mr_ben["prompt"].startswith("For the following question, the original solution is incorrect.")

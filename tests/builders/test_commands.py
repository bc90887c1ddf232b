"""`lema sample` and `lema build` as they are typed, against a real endpoint."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lema_hub import tasks
from lema_hub.artifacts.manifest import Manifest
from lema_hub.artifacts.paths import Sampled
from tests.endpoint import Endpoint, Reply, reply

ROWS = [
    {
        "question": f"Tom has {i} pens and gets {i} more. How many?",
        "answer": f"{i} + {i} = {2 * i}\n#### {2 * i}",
    }
    for i in range(10, 40)
]
_CORRECTION = """ Step 1.
Explanation: Adding {i} and {i} gives {right}.
Correct Solution:
{{
Step 1: {i} + {i} = {right}
Step 2: The answer is {right}.
}}"""


class Solver(Endpoint):
    """Solves every second problem wrongly; corrects all but one."""

    def answer(self, body: dict[str, Any]) -> Reply:
        prompt = body["messages"][-1]["content"]
        i = int(re.findall(r"Tom has (\d+) pens", prompt)[-1])
        right = 2 * i
        self.paid += 1
        if "Original Solution:" in prompt:
            text = _CORRECTION.format(i=i, right=right if i != 11 else 3)
        else:
            shown = right if i % 2 == 0 else right + 1
            text = f"Step 1: {i} + {i} = {shown}\nStep 2: The answer is {shown}."
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        return reply({"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 4}})


def lema(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": "", "COLUMNS": "200"}
    environment.pop("OPENAI_API_KEY", None)
    done = subprocess.run(
        [sys.executable, "-c", "from lema_hub.cli import main; main()", *map(str, arguments)],
        capture_output=True, text=True, env=environment, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "train.jsonl").write_text("\n".join(json.dumps(row) for row in ROWS))
    (tmp_path / "test.jsonl").write_text(json.dumps(ROWS[1]))  # a question that stands on both sides
    return tmp_path


def test_sample_asks_an_endpoint_once_and_writes_judged_paths(folder: Path) -> None:
    import pyarrow.parquet as pq

    out = folder / "out"
    train = tasks.load_problems("gsm8k", "train", path=folder)
    with Solver() as endpoint:
        command = (
            "sample", "--task", "gsm8k", "--problems", folder / "train.jsonl", "--paths", 2,
            "--engine", "openai", "--base-url", endpoint.url, "--model", "m", "--temperature", 0.7,
            "--concurrency", 8, "--out", out,
        )  # fmt: skip
        plan = json.loads(lema(*command, "--dry-run", "--json").stdout)
        assert plan["stages"][0]["requests"] == 2 * len(train)
        assert endpoint.paid == 0
        assert not out.exists()
        first = json.loads(lema(*command, "--json").stdout)
        assert endpoint.paid == 2 * len(train)
        again = json.loads(lema(*command, "--json").stdout)
        assert endpoint.paid == 2 * len(train)
        lema(*command, "--no-resume", code=1)
    assert again == first
    assert json.loads((out / "manifest.json").read_text())["verdicts"] == first["verdicts"]
    rows = [Sampled.from_row(row) for row in pq.read_table(out / "paths.parquet").to_pylist()]
    assert {row.path.verdict for row in rows} == {"correct", "wrong"}
    assert len(rows) == len(train)  # both samples of a problem are the same text here
    assert first["stages"][0]["dropped"]["duplicate"] == len(train)


def test_build_makes_corrections_that_are_gated_and_split(folder: Path) -> None:
    recipe = folder / "r.yaml"
    out = folder / "out"
    with Solver() as endpoint:
        source = f"engine: openai, model: m, base_url: {endpoint.url}"
        recipe.write_text(
            f"kind: corrections\ntask: gsm8k\nproblems: {{path: {folder}}}\n"
            f"students: [{{{source}, paths: 1}}]\ncorrector: {{{source}, prompt: lema-corrector-gsm8k}}\n"
        )
        printed = json.loads(lema("build", "corrections", recipe, "--out", out, "--json").stdout)
        paid = endpoint.paid
        manifest = Manifest.read(out)
        lema("build", "corrections", recipe, "--out", out)
        assert endpoint.paid == paid
        assert Manifest.read(out) == manifest
        wrong = lema("build", "cot", recipe, "--out", out, code=1)
    assert "builds corrections; run: lema build corrections" in wrong.stderr
    sample, correct, *_ = manifest.stages
    assert (sample.rows_in, sample.rows_out) == (30, 15)
    assert correct.dropped == {"test_question": 1}
    assert correct.rows_out == 14
    assert sum(manifest.configs["gsm8k"].values()) == 14
    assert manifest.license == "mit"
    assert printed["tokens"] == {"prompt": 9 * 44, "completion": 4 * 44}


def test_ctrl_c_says_how_to_go_on_and_keeps_what_was_answered(folder: Path) -> None:
    out = folder / "out"
    with Solver(latency=0.2) as endpoint:
        command = [
            "sample",
            "--problems",
            str(folder),
            "--paths",
            "5",
            "--base-url",
            endpoint.url,
            "--model",
            "m",
        ]
        command += ["--concurrency", "4", "--out", str(out)]
        child = subprocess.Popen(
            [sys.executable, "-c", "from lema_hub.cli import main; main()", *command],
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's `&` ignores it
        )
        while endpoint.paid < 20:
            assert child.poll() is None
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        sent = time.monotonic()
        _, printed = child.communicate(timeout=20)
        assert time.monotonic() - sent < 3
        assert child.returncode == 130
        assert re.search(r"^sample: \d+ of 145 answered$", printed, re.MULTILINE)
        assert "the same command continues from here" in printed
        assert not (out / "paths.parquet").exists()
        paid = endpoint.paid
        lema(*command)
        assert endpoint.paid <= 145 + 8
        assert endpoint.paid > paid


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("sample", "--model", "m", "--engine", "openai", "--base-url", "http://127.0.0.1:9/v1"),
            "no answer from",
        ),
        (("sample", "--engine", "openai"), "needs a model; name one"),
        (
            ("sample", "--model", "./none", "--engine", "transformers"),
            "is neither a folder nor a Hub id; give a folder",
        ),
        (("sample", "--import", "none.jsonl"), "cannot be read"),
        (("sample", "--import", "none.jsonl", "--format", "csv"), "no import format 'csv'"),
        (
            ("sample", "--import", os.devnull),
            "'/dev/null' holds no solution; give a jsonl file that has some",
        ),
        (
            ("sample", "--model", "m", "--start", "99999"),
            "has no train problem from number 99999 on; give another --problems, --split or --start",
        ),
        (("build", "corrections", os.devnull), "the document is empty; expected the keys kind, task,"),
        (("build", "corrections", "none.yaml"), "none.yaml: cannot be read (FileNotFoundError)"),
    ],
)
def test_what_cannot_work_is_one_line_and_exit_1(
    folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    rest = ("--problems", folder, "--out", folder / "out") if arguments[0] == "sample" else ()
    done = lema(*arguments, *rest, code=1)
    assert message in done.stderr.splitlines()[-1]
    assert done.stderr.splitlines()[-1].startswith("lema: ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""

"""A key that an endpoint repeats, wherever it puts it, is in no file and no line that `lema` writes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lema_hub.engines.ledger_contents import LedgerContents, Selection
from tests.endpoint import Endpoint, Reply, failure, prompt_of, reply

KEY = "plain-secret-0123456789"  # without the shape of a key: it is known because it is configured
ROWS = [
    {"question": f"Tom has {i} pens and {i} cups. How many?", "answer": f"{i} + {i} = {2 * i}\n#### {2 * i}"}
    for i in range(20)
]


def _escaped(text: str) -> str:
    return "".join(f"\\u{ord(character):04x}" for character in text)


def _completion(text: str, **more: Any) -> dict[str, Any]:
    finish_reason = more.pop("finish_reason", "stop")
    choice = {"index": 0, "finish_reason": finish_reason, "message": {"role": "assistant", "content": text}}
    return {"model": "m", "choices": [choice], "usage": {"prompt_tokens": 30, "completion_tokens": 30}} | more


class Parrot(Endpoint):
    """Repeats the header `Authorization` of a request in the place that the next answer is about."""

    told = ""
    turn = 0

    def admit(self, headers: dict[str, str]) -> Reply | None:
        self.told = headers.get("authorization", "none")
        return super().admit(headers)

    def answer(self, body: dict[str, Any]) -> Reply:
        self.paid += 1
        places = self.fatal() if self.text == "fatal" else self.places(prompt_of(body))
        self.turn += 1
        return places[self.turn % len(places)]

    def places(self, prompt: str) -> list[Reply]:
        told, key = self.told, self.told.removeprefix("Bearer ")
        right = f"Step 1: The key is {told}.\nStep 2: The answer is 4."
        if "Original Solution:" in prompt:
            i = int(re.findall(r"Tom has (\d+) pens", prompt)[-1])
            right = (
                f" Step 1.\nExplanation: The key is {told}.\nCorrect Solution:\n{{\nStep 1: {i} + {i} = {2 * i}\n"
                f"Step 2: The answer is {2 * i}.\n}}"
            )
        escaped = json.dumps({"error": {"message": "KEY"}}).replace("KEY", _escaped(key)).encode()
        located = reply({}, 302)
        located.headers["Location"] = f"http://127.0.0.1:9/{key}"
        headed = reply(_completion("Step 1: 2 + 2 = 5\nStep 2: The answer is 5."))
        headed.headers |= {"X-Key": told, "Retry-After": key, "x-ratelimit-remaining-requests": key}
        phrased = failure(400, "odd", "odd")
        phrased.phrase = key
        return [
            reply(_completion(right)),
            headed,
            reply({"error": {"message": f"invalid key: {told}"}}),
            reply(_completion(right, model=key)),
            reply(_completion(right, finish_reason=key)),
            reply(_completion(right, finish_reason={key: told})),
            reply(_completion(right, usage={key: key, "prompt_tokens": key})),
            reply({key: key, "choices": {key: key}}),
            reply({"choices": [{key: key}]}),
            reply([key, key]),
            Reply(body=escaped),
            Reply(400, escaped),
            Reply(body=key.encode()),
            Reply(400, f"plain text with {key}".encode()),
            failure(400, f"no access for {told}", key, param=key),
            failure(500, f"at {key}", "server_error"),
            located,
            phrased,
        ]

    def fatal(self) -> list[Reply]:
        return [failure(401, f"Incorrect API key provided: {self.told}", "invalid_api_key")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "train.jsonl").write_text("\n".join(json.dumps(row) for row in ROWS))
    (tmp_path / "test.jsonl").write_text(json.dumps({"question": "What is 7 + 7?", "answer": "#### 14"}))
    return tmp_path


def lema(*arguments: object) -> subprocess.CompletedProcess[str]:
    code = "import logging; logging.basicConfig(level=0); from lema_hub.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True, text=True, env={**os.environ, "OPENAI_API_KEY": KEY}, timeout=300, check=False,
    )  # fmt: skip


def assert_nowhere(folder: Path, *runs: subprocess.CompletedProcess[str]) -> None:
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert len(files) > 2
    for file in files:
        assert KEY.encode() not in _plain(file), file
    for run in runs:
        assert KEY not in run.stdout + run.stderr
        assert "Traceback" not in run.stderr


def _plain(file: Path) -> bytes:
    """What a file holds, Parquet without its compression."""
    if file.suffix != ".parquet":
        return file.read_bytes()
    import pyarrow.parquet as pq

    return repr(pq.read_table(file).to_pylist()).encode() + repr(pq.read_schema(file).metadata).encode()


def test_a_key_that_an_endpoint_repeats_is_nowhere_after_sampling(folder: Path) -> None:
    out = folder / "out"
    with Parrot() as endpoint:
        done = lema(
            "sample", "--task", "gsm8k", "--problems", folder / "train.jsonl", "--paths", 1, "--engine", "openai",
            "--base-url", endpoint.url, "--model", "m", "--concurrency", 16, "--out", out, "--json",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert endpoint.paid > len(ROWS)
        endpoint.text = "fatal"
        ended = lema(
            "sample", "--task", "gsm8k", "--problems", folder / "train.jsonl", "--paths", 2, "--engine", "openai",
            "--base-url", endpoint.url, "--model", "m", "--out", out,
        )  # fmt: skip
    assert ended.returncode == 1
    assert "refused the key (401: Incorrect API key provided: Bearer [redacted])" in ended.stderr
    with LedgerContents(out / "ledger.sqlite") as contents:
        assert any("[redacted]" in group.example for group in contents.failures())
        assert any("[redacted]" in entry.text for entry in contents.entries(Selection()))
    assert json.loads(done.stdout)["stages"][0]["dropped"]
    assert_nowhere(folder, done, ended)


def test_a_key_that_an_endpoint_repeats_is_nowhere_after_a_build(folder: Path) -> None:
    out, recipe = folder / "out", folder / "r.yaml"
    with Parrot() as endpoint:
        source = f"engine: openai, model: m, base_url: '{endpoint.url}'"
        recipe.write_text(
            f"kind: corrections\ntask: gsm8k\nproblems: {{path: '{folder}'}}\nconcurrency: 16\n"
            f"students: [{{{source}, paths: 1}}]\ncorrector: {{{source}, prompt: lema-corrector-gsm8k}}\n"
            "contamination: {without: [{tests: math, why: no network}, {tests: csqa, why: no network}]}\n"
        )
        done = lema("build", "corrections", recipe, "--out", out)
    assert done.returncode == 0, done.stderr
    assert (out / "manifest.json").exists()
    assert_nowhere(folder, done)

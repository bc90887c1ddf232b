"""`lema eval` on an endpoint whose truth is known."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lema_hub import nano
from lema_hub.cli.eval import app
from lema_hub.errors import EngineError
from lema_hub.evals import read_items

SOLUTIONS = {made.problem.question: made.problem for made in nano.generate("test", 1000)}


class Teacher(BaseHTTPRequestHandler):
    """Answers nano problems: right, wrong, not at all or cut off, by the last digit of the gold answer."""

    asked = 0
    answered = 10**9  # from then on it waits for `held`
    held = threading.Event()
    lock = threading.Lock()

    def do_POST(self) -> None:
        with Teacher.lock:
            Teacher.asked += 1
            number = Teacher.asked
        if number > Teacher.answered:
            Teacher.held.wait()
            return
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        (message,) = body["messages"]
        question = message["content"].split("Question: ")[1].rsplit("\nAnswer:")[0]
        gold = SOLUTIONS[question].answer
        text, reason = self.behave(gold)
        choice = {"index": 0, "finish_reason": reason, "message": {"role": "assistant", "content": text}}
        answer = json.dumps(
            {"id": "1", "object": "chat.completion", "choices": [choice],
             "usage": {"prompt_tokens": 1, "completion_tokens": 1}}
        ).encode()  # fmt: skip
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    @staticmethod
    def behave(gold: str) -> tuple[str, str]:
        if gold[-1] in "01234":
            return f"Step 1: I know it.\nStep 2: The answer is {gold}.", "stop"
        if gold[-1] in "567":
            return f"The answer is {gold}1.", "stop"
        return ("I cannot say.", "stop") if gold[-1] == "8" else ("Step 1: First we", "length")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Teacher)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_endpoint_is_scored_as_it_behaves(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    out = tmp_path / "run"
    command = ["teacher@2026-11", "--engine", "openai", "--base-url", endpoint, "--tasks", "nano", "--limit", "120",
               "--out", str(out)]  # fmt: skip
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0
    rows = read_items(out)
    digits = [row.gold[-1] for row in rows]
    expected = {
        "correct": sum(d in "01234" for d in digits), "wrong": sum(d in "567" for d in digits),
        "unparsed": digits.count("8"), "truncated": digits.count("9"), "timeout": 0, "crashed": 0,
    }  # fmt: skip
    held = json.loads((out / "scores.json").read_text())
    assert held["scores"][0]["verdicts"] == expected
    assert (held["system"], held["revision"], held["engine"]) == ("teacher", "2026-11", "openai")
    assert f"pass@1 {100 * expected['correct'] / 120:.1f} % ± " in done.stdout
    assert ", n = 120" in done.stdout
    assert f"next: lema report {out}" in done.stdout
    asked = Teacher.asked
    again = CliRunner().invoke(app, [*command, "--json"], catch_exceptions=False)
    assert json.loads(again.stdout)["reused"] is True
    other = [*command[:-1], str(tmp_path / "other"), "--json"]
    again = CliRunner().invoke(app, other, catch_exceptions=False)
    assert json.loads(again.stdout)["reused"] is False
    assert Teacher.asked == asked  # the ledger beside the folders knew all answers


def test_a_dead_endpoint_leaves_no_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    command = [
        "m",
        "--engine",
        "openai",
        "--base-url",
        "http://127.0.0.1:9/v1",
        "--limit",
        "2",
        "--out",
        str(tmp_path / "run"),
    ]
    with pytest.raises(EngineError, match=r"127\.0\.0\.1:9"):
        CliRunner().invoke(app, command, catch_exceptions=False)
    assert not (tmp_path / "run" / "scores.json").exists()


def test_wrong_usage_is_told() -> None:
    done = CliRunner().invoke(app, ["nano", "--out", "x", "--engine", "vax"])
    assert done.exit_code == 2


LEMA_EVAL = [sys.executable, "-c", "from lema_hub.cli import main; main()", "eval"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_an_evaluation_that_is_ended_goes_on_with_what_was_answered(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """It is ended while 20 of 40 requests wait for an answer; the second start asks only for what is missing."""
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setattr(Teacher, "asked", 0)
    monkeypatch.setattr(Teacher, "answered", 20)
    monkeypatch.setattr(Teacher, "held", threading.Event())
    command = [
        "m",
        "--engine",
        "openai",
        "--base-url",
        endpoint,
        "--limit",
        "40",
        "--out",
        str(tmp_path / "run"),
    ]
    with subprocess.Popen(
        [*LEMA_EVAL, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:  # fmt: skip
        try:
            while Teacher.asked < 40 or not _kept(tmp_path):
                assert process.poll() is None, process.communicate()
                time.sleep(0.05)
            process.send_signal(number)
            _, said = process.communicate(timeout=120)
        finally:
            process.kill()
            Teacher.held.set()
    assert process.returncode in (-number, 128 + number)
    assert "Traceback" not in said
    assert not (tmp_path / "run" / "scores.json").exists()
    kept = _kept(tmp_path)
    monkeypatch.setattr(Teacher, "asked", 0)
    monkeypatch.setattr(Teacher, "answered", 10**9)
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert 0 < kept <= 20
    assert Teacher.asked == 40 - kept
    assert len(read_items(tmp_path / "run")) == 40


def _kept(folder: Path) -> int:
    """How many answers the ledger of an evaluation holds."""
    if not (folder / "ledger.sqlite").is_file():
        return 0
    with contextlib.closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger:
        try:
            return int(ledger.execute("select count(*) from responses").fetchone()[0])
        except sqlite3.OperationalError:  # it is being made
            return 0

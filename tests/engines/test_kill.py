"""What a run loses when it dies: nothing that was answered, and at most what was in flight."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from lema_hub.engines import Ledger, Request, Response, Sampling
from lema_hub.engines.openai import OpenAIEngine
from tests.endpoint import Endpoint
from tests.engines.batches import BatchEndpoint

REQUESTS, IN_FLIGHT = 600, 16
_CHILD = f"""
import sys
from pathlib import Path
from lema_hub.engines import Ledger, Request, Sampling
from lema_hub.engines.openai import OpenAIEngine
requests = [Request(prompt=f"p{{i}}", sampling=Sampling()) for i in range({REQUESTS})]
with Ledger(Path(sys.argv[1])) as ledger:
    ledger.run(OpenAIEngine("m", base_url=sys.argv[2], concurrency={IN_FLIGHT}), requests, stage="s")
"""


def test_kill_at_ten_random_points_repeats_at_most_what_was_in_flight(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    points = random.Random(4)
    with Endpoint(latency=0.02, rate_429=0.01, rate_500=0.01) as endpoint:
        kept = 0
        for _ in range(10):
            paid, until = endpoint.paid, points.randrange(1, 50)
            child = subprocess.Popen(
                [sys.executable, "-c", _CHILD, str(path), endpoint.url], env=_environment()
            )
            while endpoint.paid < paid + until:
                assert child.poll() is None
                time.sleep(0.0005)
            time.sleep(points.uniform(0, 0.02))
            child.kill()
            child.wait()
            while endpoint.in_flight:  # what a provider would still compute, and bill
                time.sleep(0.005)
            with Ledger(path) as ledger:
                now = sum(stage.responses for stage in ledger.totals())  # none after an early kill
            assert (endpoint.paid - paid) - (now - kept) <= IN_FLIGHT
            kept = now
        assert kept < REQUESTS  # every kill hit a run that was at work
        requests = [Request(prompt=f"p{i}", sampling=Sampling()) for i in range(REQUESTS)]
        with Ledger(path) as ledger:
            found = ledger.run(
                OpenAIEngine("m", base_url=endpoint.url, concurrency=IN_FLIGHT), requests, stage="s"
            )
            assert [a.text for a in found if isinstance(a, Response)] == [r.prompt[::-1] for r in requests]
            assert ledger.totals()[0].responses == REQUESTS
            assert ledger.failures() == {}
        assert REQUESTS <= endpoint.paid <= REQUESTS + 10 * IN_FLIGHT


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}


def _sample(tmp_path: Path, url: str) -> list[str]:
    rows = [
        {
            "question": f"Tom has {i} pens and gets {i} more. How many?",
            "answer": f"{i} + {i} = {2 * i}\n#### {2 * i}",
        }
        for i in range(10, 110)
    ]
    problems = tmp_path / "problems.jsonl"
    problems.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    code = "from lema_hub.cli import main; main()"
    options = ["--problems", str(problems), "--paths", "4", "--engine", "openai", "--model", "m"]
    options += ["--base-url", url, "--concurrency", "8", "--out", str(tmp_path / "out")]
    return [sys.executable, "-c", code, "sample", "--task", "gsm8k", *options]


def _started(command: list[str], endpoint: Endpoint, *, paid: int, **more: str) -> subprocess.Popen[str]:
    child = _start(command, **more)
    while endpoint.paid < paid:
        assert child.poll() is None, child.communicate()[1]
        time.sleep(0.005)
    return child


def _start(command: list[str], **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**_environment(), **more},
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.default_int_handler
        ),  # a shell's `&` ignores it
    )


def test_ctrl_c_exits_at_once_and_says_what_is_done_and_how_to_go_on(tmp_path: Path) -> None:
    with Endpoint(latency=0.1) as endpoint:
        child = _started(_sample(tmp_path, endpoint.url), endpoint, paid=50)
        child.send_signal(signal.SIGINT)
        sent = time.monotonic()
        _, said = child.communicate(timeout=20)
        assert time.monotonic() - sent < 3
        assert child.returncode == 130
        assert re.search(r"sample: \d+ of 372 answered", said)  # the rest are of the side dev
        assert "the same command continues from here" in said
        assert "Traceback" not in said
        with Ledger(tmp_path / "out/ledger.sqlite") as ledger:
            kept = ledger.totals()[0].responses
        assert endpoint.paid - kept <= 8


def test_a_revoked_key_and_a_dead_endpoint_are_one_line_and_exit_code_1(tmp_path: Path) -> None:
    with Endpoint(latency=0.02, key="sk-one-0123456789") as endpoint:
        command = _sample(tmp_path, endpoint.url)
        child = _started(command, endpoint, paid=50, OPENAI_API_KEY="sk-one-0123456789")
        endpoint.key = "sk-two-0123456789"
        _, said = child.communicate(timeout=60)
        assert child.returncode == 1
        last = said.splitlines()[-1]
        assert last.startswith("lema: http://127.0.0.1:")
        assert "refused the key (401: Incorrect API key provided); set OPENAI_API_KEY" in last
        assert "sk-one" not in said
        assert "Traceback" not in said
        child = _started(command, endpoint, paid=150, OPENAI_API_KEY="sk-two-0123456789")
        endpoint.stop()
        _, said = child.communicate(timeout=60)
        assert child.returncode == 1
        last = said.splitlines()[-1]
        assert last.startswith("lema: no answer from http://127.0.0.1:")
        assert last.endswith("answers are kept: start the server or correct the URL, and run again")
        with Ledger(tmp_path / "out/ledger.sqlite") as ledger:
            assert endpoint.paid - 16 <= ledger.totals()[0].responses <= endpoint.paid
        for file in (tmp_path / "out").rglob("*"):
            assert file.is_dir() or b"sk-" not in file.read_bytes()


def test_ctrl_c_leaves_the_batches_going_and_the_same_command_fetches_them(tmp_path: Path) -> None:
    with BatchEndpoint(step=1.0) as endpoint:
        command = [*_sample(tmp_path, endpoint.url), "--mode", "batch"]
        child = _start(command)
        while not endpoint.batches:
            assert child.poll() is None, child.communicate()[1]
            time.sleep(0.01)
        time.sleep(0.5)
        child.send_signal(signal.SIGINT)
        sent = time.monotonic()
        _, said = child.communicate(timeout=20)
        assert time.monotonic() - sent < 3
        assert child.returncode == 130
        assert "1 batch is running at http://127.0.0.1:" in said
        assert "Traceback" not in said
        done = subprocess.run(
            command, capture_output=True, text=True, env=_environment(), timeout=60, check=True
        )
        assert "372 solutions" in done.stdout
        assert (len(endpoint.batches), endpoint.paid) == (1, 372)

"""`lema eval` on an endpoint whose truth is known, and on adapters of a Hub."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from lema_hub import nano
from lema_hub.cli.eval import app
from lema_hub.errors import EngineError, HubError, InputError
from lema_hub.evals import read_items
from lema_hub.evals.systems import find

if TYPE_CHECKING:
    from lema_hub.localhub import LocalHub

SOLUTIONS = {made.problem.question: made.problem for made in nano.generate("test", 1000)}


class Teacher(BaseHTTPRequestHandler):
    """Answers nano problems: right, wrong, not at all or cut off, by the last digit of the gold answer."""

    asked = 0

    def do_POST(self) -> None:
        Teacher.asked += 1
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


@pytest.fixture
def at_hub(hub: LocalHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LocalHub:
    from huggingface_hub import constants

    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setenv("HF_TOKEN", hub.token)
    return hub


def test_an_adapter_of_a_hub_comes_with_the_base_it_names(
    at_hub: LocalHub, llama: Path, adapter: Path, tmp_path: Path
) -> None:
    import shutil

    from huggingface_hub import HfApi

    api = HfApi(endpoint=at_hub.url, token=at_hub.token)
    commits = {}
    shutil.copytree(adapter, tmp_path / "adapter")
    settings = json.loads((adapter / "adapter_config.json").read_text())
    settings |= {"base_model_name_or_path": "lema/eval-base", "revision": "v0.1.0"}
    (tmp_path / "adapter" / "adapter_config.json").write_text(json.dumps(settings))
    for repo, folder in (("lema/eval-base", llama), ("lema/eval-adapter", tmp_path / "adapter")):
        api.create_repo(repo)
        commits[repo] = api.upload_folder(repo_id=repo, folder_path=folder).oid
        api.create_tag(repo, tag="v0.1.0")
        api.upload_file(repo_id=repo, path_or_fileobj=b"later", path_in_repo="later.txt")
    engine = find("lema/eval-adapter@v0.1.0")
    assert engine.model == "lema/eval-base+lema/eval-adapter"
    assert engine.revision == f"{commits['lema/eval-base']}+{commits['lema/eval-adapter']}"
    assert find("lema/eval-base@v0.1.0").revision == commits["lema/eval-base"]
    with pytest.raises(InputError, match="is not an adapter"):
        find("lema/eval-base", base=str(llama))
    with pytest.raises(HubError, match="shows no model lema/nothing"):
        find("lema/nothing")


def test_a_broken_adapter_is_named(adapter: Path, tmp_path: Path) -> None:
    import shutil

    place = shutil.copytree(adapter, tmp_path / "broken")
    settings = json.loads((place / "adapter_config.json").read_text())
    (place / "adapter_config.json").write_text(json.dumps(settings | {"base_model_name_or_path": None}))
    with pytest.raises(InputError, match=r"names no base model; give one \(--base\)"):
        find(str(place))
    (place / "adapter_config.json").write_text("{")
    with pytest.raises(InputError, match=r"adapter_config\.json' cannot be read"):
        find(str(place))

"""What `lema sample` says and how it exits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lema_hub.cli.main import app
from lema_hub.errors import EngineError, InputError
from tests.endpoint import Endpoint

# One of the four is a dev problem.
ROWS = [{"question": f"What is {i} + {i}?", "answer": f"#### {2 * i}"} for i in range(4)]


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr("lema_hub.engines.pool._jitter", lambda attempt: 0.001 * attempt)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "train.jsonl").write_text("\n".join(json.dumps(row) for row in ROWS))
    return tmp_path


def sample(folder: Path, url: str, *more: str) -> Result:
    arguments = ["sample", "--task", "gsm8k", "--problems", str(folder / "train.jsonl"), "--paths", "1"]
    arguments += ["--model", "m", "--base-url", url, "--out", str(folder / "out"), *more]
    return CliRunner().invoke(app, arguments)


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_sample_of_which_every_request_failed_is_an_error(folder: Path, more: tuple[str, ...]) -> None:
    with Endpoint(status=500) as endpoint:
        done = sample(folder, endpoint.url, *more)
    assert done.exit_code == 1
    assert isinstance(done.exception, EngineError)
    assert str(done.exception).startswith("all 3 requests failed (3 server_error); lema ledger failures ")
    assert "\n" not in str(done.exception)
    if more:
        printed = json.loads(done.stdout)
        assert printed["error"] == str(done.exception)
        assert printed["stages"][0]["dropped"] == {"request_server_error": 3}


def test_a_sample_of_which_one_request_succeeded_is_not(folder: Path) -> None:
    with Endpoint() as endpoint:
        assert sample(folder, endpoint.url, "--limit", "1").exit_code == 0
        endpoint.status = 500
        done = sample(folder, endpoint.url, "--json")
    assert done.exit_code == 0
    assert "error" not in json.loads(done.stdout)


def test_credentials_in_the_base_url_are_shown_nowhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Endpoint(text="1 + 1 = 2\nThe answer is 2.") as endpoint:
        url = endpoint.url.replace("http://", "http://me:pass-phrase@")
        done = sample(folder, url)
        assert done.exit_code == 0
        monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789abcdef")
        both = sample(folder, url, "--paths", "2")
        odd = sample(folder, url.replace("/v1", "?x=1"))
    assert isinstance(both.exception, EngineError)
    assert isinstance(odd.exception, InputError)
    for said in (done.output, str(both.exception), str(odd.exception)):
        assert "pass-phrase" not in said
    for file in folder.rglob("*"):
        assert file.is_dir() or b"pass-phrase" not in file.read_bytes()

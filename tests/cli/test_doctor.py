"""`lema doctor`: findings with remedies, and no secret among them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from lema_hub import __version__
from lema_hub.cli import doctor

if TYPE_CHECKING:
    from lema_hub.localhub import LocalHub


def findings(expected: int = 0) -> dict[str, dict[str, str]]:
    done = CliRunner().invoke(doctor.app, ["--json"], catch_exceptions=False)
    assert done.exit_code == expected, done.output
    return {found["subject"]: found for found in json.loads(done.stdout)}


def test_what_is_installed_is_found_and_no_secret_is_shown(
    at_hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-a-secret-of-mine")
    found = findings()
    assert found["lema_hub"]["text"].startswith(__version__)
    assert {"hub", "train", "eval", "demo", "vllm", "nano backbone"} <= found.keys()
    assert found["Hub"]["level"] == "ok"
    assert found["OPENAI_API_KEY"]["text"] == "set (19 characters, not shown)"
    text = json.dumps(found)
    assert "sk-a-secret-of-mine" not in text
    assert at_hub.token not in text


def test_a_token_that_the_hub_does_not_know_is_a_problem_with_its_remedy(
    at_hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_another")
    found = findings(expected=1)
    assert (found["Hub"]["level"], "HF_TOKEN" in found["Hub"]["remedy"]) == ("problem", True)


def test_a_missing_package_is_a_note_with_the_extra_that_has_it(
    at_hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(doctor.EXTRAS, "vllm", ("no-such-package",))
    found = findings()
    assert (found["vllm"]["level"], found["vllm"]["remedy"]) == ("note", "pip install 'lema_hub[vllm]'")


def test_it_reads_as_lines_too(at_hub: LocalHub) -> None:
    done = CliRunner().invoke(doctor.app, [], catch_exceptions=False)
    assert done.exit_code == 0
    assert "ok      lema_hub" in done.stdout

"""The clients' environment: set where the user has not set it."""

from __future__ import annotations

import pytest

from lema_hub.cli.hub_client import prepare_client

NAMES = (
    "HF_HUB_DISABLE_XET",
    "HF_HUB_DISABLE_PROGRESS_BARS",
    "HF_DATASETS_DISABLE_PROGRESS_BARS",
    "HF_HUB_VERBOSITY",
)


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.delenv(name)


def seen() -> dict[str, str]:
    import os

    return {name: os.environ[name] for name in NAMES if name in os.environ}


def test_a_hub_of_ones_own_gets_plain_uploads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://huggingface.co")
    prepare_client()
    assert "HF_HUB_DISABLE_XET" not in seen()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    prepare_client()
    assert seen()["HF_HUB_DISABLE_XET"] == "1"


def test_a_command_that_draws_progress_keeps_the_clients_quiet() -> None:
    prepare_client(bars=False)
    assert seen()["HF_HUB_VERBOSITY"] == "error"
    assert seen()["HF_HUB_DISABLE_PROGRESS_BARS"] == "1"


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "0")
    monkeypatch.setenv("HF_HUB_VERBOSITY", "debug")
    prepare_client(bars=False)
    assert (seen()["HF_HUB_DISABLE_XET"], seen()["HF_HUB_VERBOSITY"]) == ("0", "debug")

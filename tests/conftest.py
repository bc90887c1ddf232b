"""Fixtures that every test may use; the environment is set before any client library is imported."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

_HF_HOME = tempfile.mkdtemp(prefix="lema-hf-home-")
os.environ.update(
    HF_HOME=_HF_HOME,
    HF_HUB_DISABLE_XET="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_HUB_DISABLE_PROGRESS_BARS="1",
    GRADIO_ANALYTICS_ENABLED="False",
    TOKENIZERS_PARALLELISM="false",
    OMP_NUM_THREADS="1",
    OMP_WAIT_POLICY="passive",
)
for _name in ("HF_ENDPOINT", "HF_TOKEN", "HF_HUB_OFFLINE"):
    os.environ.pop(_name, None)

import pytest  # noqa: E402

if TYPE_CHECKING:
    from huggingface_hub import HfApi

    from lema_hub.localhub import LocalHub, auth

INSTALL_CHROMIUM = "apt-get install chromium"
"""Part of the skip reason of every test that needs a browser (tests/test_conftest.py checks it)."""

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside a maintainer's checkout; a user's clone has none."""
    if not SHARED_DATA.is_dir():
        pytest.skip(
            "no ../shared/data beside this checkout: the real data sets are not part of the repository"
        )
    return SHARED_DATA


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    """A running embedded Hub; clients take `endpoint=hub.url, token=hub.token`, subprocesses `HF_ENDPOINT`."""
    from lema_hub.localhub import LocalHub

    with LocalHub(tmp_path_factory.mktemp("hub"), port=0) as server:
        yield server


@pytest.fixture
def at_hub(hub: LocalHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LocalHub:
    """The embedded Hub as what HF_ENDPOINT and HF_TOKEN name; the client reads the former once, at import."""
    from huggingface_hub import constants

    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setenv("HF_TOKEN", hub.token)
    return hub


@pytest.fixture
def api(hub: LocalHub) -> HfApi:
    """A client with the token of the Hub's owner."""
    from huggingface_hub import HfApi

    return HfApi(endpoint=hub.url, token=hub.token)


@pytest.fixture
def client_of(hub: LocalHub) -> Iterator[Callable[[auth.Role, str], HfApi]]:
    """Clients with a new token of a given role and user."""
    from huggingface_hub import HfApi

    from lema_hub.localhub import auth
    from lema_hub.localhub.server import DATABASE
    from lema_hub.localhub.store import Store

    store = Store(hub.directory / DATABASE)

    def client(role: auth.Role, user: str) -> HfApi:
        with store.write() as db:
            secret = auth.create_token(db, name=f"{role}-{user}-{next(_numbers)}", user=user, role=role)
        return HfApi(endpoint=hub.url, token=secret)

    yield client
    store.close()


_numbers = count()


@pytest.fixture
def repo_id(hub: LocalHub) -> str:
    """An id that no other test uses."""
    return f"{hub.namespace}/lema-{next(_numbers)}"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    from tests.built import build_dataset

    return build_dataset(tmp_path / "built")


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    from tests.trained import build_adapter

    return build_adapter(tmp_path / "adapter")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Iterator[Callable[[str, str], None]]:
    """Compare a text with a file of tests/golden, or rewrite it with --update-golden."""
    folder = Path(__file__).resolve().parent / "golden"

    def check(name: str, text: str) -> None:
        path = folder / name
        if request.config.getoption("--update-golden", default=False):
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), (
            f"{name} differs; look at it, then rerun with --update-golden"
        )

    return check


def pytest_unconfigure(config: pytest.Config) -> None:
    """End pytest's output with the command for a missing browser: a skipped browser test is easily overlooked."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter is not None else []
    count = sum(INSTALL_CHROMIUM in str(report.longrepr) for report in skipped)
    if count:
        reporter.write_line(
            f"{count} browser tests were skipped because Chromium is not installed; run: {INSTALL_CHROMIUM}",
            yellow=True,
        )

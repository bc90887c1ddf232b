"""Fixtures that every test may use; the environment is set before any client library is imported."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
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
    from lema_hub.localhub import LocalHub

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


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

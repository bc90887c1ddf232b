"""Problems that all tests of the nano world look at."""

from __future__ import annotations

import pytest

from lema_hub import nano
from lema_hub.nano import NanoProblem
from lema_hub.nano.problems import SPLITS


@pytest.fixture(scope="session")
def problems() -> list[NanoProblem]:
    """200 problems of 1 to 4 steps from every split."""
    return [made for split in SPLITS for made in nano.generate(split, 200, steps=(1, 2, 3, 4))]

"""A second version of the built dataset."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.built import build_dataset


@pytest.fixture
def grown(tmp_path: Path) -> Path:
    return build_dataset(tmp_path / "grown", train=14)

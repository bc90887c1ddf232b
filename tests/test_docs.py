"""The documentation says what the code does."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_data_format_is_current() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "write_data_format.py"))
    assert (ROOT / "docs" / "data-format.md").read_text() == script["render"](), (
        "docs/data-format.md is stale; run: python scripts/write_data_format.py"
    )

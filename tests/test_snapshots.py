"""One line for what takes long to come from a Hub, none for what does not."""

from __future__ import annotations

import time

import pytest

from lema_hub.snapshots import loading


def test_a_long_wait_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    with loading("lema/a-model", patience=0.01):
        time.sleep(0.2)
    assert [record.getMessage()[:20] for record in caplog.records] == ["loading lema/a-model"]


def test_a_short_wait_is_not(caplog: pytest.LogCaptureFixture) -> None:
    with loading("lema/a-model", patience=60):
        pass
    assert not caplog.records

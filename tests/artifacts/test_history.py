"""The list of versions."""

from __future__ import annotations

from lema_hub.artifacts.history import History, Release, read_history


def test_history_keeps_every_version_once() -> None:
    one = Release(version="0.1.0", rows=3, changes=("first version",))
    two = Release(version="0.2.0", rows=4, changes=("1 row added",))
    history = History(versions=()).with_release(one).with_release(two).with_release(two)
    assert [release.version for release in history.versions] == ["0.2.0", "0.1.0"]
    assert read_history(history.to_json()) == history
    assert read_history(None).versions == ()

"""The versions of installed packages; what is not installed is left out."""

from __future__ import annotations

from importlib.metadata import version

from lema_hub import __version__
from lema_hub.artifacts.packages import installed


def test_installed_packages_are_named_with_their_versions() -> None:
    assert installed("pytest", "no-such-package") == {"lema_hub": __version__, "pytest": version("pytest")}

"""The versions of installed packages, as manifests, runs and scores record them."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from lema_hub import __version__


def installed(*names: str) -> dict[str, str]:
    """The version of lema_hub and of each named package that is installed."""
    found = {"lema_hub": __version__}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found

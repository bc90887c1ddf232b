"""Semantic versions of published artefacts, and the tags `vX.Y.Z` that carry them.

Major: a column changed its meaning or went; minor: rows or columns were added; patch: rows were repaired,
or only the card changed. Pre-releases and build metadata are left out on purpose: a release is a release.

    >>> parse("1.4.2").bump("minor")
    Version(major=1, minor=5, patch=0)
    >>> str(parse("v1.4.2")), parse("1.4.2").tag
    ('1.4.2', 'v1.4.2')
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from lema_hub.errors import InputError

Level = Literal["major", "minor", "patch"]

_VERSION = re.compile(r"v?(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """Major, minor and patch; ordered as semantic versions are."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def tag(self) -> str:
        """The git tag: the version with a leading `v`."""
        return f"v{self}"

    def bump(self, level: Level) -> Version:
        """The next version of that level."""
        if level == "major":
            return Version(self.major + 1, 0, 0)
        if level == "minor":
            return Version(self.major, self.minor + 1, 0)
        return Version(self.major, self.minor, self.patch + 1)

    def next(self, level: Level) -> Version:
        """The next version for a change of that level; before 1.0.0 the minor number carries what breaks."""
        return self.bump("minor" if self.major == 0 and level == "major" else level)


FIRST = Version(0, 1, 0)
"""What a repo without versions begins with."""


def parse(text: str) -> Version:
    """The version of `X.Y.Z` or `vX.Y.Z`.

    Raises:
        InputError: The text is not such a version.
    """
    match = _VERSION.fullmatch(text)
    if match is None:
        raise InputError(f"version {text[:40]!r} is not a semantic version; write three numbers, as in 0.1.0")
    return Version(*map(int, match.groups()))


def of_tags(tags: Iterable[str]) -> list[Version]:
    """The versions among a repo's tags, oldest first; other tags are passed over."""
    return sorted(
        {Version(*map(int, m.groups())) for tag in tags if tag[:1] == "v" and (m := _VERSION.fullmatch(tag))}
    )

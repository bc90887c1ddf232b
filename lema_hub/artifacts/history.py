"""The versions of a repo: `versions.json` beside the card, which renders them, newest first."""

from __future__ import annotations

from dataclasses import dataclass

from lema_hub.config import read_json, to_json

FILE_NAME = "versions.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A version: how many rows it holds (for a model: parameters), and what changed in it.

    `made_with` is what rendered its card; empty where that was not recorded.
    """

    version: str
    rows: int
    changes: tuple[str, ...]
    made_with: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All versions, newest first."""

    versions: tuple[Release, ...]

    def with_release(self, release: Release) -> History:
        """The history with one more version on top; an entry of the same version is replaced."""
        return History(versions=(release, *(old for old in self.versions if old.version != release.version)))

    def to_json(self) -> str:
        """The file's text."""
        return to_json(self)


def read_history(text: str | None, *, source: str = FILE_NAME) -> History:
    """The history in a file's text; none yet if there is no file."""
    return History(versions=()) if text is None else read_json(text, History, source=source)

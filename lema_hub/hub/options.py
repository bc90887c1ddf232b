"""The options that all publishers share.

    publish_dataset(folder, "lema/lema-corrections", version="0.1.0", dry_run=True)

The public functions take them as keywords (`Keywords`), everything below them as one record.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Required, TypedDict

from lema_hub.hub import versions
from lema_hub.hub.versions import Version

if TYPE_CHECKING:
    from huggingface_hub import HfApi


class Keywords(TypedDict, total=False):
    """The fields of `PublishOptions` as keyword arguments."""

    version: Required[str]
    private: bool
    dry_run: bool
    create_pr: bool
    api: HfApi | None
    started: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOptions:
    """How something is published.

    Attributes:
        version: The new version, `X.Y.Z`.
        private: Make a new repo private.
        dry_run: Check and render everything, send nothing.
        create_pr: Open a pull request instead of a commit; `tag_merged` makes its tag after the merge.
        api: The Hub and token to use instead of the clients' own.
        started: When the command began, in seconds since the epoch; by default now. Releases made after it are
            concurrent, not newer.
    """

    version: str
    private: bool = False
    dry_run: bool = False
    create_pr: bool = False
    api: HfApi | None = None
    started: float = field(default_factory=time.time)

    @property
    def number(self) -> Version:
        """The version as a number.

        Raises:
            InputError: It is not a semantic version.
        """
        return versions.parse(self.version)

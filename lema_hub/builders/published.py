"""A published data set, or a built folder, as what another build starts from.

    corrections = open_published(Published(repo="lema/lema-corrections", revision="v0.1.0"), config="nano")
    corrections.rows("train")                 # records.Correction, as they were published

A repository is read at the commit that its tag stands for, and checked like a folder that is to be published
(`lema_hub.artifacts.dataset`); commit or hash, licence and rows go into the manifest of what is made of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lema_hub.artifacts.dataset import BuiltDataset, read_dataset
from lema_hub.artifacts.files import File, digest_of
from lema_hub.artifacts.manifest import FILE_NAME, REJECTED, Input, Kind
from lema_hub.builders.recipe import Problems
from lema_hub.errors import InputError, RecipeError
from lema_hub.snapshots import fetch


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Where it is: a repository, pinned by `revision`, or a folder; `config` is the recipe's task by default."""

    repo: str | None = None
    path: str | None = None
    revision: str | None = None
    config: str | None = None

    def __post_init__(self) -> None:
        if (self.repo is None) == (self.path is None):
            raise RecipeError(
                f"a data set is a repo or a path, got repo={self.repo!r} and path={self.path!r}; give one of them"
            )
        if self.repo is not None and self.revision is None:
            raise RecipeError(f"revision of {self.repo!r} is missing; pin the data to a tag such as v0.1.0")
        if self.path is not None and self.revision is not None:
            raise RecipeError(f"a folder has no revision, got {self.revision!r} for {self.path!r}; remove it")


@dataclass(frozen=True, slots=True)
class Opened:
    """One config of a data set.

    Attributes:
        name: `repo@tag`, or the folder's name.
        config: The config.
        built: The checked data set, all of its configs.
        source: What a manifest says of it.
    """

    name: str
    config: str
    built: BuiltDataset
    source: Input

    def rows(self, split: str) -> list[Any]:
        """The records of a split in their order; none if there is no such split."""
        return [
            self.built.record.from_row(row)  # type: ignore[attr-defined]
            for part in self.built.configs[self.config]
            if part.name == split
            for row in part.table.to_pylist()
        ]


def open_published(source: Published, *, config: str, kinds: Sequence[Kind]) -> Opened:
    """Read and check a data set.

    Args:
        source: Where it is.
        config: Its config, if `source` names none.
        kinds: What its rows may be.

    Raises:
        InputError: It is of another kind, has no such config, or is damaged.
        HubError: There is no such repository or version, or the Hub cannot be reached.
    """
    config = source.config or config
    commit = sha256 = None
    if source.repo is not None:
        patterns = [FILE_NAME, "data/*"]
        folder, commit = fetch(source.repo, source.revision, repo_type="dataset", patterns=patterns)
        name = f"{source.repo}@{source.revision}"
    else:
        folder = Path(source.path or "")
        name = folder.resolve().name
    built = read_dataset(folder)
    kind = built.manifest.kind
    if kind not in kinds:
        raise InputError(f"{name} holds {kind}; expected {' or '.join(kinds)}: give another data set")
    if config == REJECTED or config not in built.configs:
        known = ", ".join(known for known in built.configs if known != REJECTED)
        raise InputError(f"{name} has no config {config!r}; it has: {known}")
    if commit is None:
        files = [path for path in (folder / "data").rglob("*") if path.is_file()]
        sha256 = digest_of([File(path.relative_to(folder).as_posix(), path) for path in files])
    rows = sum(split.table.num_rows for split in built.configs[config])
    return Opened(
        name,
        config,
        built,
        Input(
            name=f"{kind} of {config}" if source.repo else name,
            repo=source.repo,
            revision=commit,
            sha256=sha256,
            license=built.manifest.license,
            rows=rows,
        ),
    )


def published_problems(problems: Problems, *, task: str) -> Opened | None:
    """The data set of evolved problems that a recipe names, None if it names none.

    Raises:
        InputError: It holds no evolved problems, or none of the task.
        HubError: There is no such repository or version, or the Hub cannot be reached.
    """
    if problems.repo is None and not (problems.path and (Path(problems.path) / FILE_NAME).is_file()):
        return None
    source = Published(repo=problems.repo, path=problems.path, revision=problems.revision)
    return open_published(source, config=task, kinds=("problems",))

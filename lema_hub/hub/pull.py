"""Fetch a published version: its files, at the commit that its tag stands for.

    pull("lema/lema-corrections", "v0.1.0", out=Path("corrections"))

A folder of this machine that holds a built dataset is taken as it is, so that it can be compared before it is
published.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lema_hub.errors import HubError, InputError
from lema_hub.hub import versions
from lema_hub.hub.repo import Repo, State
from lema_hub.hub.retry import patient
from lema_hub.snapshots import RepoType

if TYPE_CHECKING:
    from huggingface_hub import HfApi


@dataclass(frozen=True, slots=True)
class Pulled:
    """A fetched version: where it lies, what it is, and the state of its repo."""

    folder: Path
    repo: Repo
    revision: str
    commit: str
    state: State


def pull(
    repo_id: str,
    revision: str | None = None,
    *,
    repo_type: RepoType | None = None,
    out: Path | None = None,
    patterns: list[str] | None = None,
    api: HfApi | None = None,
) -> Pulled:
    """Fetch a version into a folder, or into the client's cache.

    Args:
        repo_id: `namespace/name`.
        revision: A tag, a version without its `v`, or a commit; the newest version if none is given.
        repo_type: Dataset or model; by default what the Hub has under that name, a dataset first.
        out: The folder; it must be new or empty.
        patterns: Fetch only files that match one of these.
        api: The Hub and token to use instead of the clients' own.

    Raises:
        InputError: `out` is not empty or cannot be written.
        HubError: There is no such repo or version, or the Hub cannot be reached.

    Example:
        >>> from pathlib import Path
        >>> pull("lema/my-cot", "v0.1.0", out=Path("pulled")).folder
        PosixPath('pulled')
    """
    repo, state = find(repo_id, repo_type, api)
    name = _revision(repo, state, revision)
    commit = state.tags.get(name, name)
    # An interrupted pull continues in `part`: beside a folder that does not exist yet, inside one that does, which
    # may be the working directory.
    part = None
    if out is not None:
        part = out / f".{commit[:12]}" if out.exists() else out.with_name(f".{out.name}-{commit[:12]}")
        if out.exists() and (not out.is_dir() or any(path != part for path in out.iterdir())):
            raise InputError(f"{str(out)!r} is not empty; give a new folder")
        try:
            part.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"{str(out)!r} cannot be written ({error.strerror}); give another folder"
            ) from error

    @patient
    def fetch() -> str:
        with repo.explained():
            return repo.api.snapshot_download(
                repo_id,
                repo_type=repo.repo_type,
                revision=commit,
                local_dir=part,
                allow_patterns=patterns,
            )

    folder = Path(fetch())
    if part is not None and out is not None:
        shutil.rmtree(part / ".cache", ignore_errors=True)  # the client's own notes
        folder = out
        if out.exists():
            for path in list(part.iterdir()):
                path.rename(out / path.name)
            part.rmdir()
        else:
            part.rename(out)
    return Pulled(folder, repo, name, commit, state)


def find(repo_id: str, repo_type: RepoType | None, api: HfApi | None) -> tuple[Repo, State]:
    """The repo of that name, a dataset first, and its state.

    Raises:
        HubError: There is no such repo, or the Hub cannot be reached.
    """
    kinds: tuple[RepoType, ...] = (repo_type,) if repo_type else ("dataset", "model")
    for kind in kinds:
        repo = Repo.at(repo_id, kind, api)
        state = repo.state()
        if state is not None:
            return repo, state
    raise HubError(
        f"{Repo.at(repo_id, kinds[0], api).api.endpoint} shows no {' or '.join(kinds)} {repo_id} to this "
        "token; "
        "check the id, or set HF_TOKEN"
    )


def _revision(repo: Repo, state: State, asked: str | None) -> str:
    """The tag or commit that was asked for."""
    known = versions.of_tags(state.tags)
    if asked is None:
        return known[-1].tag if known else state.head
    if asked in state.tags:
        return asked
    if f"v{asked}" in state.tags:
        return f"v{asked}"
    if len(asked) == len(state.head):
        return asked
    listed = ", ".join(version.tag for version in known) or "none"
    raise HubError(f"{repo.repo_id} has no version {asked!r}; its versions are: {listed}")

"""A release: one commit on the head that it was built for, and one new tag.

The commit says in its description which tag it is for and what its content hashes to, so that a publish
that was interrupted between commit and tag is finished by the same command, and so that two publishers of
one version cannot both win: the first commit owns the version. A head that moved is met by building the
commit again, never by force.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lema_hub.artifacts.files import File, digest_of
from lema_hub.errors import HubError, InputError, SlowDownError, TagExistsError
from lema_hub.hub import versions
from lema_hub.hub.pull_requests import find_open
from lema_hub.hub.repo import Claim, Repo, State, claim_text
from lema_hub.hub.retry import again, patient
from lema_hub.hub.versions import Version
from lema_hub.snapshots import RepoType

if TYPE_CHECKING:
    from huggingface_hub import HfApi

logger = logging.getLogger(__name__)

CARD = "README.md"
_MAX_FILES = 100


@dataclass(frozen=True, slots=True)
class Published:
    """What was published; `bytes` counts new content, `commit` is None after a dry run.

    `files` maps each path of the release to its size; `finished` says that the commit was there already and
    only its tag was missing. `pull_request` is the address of a proposal, which has no tag yet.
    """

    repo_id: str
    repo_type: RepoType
    version: str
    commit: str | None
    url: str
    files: dict[str, int]
    bytes: int
    card: str
    finished: bool = False
    pull_request: str | None = None

    @property
    def snippet(self) -> str:
        """What to type next: the first code block of the card."""
        return self.card.split("```python\n", 1)[1].split("\n```", 1)[0]


Draft = Callable[[State | None], Sequence[File]]
"""Builds the files that depend on what is published already (card, history), for the given state."""


def release(
    repo: Repo,
    version: Version,
    content: Sequence[File],
    draft: Draft,
    *,
    owned: Callable[[str], bool],
    private: bool = False,
    dry_run: bool = False,
    create_pr: bool = False,
    started: float | None = None,
) -> Published:
    """Publish `content`, and what `draft` makes for the state it meets, as `version`.

    Args:
        repo: Where to.
        version: The version; its tag must be new, and no older than the newest one.
        content: The files that are the release, whatever is published already.
        draft: Makes the files that depend on what is published already; called again when the head moved.
        owned: Which files at the head belong to releases, and go when this one lacks them; others stay.
        private: Make a new repo private.
        dry_run: Build everything and send nothing.
        create_pr: Open a pull request instead; it makes no tag, and a merged one is tagged by the same call
            without this, or by `tag_merged`.
        started: When the command began, in seconds since the epoch; releases after it are concurrent.

    Raises:
        TagExistsError: The version is published, or claimed by a commit with other content.
        InputError: The version goes back.
        HubError: The Hub refused or could not be reached; nothing is published, or the message says what is
        missing.
    """
    started = time.time() if started is None else started
    digest = digest_of(content)
    if dry_run:
        return _preview(repo, version, content, draft, digest, started)
    user = repo.check_access()
    state = repo.state()
    _check_version(repo, version, state, digest, started)
    if state is None and create_pr:
        raise InputError(
            f"there is no {repo.repo_type} {repo.repo_id} to open a pull request in{repo.other_type()}; check "
            "the id, or publish without --create-pr"
        )
    if state is None:
        _files(content, draft, state)  # what cannot be rendered leaves no empty repo behind
        repo.create(private=private)
    elif private and not state.private:
        raise InputError(
            f"{repo.repo_id} is public already; publish without --private, or make it private on the Hub "
            "first"
        )
    proposer = user if create_pr else None
    return again(_attempt)(repo, version, content, draft, owned, digest, started, proposer)


def require_ours(repo: Repo, state: State | None, mark: str) -> None:
    """Refuse a repo with files that lema_hub did not publish; releases are known by the file `mark`.

    Raises:
        HubError: There are such files.
    """
    if state is None or mark in state.files:
        return
    foreign = sorted(path for path in state.files if path not in (".gitattributes", CARD))
    if foreign:
        raise HubError(
            f"{repo.repo_id} holds {foreign[0]!r}, which lema_hub did not publish; nothing is "
            "overwritten: choose another id"
        )


def _preview(
    repo: Repo, version: Version, content: Sequence[File], draft: Draft, digest: str, started: float
) -> Published:
    try:
        state = repo.state()
    except HubError as error:
        logger.warning("%s; previewed as the first version", error)
        state = None
    _check_version(repo, version, state, digest, started)
    files = _files(content, draft, state)
    return _published(repo, version, None, files, _sent(_changed(files, state), state))


def _attempt(
    repo: Repo,
    version: Version,
    content: Sequence[File],
    draft: Draft,
    owned: Callable[[str], bool],
    digest: str,
    started: float,
    proposer: str | None,
) -> Published:
    state = repo.state()
    if state is None:
        raise HubError(f"{repo.repo_id} vanished while publishing; run the same command again")
    claim = _check_version(repo, version, state, digest, started)
    if claim is not None:
        if proposer is not None:
            raise InputError(
                f"{repo.repo_id} holds {version.tag} already and lacks only its tag (commit {claim.commit[:8]}); "
                f"who may write there runs `lema publish tag {repo.repo_id}`"
            )
        _check_merged(repo, version, claim)
        _tag(repo, version, claim.commit)
        files = _files(content, draft, state)
        return _published(repo, version, claim.commit, files, 0, finished=True)
    files = _files(content, draft, state)
    changed = _changed(files, state)
    gone = [path for path in state.files if owned(path) and path not in {file.path for file in files}]
    if proposer is not None:
        return _propose(repo, version, files, changed, gone, state, digest, proposer)
    if not changed and not gone:
        # A merge whose title was edited: the head is this release, though no commit says so.
        _tag(repo, version, state.head)
        return _published(repo, version, state.head, files, 0, finished=True)
    commit, _ = _commit(repo, version, changed, gone, state.head, claim_text(version.tag, digest))
    _tag(repo, version, commit)
    return _published(repo, version, commit, files, _sent(changed, state))


def _propose(
    repo: Repo,
    version: Version,
    files: Sequence[File],
    changed: Sequence[File],
    gone: Sequence[str],
    state: State,
    digest: str,
    proposer: str,
) -> Published:
    """The open pull request of this very release, or a new one.

    All that is to be said stands in its commit, so nothing can be interrupted between the two.
    """
    if not changed and not gone:
        raise InputError(
            f"the head of {repo.repo_id} holds exactly this; there is nothing to propose, only {version.tag} to make "
            "by who may write there"
        )
    claim = claim_text(version.tag, digest)
    pull = find_open(repo, proposer, f"Release {version}", claim)
    if pull is None:
        text = (
            f"{claim}\n\nA pull request has no tag. After the merge, `lema publish tag {repo.repo_id}` makes "
            f"{version.tag}."
        )
        commit, url = _commit(repo, version, changed, gone, state.head, text, create_pr=True)
        sent = _sent(changed, state)
    else:
        commit, url, sent = pull.commit, pull.url, 0
    url = url or repo.url
    made = _published(repo, version, commit, files, sent, finished=pull is not None)
    return dataclasses.replace(made, url=url, pull_request=url)


def _check_merged(repo: Repo, version: Version, claim: Claim) -> None:
    """Refuse to tag a merge that is not what was proposed."""
    if claim.proposal is None:
        return
    merged = repo.oids(claim.commit)
    other = [path for path, oid in repo.oids(claim.proposal).items() if merged.get(path) != oid]
    if other:
        raise HubError(
            f"commit {claim.commit[:8]} of {repo.repo_id} is not what {claim.proposal} proposed (it differs in "
            f"{other[0]}), so it does not become {version.tag}; publish another version"
        )


@patient
def tag_merged(
    repo_id: str,
    *,
    repo_type: RepoType | None = None,
    version: str | None = None,
    api: HfApi | None = None,
) -> tuple[Repo, Version, str]:
    """Tag a release whose pull request was merged, after a look that the merge is what was proposed.

    Args:
        repo_id: `namespace/name`.
        repo_type: Its type; by default what the Hub has under that name.
        version: Which release; by default the only one that lacks its tag.
        api: The Hub and token to use instead of the clients' own.

    Returns:
        The repo, the version and the commit that its tag stands for.

    Raises:
        InputError: No release lacks its tag, or several do.
        HubError: The Hub refused or could not be reached, or the merge is not what was proposed.
    """
    from lema_hub.hub.pull import find

    repo, state = find(repo_id, repo_type, api)
    repo.check_access()
    waiting = [number for number in versions.of_tags(state.claims) if number.tag not in state.tags]
    listed = ", ".join(map(str, waiting)) or "none"
    wanted = versions.parse(version) if version is not None else None
    if wanted is None and len(waiting) == 1:
        wanted = waiting[0]
    if wanted is None or wanted not in waiting:
        raise InputError(
            f"{repo_id} has no single release to tag (merged, without a tag: {listed}); name one with --version"
        )
    claim = state.claims[wanted.tag]
    _check_merged(repo, wanted, claim)
    _tag(repo, wanted, claim.commit)
    return repo, wanted, claim.commit


def _files(content: Sequence[File], draft: Draft, state: State | None) -> list[File]:
    """Everything that the release holds, for the given state."""
    files = [*content, *draft(state)]
    if len(files) > _MAX_FILES:
        raise InputError(
            f"{len(files)} files in one release; the Hub wants at most {_MAX_FILES} in a commit: merge splits"
        )
    return files


def _check_version(
    repo: Repo, version: Version, state: State | None, digest: str, started: float
) -> Claim | None:
    """The commit that already holds this very release, if it only lacks its tag."""
    if state is None:
        return None
    claim = state.claims.get(version.tag)
    if version.tag in state.tags:
        raise TagExistsError(
            f"{repo.repo_id} has {version.tag} already (commit {state.tags[version.tag][:8]}); published "
            "versions never "
            f"change: publish {versions.of_tags(state.tags)[-1].bump('patch')} instead"
        )
    if claim is not None:
        if claim.digest != digest:
            raise TagExistsError(
                f"{version.tag} of {repo.repo_id} was begun with other content (commit "
                f"{claim.commit[:8]}); publish that "
                f"folder again to finish it, or publish this one as {version.bump('patch')}"
            )
        return claim
    newer = [
        other
        for other in versions.of_tags(state.tags)
        if other > version and not _concurrent(other, state, started)
    ]
    if newer:
        raise InputError(
            f"version {version} goes back: {repo.repo_id} is at {newer[-1]}; publish "
            f"{newer[-1].bump('patch')} or later"
        )
    return None


def _concurrent(other: Version, state: State, started: float) -> bool:
    """Whether a version was released after this command began; the Hub's times are whole seconds."""
    claim = state.claims.get(other.tag)
    return claim is not None and claim.committed.timestamp() >= int(started)


def _changed(files: Sequence[File], state: State | None) -> list[File]:
    remote = {} if state is None else state.files
    return [file for file in files if file.path not in remote or not file.same_as(remote[file.path].oid)]


def _sent(changed: Sequence[File], state: State | None) -> int:
    """Bytes of the files whose content the head has under no name."""
    known = {remote.oid for remote in state.files.values()} if state else set()
    return sum(file.size for file in changed if file.sha256 not in known)


def _commit(
    repo: Repo,
    version: Version,
    changed: Sequence[File],
    gone: Sequence[str],
    parent: str,
    text: str,
    *,
    create_pr: bool = False,
) -> tuple[str, str | None]:
    """Make the commit, and return its id and the address of its pull request."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    operations: list[CommitOperationAdd | CommitOperationDelete] = [
        *(CommitOperationAdd(path_in_repo=file.path, path_or_fileobj=file.source) for file in changed),
        *(CommitOperationDelete(path_in_repo=path) for path in gone),
    ]
    with repo.explained():
        info = repo.api.create_commit(
            repo.repo_id,
            operations,
            repo_type=repo.repo_type,
            commit_message=f"Release {version}",
            commit_description=text,
            parent_commit=parent,
            create_pr=create_pr,
        )
    return str(info.oid), info.pr_url


def _tag(repo: Repo, version: Version, commit: str) -> None:
    from huggingface_hub.errors import HfHubHTTPError

    try:
        with repo.explained():
            try:
                repo.api.create_tag(repo.repo_id, tag=version.tag, revision=commit, repo_type=repo.repo_type)
            except HfHubHTTPError as error:
                if error.response.status_code != 409:
                    raise
                state = repo.state()
                if state is None or state.tags.get(version.tag) != commit:
                    raise TagExistsError(
                        f"{version.tag} of {repo.repo_id} was made by somebody else just now"
                    ) from error
    except (TagExistsError, SlowDownError):
        raise
    except HubError as error:
        raise HubError(
            f"commit {commit[:8]} is there, its tag {version.tag} is not: run the same command again "
            f"({error})"
        ) from error


def _published(
    repo: Repo,
    version: Version,
    commit: str | None,
    files: Sequence[File],
    sent: int,
    finished: bool = False,
) -> Published:
    card = next(file.source for file in files if file.path == CARD)
    return Published(
        repo_id=repo.repo_id,
        repo_type=repo.repo_type,
        version=str(version),
        commit=commit,
        url=f"{repo.url}/tree/{version.tag}",
        files={file.path: file.size for file in files},
        bytes=sent,
        card=card.decode() if isinstance(card, bytes) else card.read_text(encoding="utf-8"),
        finished=finished,
    )

"""A release: one commit on the head that it was built for, and one new tag.

The commit says in its description which tag it is for and what its content hashes to, so that a publish that was
interrupted is finished by the same command, wherever it stopped, and so that two publishers of one version cannot
both win: the first commit owns the version. A head that moved is met by building the commit again, never by force.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lema_hub.artifacts import history
from lema_hub.artifacts.files import File, digest_of
from lema_hub.artifacts.history import History
from lema_hub.cards import templates
from lema_hub.errors import HubError, InputError, TagExistsError
from lema_hub.hub import versions
from lema_hub.hub.options import PublishOptions
from lema_hub.hub.pull_requests import find_open
from lema_hub.hub.repo import Claim, Repo, State, claim_text
from lema_hub.hub.retry import again
from lema_hub.hub.secrets import check_secrets
from lema_hub.hub.tags import check_merged, make_tag
from lema_hub.hub.versions import Version
from lema_hub.snapshots import RepoType

logger = logging.getLogger(__name__)

CARD = "README.md"
_MAX_FILES = 100


@dataclass(frozen=True, slots=True)
class Published:
    """What was published; `bytes` counts new content, `commit` is None after a dry run.

    `files` maps each path of the release to its size. `finished` says that the commit was there already: its tag was
    missing, or nothing was. `pull_request` is the address of a proposal, which has no tag yet.
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
    options: PublishOptions,
    content: Sequence[File],
    draft: Draft,
    *,
    owned: Callable[[str], bool],
) -> Published:
    """Publish `content`, and what `draft` makes for the state it meets, as a version.

    Args:
        repo: Where to.
        options: The version, whose tag must be new or this very release's, and how to publish it.
        content: The files that are the release, whatever is published already.
        draft: Makes the files that depend on what is published already; called again when the head moved.
        owned: Which files at the head belong to releases, and go when this one lacks them; others stay.

    Raises:
        TagExistsError: The version is published, or claimed by a commit, with other content.
        InputError: The version goes back, or a file holds a secret.
        HubError: The Hub refused or could not be reached; nothing is published, or the message says what is
            missing.
    """
    check_secrets(content)
    job = _Job(repo, options.number, tuple(content), draft, owned, digest_of(content), options.started)
    if options.dry_run:
        return job.preview()
    user = repo.check_access()
    state = repo.state()
    job.check_version(state)
    if state is None and options.create_pr:
        raise InputError(
            f"there is no {repo.repo_type} {repo.repo_id} to open a pull request in{repo.other_type()}; check "
            "the id, or publish without --create-pr"
        )
    if state is None:
        job.files(state)  # what cannot be rendered leaves no empty repo behind
        repo.create(private=options.private)
    elif options.private and not state.private:
        raise InputError(
            f"{repo.repo_id} is public already; publish without --private, or make it private on the Hub first"
        )
    return again(job.attempt)(user if options.create_pr else None)


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


def past_of(repo: Repo, state: State | None) -> History:
    """The versions that a repo names at its head.

    Raises:
        InputError: Their file cannot be read.
        HubError: The Hub refused or could not be reached.
    """
    return history.read_history(repo.text(state, history.FILE_NAME))


def with_entry(
    past: History, version: Version | str, rows: int, changes: Sequence[str]
) -> tuple[History, File]:
    """The history with one more version on top, and its file."""
    entry = history.Release(
        version=str(version), rows=rows, changes=tuple(changes), made_with=templates.maker()
    )
    now = past.with_release(entry)
    return now, File(history.FILE_NAME, now.to_json().encode())


@dataclass(frozen=True, slots=True)
class _Job:
    """One release on its way; `digest` is the hash of its content."""

    repo: Repo
    version: Version
    content: tuple[File, ...]
    draft: Draft
    owned: Callable[[str], bool]
    digest: str
    started: float

    def preview(self) -> Published:
        try:
            state = self.repo.state()
        except HubError as error:
            logger.warning("%s; previewed as the first version", error)
            state = None
        self.check_version(state)
        files = self.files(state)
        return self.published(None, files, _sent(_changed(files, state), state))

    def attempt(self, proposer: str | None) -> Published:
        """The release on the head as it is now; `proposer` opens a pull request."""
        state = self.repo.state()
        if state is None:
            raise HubError(f"{self.repo.repo_id} vanished while publishing; run the same command again")
        claim = self.check_version(state)
        if claim is not None:
            return self.finish(claim, state, proposer)
        files = self.files(state)
        changed = _changed(files, state)
        paths = {file.path for file in files}
        gone = [path for path in state.files if self.owned(path) and path not in paths]
        if proposer is not None:
            return self.propose(files, changed, gone, state, proposer)
        if not changed and not gone:
            # A merge whose title was edited: the head is this release, though no commit says so.
            make_tag(self.repo, self.version, state.head)
            return self.published(state.head, files, 0, finished=True)
        commit, _ = self.commit(changed, gone, state.head, claim_text(self.version.tag, self.digest))
        make_tag(self.repo, self.version, commit)
        return self.published(commit, files, _sent(changed, state))

    def finish(self, claim: Claim, state: State, proposer: str | None) -> Published:
        """This very release is on the Hub already; it lacks its tag at most."""
        repo, tag = self.repo, self.version.tag
        if proposer is not None and tag in state.tags:
            raise TagExistsError(
                f"{repo.repo_id} has {tag} already, with exactly this content (commit {claim.commit[:8]}); there is "
                "nothing to propose"
            )
        if proposer is not None:
            raise InputError(
                f"{repo.repo_id} holds {tag} already and lacks only its tag (commit {claim.commit[:8]}); who may "
                f"write there runs `lema publish tag {repo.repo_id}`"
            )
        if tag not in state.tags:
            check_merged(repo, self.version, claim)
            make_tag(repo, self.version, claim.commit)
        return self.published(claim.commit, self.files(state), 0, finished=True)

    def propose(
        self,
        files: Sequence[File],
        changed: Sequence[File],
        gone: Sequence[str],
        state: State,
        proposer: str,
    ) -> Published:
        """The open pull request of this very release, or a new one.

        Everything about it is in its commit, so nothing can be interrupted between the two.
        """
        repo, tag = self.repo, self.version.tag
        if not changed and not gone:
            raise InputError(
                f"the head of {repo.repo_id} holds exactly this; there is nothing to propose: only its tag {tag} is "
                "missing, which needs a token that may write there"
            )
        claim = claim_text(tag, self.digest)
        pull = find_open(repo, proposer, f"Release {self.version}", claim)
        if pull is None:
            text = (
                f"{claim}\n\nA pull request has no tag. After the merge, `lema publish tag {repo.repo_id}` makes "
                f"{tag}."
            )
            commit, url = self.commit(changed, gone, state.head, text, create_pr=True)
            sent = _sent(changed, state)
        else:
            commit, url, sent = pull.commit, pull.url, 0
        url = url or repo.url
        made = self.published(commit, files, sent, finished=pull is not None)
        return dataclasses.replace(made, url=url, pull_request=url)

    def files(self, state: State | None) -> list[File]:
        """Everything that the release holds, for the given state."""
        drafted = self.draft(state)
        check_secrets(drafted)
        files = [*self.content, *drafted]
        if len(files) > _MAX_FILES:
            raise InputError(
                f"{len(files)} files in one release; the Hub wants at most {_MAX_FILES} in a commit: merge splits"
            )
        return files

    def check_version(self, state: State | None) -> Claim | None:
        """The commit that holds this very release already, with or without its tag."""
        if state is None:
            return None
        repo_id, version, tag = self.repo.repo_id, self.version, self.version.tag
        claim = state.claims.get(tag)
        if tag in state.tags:
            # The answer to an earlier request for the tag may have been lost on its way: that release is complete.
            if claim is not None and (claim.digest, claim.commit) == (self.digest, state.tags[tag]):
                return claim
            raise TagExistsError(
                f"{repo_id} has {tag} already (commit {state.tags[tag][:8]}), with other content; published versions "
                f"never change: publish {versions.of_tags(state.tags)[-1].bump('patch')} instead"
            )
        if claim is not None:
            if claim.digest != self.digest:
                raise TagExistsError(
                    f"{tag} of {repo_id} was begun with other content (commit {claim.commit[:8]}); publish that "
                    f"folder again to finish it, or publish this one as {version.bump('patch')}"
                )
            return claim
        newer = [
            other
            for other in versions.of_tags(state.tags)
            if other > version and not _concurrent(other, state, self.started)
        ]
        if newer:
            raise InputError(
                f"version {version} goes back: {repo_id} is at {newer[-1]}; publish {newer[-1].bump('patch')} or later"
            )
        return None

    def commit(
        self,
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
        with self.repo.explained():
            info = self.repo.api.create_commit(
                self.repo.repo_id,
                operations,
                repo_type=self.repo.repo_type,
                commit_message=f"Release {self.version}",
                commit_description=text,
                parent_commit=parent,
                create_pr=create_pr,
            )
        return self.repo.commit_id(info.oid), info.pr_url

    def published(
        self, commit: str | None, files: Sequence[File], sent: int, *, finished: bool = False
    ) -> Published:
        card = next(file.source for file in files if file.path == CARD)
        return Published(
            repo_id=self.repo.repo_id,
            repo_type=self.repo.repo_type,
            version=str(self.version),
            commit=commit,
            url=f"{self.repo.url}/tree/{self.version.tag}",
            files={file.path: file.size for file in files},
            bytes=sent,
            card=card.decode() if isinstance(card, bytes) else card.read_text(encoding="utf-8"),
            finished=finished,
        )


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

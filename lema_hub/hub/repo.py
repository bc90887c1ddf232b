"""One repo on a Hub: its head, tags and files.

Trap: the clients read HF_ENDPOINT and HF_HUB_DISABLE_XET once, at their import.
"""

from __future__ import annotations

import re
import tempfile
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lema_hub.errors import HubError, InputError
from lema_hub.hub.retry import patient
from lema_hub.snapshots import RepoType, explained

if TYPE_CHECKING:
    from datetime import datetime

    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import GitCommitInfo, RepoFile

T = TypeVar("T")

# The commit that a merge on the Hub makes: the title of the pull request and its number.
_MERGED = re.compile(r"Release (?P<version>\d+\.\d+\.\d+) \(#(?P<number>\d+)\)")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_CLAIM = re.compile(r"^lema-release: (?P<tag>v\d+\.\d+\.\d+) (?P<digest>[0-9a-f]{64})$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file at the head; `oid` is the SHA-256 of an LFS file and the git SHA-1 of a regular one."""

    oid: str
    size: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A commit that says which release it is: `digest` is the hash of the released files.

    A commit that merged a pull request has lost that line; `proposal` is the ref that still has it.
    """

    commit: str
    digest: str
    committed: datetime
    proposal: str | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What a repo holds at one moment; `claims` are the tags that commits were made for."""

    head: str
    private: bool
    tags: dict[str, str]
    files: dict[str, RemoteFile]
    claims: dict[str, Claim]


def claim_text(tag: str, digest: str) -> str:
    """The line of a commit's description by which `state` finds a release again."""
    return f"lema-release: {tag} {digest}"


@dataclass(frozen=True, slots=True)
class Repo:
    """A repo on the Hub that `api` points at."""

    api: HfApi
    repo_id: str
    repo_type: RepoType

    @classmethod
    def at(cls, repo_id: str, repo_type: RepoType, api: HfApi | None = None) -> Repo:
        """The repo of that id on the given Hub, or on the one that the clients are set to.

        Raises:
            InputError: The id is not valid.
        """
        from huggingface_hub import HfApi
        from huggingface_hub.utils._validators import validate_repo_id

        repo = cls(api or HfApi(library_name="lema_hub"), repo_id, repo_type)
        with repo.explained():
            validate_repo_id(repo_id)
        if repo_id.count("/") != 1:
            raise InputError(
                f"{repo_id!r} is not a repo id; expected namespace/name, as in lema/lema-corrections"
            )
        return repo

    @property
    def url(self) -> str:
        """The repo's page."""
        prefix = "" if self.repo_type == "model" else f"{self.repo_type}s/"
        return f"{self.api.endpoint}/{prefix}{self.repo_id}"

    @patient
    def check_access(self) -> str:
        """See that the server answers and the token may write, and return the name of its user.

        Raises:
            HubError: No server, no token, a wrong one, or a read-only one.
        """
        from huggingface_hub.errors import LocalTokenNotFoundError

        with self.explained():
            try:
                user = self.api.whoami()
            except LocalTokenNotFoundError as error:
                raise HubError(
                    f"no token for {self.api.endpoint}; set HF_TOKEN to one that may write, or run `hf "
                    "auth login`"
                ) from error
        name = self.checked(user, dict, "an account").get("name")
        part: Any = user
        for key in ("auth", "accessToken"):
            part = part.get(key) if isinstance(part, dict) else None
        if isinstance(part, dict) and part.get("role") == "read":
            raise HubError(
                f"the token of {name!r} may only read; publishing {self.repo_id} needs one that may write: make one "
                "in the Hub's settings and set HF_TOKEN"
            )
        return self.checked(name, str, "the name of an account")

    @patient
    def create(self, *, private: bool) -> None:
        """Make the repo unless it is there."""
        with self.explained():
            self.api.create_repo(
                self.repo_id, repo_type=self.repo_type, private=private or None, exist_ok=True
            )

    @patient
    def state(self) -> State | None:
        """What the repo holds now, or None if there is no such repo."""
        from huggingface_hub import RepoFile
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

        kind: dict[str, Any] = {"repo_id": self.repo_id, "repo_type": self.repo_type}
        with self.explained():
            try:
                info = self.api.repo_info(**kind)
            except GatedRepoError:
                raise
            except RepositoryNotFoundError:
                return None
            refs = self.api.list_repo_refs(**kind)
            head = self.commit_id(info.sha)
            tree = self.api.list_repo_tree(**kind, revision=head, recursive=True)
            files = {
                self.checked(item.path, str, "a path"): self._file(item)
                for item in tree
                if isinstance(item, RepoFile)
            }
            claims: dict[str, Claim] = {}
            # Oldest last: the first commit that claimed a tag keeps it.
            for commit in self.commits(head):
                for match in _CLAIM.finditer(commit.message):
                    claims[match["tag"]] = Claim(commit.commit_id, match["digest"], commit.created_at)
                merged = _MERGED.fullmatch(commit.title)
                if merged is not None and f"v{merged['version']}" not in claims:
                    tag, ref = f"v{merged['version']}", f"refs/pr/{merged['number']}"
                    digest = self.proposed(ref).get(tag)
                    if digest is not None:
                        claims[tag] = Claim(commit.commit_id, digest, commit.created_at, ref)
        return State(
            head=head,
            private=bool(info.private),
            tags={
                self.checked(tag.name, str, "a tag"): self.commit_id(tag.target_commit) for tag in refs.tags
            },
            files=files,
            claims=claims,
        )

    def _file(self, item: RepoFile) -> RemoteFile:
        oid = item.lfs.sha256 if item.lfs else item.blob_id
        return RemoteFile(self.checked(oid, str, "a hash"), self.checked(item.size, int, "a size"))

    def commits(self, revision: str) -> list[GitCommitInfo]:
        """The commits of a revision, the newest first.

        Raises:
            HubError: The Hub refused, could not be reached, or lists something else.
        """
        kind: dict[str, Any] = {"repo_id": self.repo_id, "repo_type": self.repo_type}
        with self.explained():
            found = self.api.list_repo_commits(**kind, revision=revision)
        for commit in found:
            self.commit_id(commit.commit_id)
            self.checked(commit.title, str, "a title")
            self.checked(commit.message, str, "a message")
        return found

    def checked(self, value: Any, kind: type[T], what: str) -> T:
        """A value of the Hub's answer that is what it should be.

        Raises:
            HubError: It is of another type.
        """
        if isinstance(value, kind):
            return value
        raise HubError(
            f"{self.api.endpoint} gives {what} of {self.repo_id} as {value!r:.60}; it is not a Hub to rely on: check "
            "HF_ENDPOINT"
        )

    def commit_id(self, value: Any) -> str:
        """The id of a commit, from the Hub's answer.

        Raises:
            HubError: It is not a hash.
        """
        if isinstance(value, str) and _COMMIT.fullmatch(value):
            return value
        return self.checked([value], str, "a commit")  # never text: an error

    def proposed(self, ref: str) -> dict[str, str]:
        """The releases that a pull request proposes: the digest of each by its tag."""
        from huggingface_hub.errors import RevisionNotFoundError

        try:
            found = self.api.list_repo_commits(self.repo_id, repo_type=self.repo_type, revision=ref)
        except RevisionNotFoundError:
            return {}
        newest = self.checked(found[0].message, str, "a message") if found else ""
        return {match["tag"]: match["digest"] for match in _CLAIM.finditer(newest)}

    @patient
    def text(self, state: State | None, path: str, *, revision: str | None = None) -> str | None:
        """The text of a file at the head or a revision, or None if the head has no such file."""
        if state is None or path not in state.files:
            return None
        with self.explained(), tempfile.TemporaryDirectory(prefix="lema-text-") as folder:
            local = self.api.hf_hub_download(
                self.repo_id,
                path,
                repo_type=self.repo_type,
                revision=revision or state.head,
                local_dir=folder,
            )
            try:
                return Path(local).read_text(encoding="utf-8")
            except UnicodeDecodeError as error:
                raise HubError(
                    f"{path} of {self.repo_id} is not text in UTF-8; publish to another repo, or repair it"
                ) from error

    def oids(self, revision: str) -> dict[str, str]:
        """The git id of every file at a revision."""
        from huggingface_hub import RepoFile

        with self.explained():
            tree = self.api.list_repo_tree(
                self.repo_id, repo_type=self.repo_type, revision=revision, recursive=True
            )
            return {
                self.checked(item.path, str, "a path"): self.checked(item.blob_id, str, "a hash")
                for item in tree
                if isinstance(item, RepoFile)
            }

    def other_type(self) -> str:
        """What the Hub has under this id that is of another type, in words; nothing if there is nothing."""
        kinds: tuple[RepoType, ...] = ("dataset", "model", "space")
        with self.explained():
            found = [
                kind
                for kind in kinds
                if kind != self.repo_type and self.api.repo_exists(self.repo_id, repo_type=kind)
            ]
        return f" ({self.repo_id} is a {found[0]})" if found else ""

    def explained(self) -> AbstractContextManager[None]:
        """Turn whatever the client raises into an error of ours (`lema_hub.snapshots.explained`)."""
        return explained(self.repo_id, repo_type=self.repo_type, endpoint=self.api.endpoint)

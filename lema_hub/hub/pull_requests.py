"""Pull requests of our own: found again, so that the same command does not open a second one.

The Hub has no idempotency key. The commit of a proposal says in its description what it is (a release and the
hash of its content, or a hash of scores), and that line is looked for before another one is opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lema_hub.errors import InputError
from lema_hub.hub.repo import Repo


@dataclass(frozen=True, slots=True)
class PullRequest:
    """An open pull request: its number, its address and its newest commit."""

    number: int
    url: str
    commit: str


def find_open(repo: Repo, author: str, title: str, mark: str) -> PullRequest | None:
    """The open pull request of that author and title whose newest commit carries the line `mark`.

    Raises:
        InputError: One of that title carries another line, or conflicts with the head by now.
        HubError: The Hub refused or could not be reached.
    """
    kind: dict[str, Any] = {"repo_id": repo.repo_id, "repo_type": repo.repo_type}
    with repo.explained():
        listed = list(
            repo.api.get_repo_discussions(
                **kind, author=author, discussion_type="pull_request", discussion_status="open"
            )
        )
        for found in listed:
            if found.title != title or found.author != author or found.git_reference is None:
                continue
            commits = repo.commits(repo.checked(found.git_reference, str, "a pull request's branch"))
            if not commits or mark not in commits[0].message.splitlines():
                raise InputError(
                    f"your pull request {found.url} ({title}) proposes other content; close it and run the same "
                    "command again"
                )
            if repo.api.get_discussion_details(**kind, discussion_num=found.num).conflicting_files:
                raise InputError(
                    f"your pull request {found.url} conflicts with what was published since; close it and run the "
                    "same command again"
                )
            return PullRequest(found.num, found.url, commits[0].commit_id)
    return None

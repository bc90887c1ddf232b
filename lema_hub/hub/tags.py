"""The tag of a release: what makes a commit a published version.

A tag never moves. It is made after its commit, so a release that was interrupted between the two, or merged from a
pull request, is a commit that lacks its tag.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lema_hub.errors import HubError, InputError, SlowDownError, TagExistsError
from lema_hub.hub import versions
from lema_hub.hub.pull import find
from lema_hub.hub.repo import Claim, Repo
from lema_hub.hub.retry import patient
from lema_hub.hub.versions import Version
from lema_hub.snapshots import RepoType

if TYPE_CHECKING:
    from huggingface_hub import HfApi


def make_tag(repo: Repo, version: Version, commit: str) -> None:
    """Tag a commit as a version; the tag may be there already if it stands for that commit.

    Raises:
        TagExistsError: The tag stands for another commit.
        HubError: The Hub refused or could not be reached.
    """
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
            f"commit {commit[:8]} is there, its tag {version.tag} is not: run the same command again ({error})"
        ) from error


def check_merged(repo: Repo, version: Version, claim: Claim) -> None:
    """Refuse to tag a merge that is not what was proposed.

    Raises:
        HubError: The merge differs from the pull request, or the Hub could not be reached.
    """
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
    """Tag a release whose pull request was merged, if the merge is what was proposed.

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
    check_merged(repo, wanted, claim)
    make_tag(repo, wanted, claim.commit)
    return repo, wanted, claim.commit

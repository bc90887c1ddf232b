"""Files of a Hub repository at one commit: what training reads from a Hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from lema_hub.engines.noise import loading
from lema_hub.errors import HubError


def snapshot(
    repo: str, revision: str | None, *, repo_type: Literal["model", "dataset"], patterns: Sequence[str]
) -> tuple[Path, str]:
    """The folder of the matching files, and the commit that `revision` stands for.

    Endpoint, token and cache come from the client's own places (HF_ENDPOINT, HF_TOKEN, HF_HOME).

    Raises:
        HubError: The repository or the revision does not exist, or the Hub cannot be reached.
    """
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    at = f"{repo_type} {repo!r} at {constants.ENDPOINT}"
    try:
        with loading(f"{repo_type} {repo}"):
            folder = Path(
                snapshot_download(repo, repo_type=repo_type, revision=revision, allow_patterns=list(patterns))
            )
    except GatedRepoError as error:
        raise HubError(f"{at} is gated; accept its terms on its page and set HF_TOKEN") from error
    except RevisionNotFoundError as error:
        raise HubError(f"{at} has no revision {revision!r}; give one of its tags or commits") from error
    except RepositoryNotFoundError as error:
        raise HubError(f"{at} does not exist or is private; check the id, or set HF_TOKEN") from error
    except LocalEntryNotFoundError as error:
        raise HubError(
            f"{at} cannot be reached and is not in the cache; check HF_ENDPOINT and the network"
        ) from error
    except (HfHubHTTPError, HFValidationError) as error:
        raise HubError(f"{at} cannot be read: {' '.join(str(error).split())[:200]}") from error
    return folder, folder.name

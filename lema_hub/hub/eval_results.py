"""Scores as the Hub shows them: `.eval_results/*.yaml` of a model repo, one file per task and metric.

Format: https://huggingface.co/docs/hub/eval-results. A value is a share (0 to 1), as in the card's
`model-index`; what the format has no key for (items, standard error, who judged) is in the notes. Scores
that are sent to somebody else's repo go there as a pull request.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from lema_hub.artifacts.files import File, digest_of
from lema_hub.artifacts.scores import EvalResult
from lema_hub.artifacts.training import Result
from lema_hub.errors import InputError
from lema_hub.hub.pull_requests import find_open
from lema_hub.hub.repo import Repo
from lema_hub.hub.retry import again
from lema_hub.hub.secrets import check_secrets

if TYPE_CHECKING:
    from huggingface_hub import HfApi

FOLDER = ".eval_results/"


@dataclass(frozen=True, slots=True)
class Sent:
    """Where scores went: the commit or pull request, and the files with their texts."""

    repo_id: str
    url: str | None
    files: dict[str, str]


def require_whole(result: EvalResult) -> None:
    """Refuse a run that scored only some items.

    Raises:
        InputError: It did.
    """
    if result.limit is not None:
        raise InputError(
            f"the run scored only {result.limit} items of each task; score all of them to publish"
        )


def results_of(result: EvalResult) -> list[Result]:
    """The scores of a run as a model's card and page state them.

    Raises:
        InputError: The run scored only some items.
    """
    require_whole(result)
    return [
        Result(
            task=score.task,
            repo=score.repo,
            revision=score.revision,
            config=score.config,
            split=score.split,
            metric="pass@1",
            value=score.pass_at_1,
            stderr=score.stderr,
            n=score.n,
        )
        for score in result.scores
        if score.stderr is not None
    ]


def result_files(results: Sequence[Result]) -> dict[str, str]:
    """The files of some scores, by path; scores on no published dataset are left out."""
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    files: dict[str, str] = {}
    for result in results:
        if "/" not in result.repo:
            continue
        entry = EvalResultEntry(
            dataset_id=result.repo,
            task_id=result.task,
            value=result.value,
            dataset_revision=result.revision,
            notes=(
                f"{result.metric} of {result.n} items of split {result.split} (config {result.config}), "
                "standard "
                f"error {result.stderr:.4f}; answers compared by lema_hub"
            ),
        )
        path = f"{FOLDER}{_slug(result.task)}-{_slug(result.metric)}.yaml"
        if path in files:
            raise InputError(f"two scores are {result.metric} of {result.task}; publish one of them")
        files[path] = yaml.safe_dump(
            eval_result_entries_to_yaml([entry]), sort_keys=False, allow_unicode=True
        )
    return files


def publish_results(
    repo_id: str,
    results: Sequence[Result],
    *,
    create_pr: bool = False,
    dry_run: bool = False,
    api: HfApi | None = None,
) -> Sent:
    """Send scores to a model repo, as a commit or, to somebody else's, as a pull request.

    Args:
        repo_id: The model that was scored.
        results: Its scores.
        create_pr: Open a pull request instead of committing.
        dry_run: Render everything, send nothing.
        api: The Hub and token to use instead of the clients' own.

    Raises:
        InputError: There is nothing to send, or no such model.
        HubError: The Hub refused or could not be reached.
    """
    from huggingface_hub import CommitOperationAdd

    files = result_files(results)
    if not files:
        raise InputError(
            f"none of {len(results)} scores is on a published dataset; score on a task that has a repo"
        )
    check_secrets(File(path, text.encode()) for path, text in files.items())
    repo = Repo.at(repo_id, "model", api)
    if dry_run:
        return Sent(repo_id, None, files)
    user = repo.check_access()
    title = f"Add scores: {', '.join(sorted({result.task for result in results}))}"
    mark = f"lema-scores: {digest_of([File(path, text.encode()) for path, text in files.items()])}"

    def attempt() -> Sent:
        state = repo.state()
        if state is None:
            raise InputError(
                f"there is no model {repo_id}{repo.other_type()}; publish it first, or check the id"
            )
        changed = [
            file
            for file in (File(path, text.encode()) for path, text in files.items())
            if file.path not in state.files or not file.same_as(state.files[file.path].oid)
        ]
        if not changed:
            return Sent(repo_id, f"{repo.url}/commit/{state.head}", files)
        pull = find_open(repo, user, title, mark) if create_pr else None
        if pull is not None:
            return Sent(repo_id, pull.url, files)
        with repo.explained():
            info = repo.api.create_commit(
                repo_id,
                [CommitOperationAdd(path_in_repo=file.path, path_or_fileobj=file.source) for file in changed],
                commit_message=title,
                commit_description=mark,
                parent_commit=state.head,
                create_pr=create_pr,
            )
        return Sent(repo_id, info.pr_url or str(info.commit_url), files)

    return again(attempt)()


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "score"

"""The checkpoints of a training run, each under a tag of its own: `v0.1.0-step-40`.

They lie on a branch beside `main`, so that loading the repo never gives one unless it is asked for. Each is one
commit, complete with card and record, and then its tag; a tag is what makes it published. A commit says which tag it
is for and what its files hash to, so that after a kill the same command continues where it stopped.
"""

from __future__ import annotations

import dataclasses
import logging
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any, Unpack

from lema_hub.artifacts import history
from lema_hub.artifacts.files import File, digest_of
from lema_hub.artifacts.history import History
from lema_hub.artifacts.model import ADAPTER_CONFIG, ADAPTER_WEIGHTS, NOTICE, TERMS, read_adapter
from lema_hub.artifacts.training import Training
from lema_hub.cards import model_cards, model_terms
from lema_hub.errors import HubError, InputError, TagExistsError
from lema_hub.hub.options import Keywords, PublishOptions
from lema_hub.hub.release import CARD, with_entry
from lema_hub.hub.repo import Repo
from lema_hub.hub.retry import again
from lema_hub.hub.secrets import check_secrets

logger = logging.getLogger(__name__)

BRANCH = "checkpoints"

_CLAIM = re.compile(r"^lema-checkpoint: (?P<tag>\S+) (?P<digest>[0-9a-f]{64})$", re.MULTILINE)


def publish_checkpoints(folder: Path, repo_id: str, **options: Unpack[Keywords]) -> dict[str, str]:
    """Publish every checkpoint of a run; those that are published already stay as they are.

    Args:
        folder: What `lema train` wrote, `checkpoints/` included.
        repo_id: `namespace/name`.
        **options: `PublishOptions`; the version is that of the run's final weights.

    Returns:
        The commit of every checkpoint, by its tag.

    Raises:
        InputError: The folder has no checkpoints, one of them cannot be published, or a dry run or a pull request
            is asked for.
        TagExistsError: A checkpoint of that tag is published with other content.
        HubError: The Hub refused or could not be reached.
    """
    chosen = PublishOptions(**options)
    if chosen.dry_run or chosen.create_pr:
        raise InputError("checkpoints go to a branch of your own repo; leave --dry-run and --create-pr out")
    number = chosen.number
    record = Training.read(folder)
    model_terms.check_name(record.license, repo_id)
    steps = _steps(folder)
    repo = Repo.at(repo_id, "model", chosen.api)
    published = {}
    with tempfile.TemporaryDirectory(prefix="lema-checkpoints-") as staging:
        made = {
            f"{number.tag}-step-{step}": _files(
                folder, checkpoint, step, record, f"{number}-step-{step}", repo_id, Path(staging) / str(step)
            )
            for step, checkpoint in steps.items()
        }  # all of them are checked before the first is sent
        for files in made.values():
            check_secrets(files)
        repo.check_access()
        repo.create(private=chosen.private)
        for tag, files in made.items():
            published[tag] = again(_publish)(repo, tag, files)
    return published


def claim_of(repo: Repo, tag: str, commit: str) -> str | None:
    """The digest that a checkpoint's commit claims for its files, None if it is not a checkpoint of that tag."""
    newest = repo.commits(commit)[:1]
    claims = {match["tag"]: match["digest"] for one in newest for match in _CLAIM.finditer(one.message)}
    return claims.get(tag)


def _steps(folder: Path) -> dict[int, Path]:
    """The folders of the whole checkpoints, by step, the oldest first."""
    found = {
        int(path.name.removeprefix("checkpoint-")): path
        for path in (folder / "checkpoints").glob("checkpoint-*")
        if path.name.removeprefix("checkpoint-").isdecimal() and (path / "trainer_state.json").is_file()
    }
    if not found:
        raise InputError(
            f"{str(folder)!r} has no checkpoints; train with save_every, or leave --all-checkpoints out"
        )
    return dict(sorted(found.items()))


def _files(
    folder: Path, checkpoint: Path, step: int, record: Training, version: str, repo_id: str, staging: Path
) -> list[File]:
    staging.mkdir(parents=True)
    for name in (ADAPTER_WEIGHTS, ADAPTER_CONFIG):
        if not (checkpoint / name).is_file():
            raise InputError(f"{str(checkpoint)!r} has no {name}; only checkpoints of adapters are published")
        shutil.copyfile(checkpoint / name, staging / name)
    for pattern in TERMS:
        for path in folder.glob(pattern):
            shutil.copyfile(path, staging / path.name)
    dataclasses.replace(record, checkpoint=step, results=()).write(
        staging
    )  # scores are those of the final weights
    model = read_adapter(staging)
    files = [File(name, staging / name) for name in model.files if name != NOTICE]
    if notice := model_terms.notice_of(record.license, staging):
        files.append(File(NOTICE, notice))
    past, log = with_entry(History(versions=()), version, model.parameters, [f"checkpoint at step {step}"])
    files.append(log)
    names = [file.path for file in files]
    card = model_cards.model_card(model, repo_id=repo_id, version=version, files=names, history=past.versions)
    return [*files, File(CARD, card.encode())]


def _publish(repo: Repo, tag: str, files: list[File]) -> str:
    """The commit of a checkpoint: found, or made and tagged."""
    from huggingface_hub import CommitOperationAdd

    digest = digest_of([file for file in files if file.path not in (CARD, history.FILE_NAME)])
    kind: dict[str, Any] = {"repo_id": repo.repo_id, "repo_type": repo.repo_type}
    with repo.explained():
        repo.api.create_branch(**kind, branch=BRANCH, exist_ok=True)
        refs = repo.api.list_repo_refs(**kind)
    commits = repo.commits(BRANCH)
    claims = {
        match["tag"]: (commit.commit_id, match["digest"])
        for commit in commits
        for match in _CLAIM.finditer(commit.message)
    }
    commit, claimed = claims.get(tag, (None, None))
    tagged = next((ref.target_commit for ref in refs.tags if ref.name == tag), None)
    if (tagged is not None and tagged != commit) or (commit is not None and claimed != digest):
        raise TagExistsError(
            f"{repo.repo_id} has {tag} already, with other content; published checkpoints never change: publish this "
            "run as another version"
        )
    if commit is None:
        heads = {branch.name: branch.target_commit for branch in refs.branches}
        head = repo.commit_id(heads.get(BRANCH))
        with repo.explained():
            info = repo.api.create_commit(
                **kind,
                operations=[
                    CommitOperationAdd(path_in_repo=file.path, path_or_fileobj=file.source) for file in files
                ],
                commit_message=f"Checkpoint {tag}",
                commit_description=f"lema-checkpoint: {tag} {digest}",
                revision=BRANCH,
                parent_commit=head,
            )
        commit = repo.commit_id(info.oid)
    if tagged is None:
        try:
            with repo.explained():
                repo.api.create_tag(**kind, tag=tag, revision=commit, exist_ok=True)
        except HubError as error:
            raise HubError(
                f"commit {commit[:8]} is there, its tag {tag} is not: run the same command again ({error})"
            ) from error
        logger.info("%s %s (commit %s)", repo.repo_id, tag, commit[:8])
    return commit

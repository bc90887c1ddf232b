"""What happens while a model trains: progress, the loss curve, and checkpoints pushed and tagged.

`hub_strategy="every_save"` of transformers skips a save while a push is in flight and never tags; here every
checkpoint becomes one commit with its card and one tag `step-N` before training continues. They are on a separate
branch, so that loading the repository never gives an unfinished adapter by accident.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from lema_hub.artifacts.training import Loss
from lema_hub.cards import model_cards
from lema_hub.errors import HubError, InputError, TagExistsError
from lema_hub.hub.checkpoints import BRANCH
from lema_hub.train.backbones import Backbone

logger = logging.getLogger(__name__)

Progress = Callable[[int, int, float | None], None]
"""Called after every optimisation step with (steps done, steps in all, last mean loss)."""


class Curve(TrainerCallback):  # type: ignore[misc]
    """Keeps the logged losses and reports progress."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self.losses: list[Loss] = []

    def on_train_begin(self, _args: TrainingArguments, state: TrainerState, *_: Any, **__: Any) -> None:
        """Start with the curve of the checkpoint that the run resumes from."""
        self.losses = [Loss(step=row["step"], loss=row["loss"]) for row in state.log_history if "loss" in row]

    def on_log(
        self,
        _args: TrainingArguments,
        state: TrainerState,
        _control: TrainerControl,
        *,
        logs: dict[str, float],
        **_: Any,
    ) -> None:
        """Keep a point of the curve.

        Raises:
            InputError: The loss is not a finite number.
        """
        if "loss" in logs:
            if not math.isfinite(logs["loss"]):
                raise InputError(
                    f"the loss is {logs['loss']} at step {state.global_step}; "
                    f"lower learning_rate or max_grad_norm"
                )
            self.losses.append(Loss(step=state.global_step, loss=logs["loss"]))

    def on_step_end(
        self, _args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Report the step; the last one is always a point of the curve."""
        control.should_log = control.should_log or state.global_step == state.max_steps
        if self._progress is not None:
            last = self.losses[-1].loss if self.losses else None
            self._progress(state.global_step, state.max_steps, last)


class PushCheckpoints(TrainerCallback):  # type: ignore[misc]
    """Pushes every saved checkpoint as one commit of the branch `checkpoints`, with the tag `step-N`.

    Args:
        repo: The model repository; it is created if it does not exist.
        files: Names of the files of a checkpoint folder that are pushed.
        backbone: What the adapter is trained on, for the card.
    """

    def __init__(self, repo: str, *, files: tuple[str, ...], backbone: Backbone) -> None:
        self._repo = repo
        self._files = files
        self._backbone = backbone
        self._api = HfApi()

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, *_: Any, **__: Any) -> None:
        """Create the repository, so that a wrong token shows before the first step and not after hours.

        Raises:
            TagExistsError: The repository holds another run's checkpoints.
            HubError: The Hub refused or cannot be reached.
        """
        with _hub_errors(self._repo):
            self._api.create_repo(self._repo, exist_ok=True)
            self._api.create_branch(self._repo, branch=BRANCH, exist_ok=True)
            refs = self._api.list_repo_refs(self._repo)
        tags = [ref.name for ref in refs.tags if re.fullmatch(r"step-\d+", ref.name)]
        later = [tag for tag in tags if int(tag.removeprefix("step-")) > state.global_step]
        if later:
            raise TagExistsError(
                f"{self._repo} has the checkpoint {later[0]} already; push to another repository"
            )
        if state.global_step and f"step-{state.global_step}" not in tags:  # the run died while it pushed
            self._push(args, state)

    def on_save(self, args: TrainingArguments, state: TrainerState, *_: Any, **__: Any) -> None:
        """Push and tag the checkpoint that was just saved.

        Raises:
            HubError: The Hub refused or cannot be reached.
        """
        self._push(args, state)

    def _push(self, args: TrainingArguments, state: TrainerState) -> None:
        step = state.global_step
        tag = f"step-{step}"
        folder = Path(args.output_dir or "") / f"checkpoint-{step}"
        files: dict[str, Path | bytes] = {name: folder / name for name in self._files}
        files["README.md"] = self._card(state).encode()
        with _hub_errors(self._repo):
            commit = self._api.create_commit(
                self._repo,
                [
                    CommitOperationAdd(path_in_repo=name, path_or_fileobj=content)
                    for name, content in files.items()
                ],
                commit_message=f"Checkpoint at step {step}",
                revision=BRANCH,
            )
            self._api.create_tag(self._repo, tag=tag, revision=commit.oid)
        logger.info("pushed %s to %s as %s", folder.name, self._repo, tag)

    def _card(self, state: TrainerState) -> str:
        losses = [row["loss"] for row in state.log_history if "loss" in row]
        return model_cards.checkpoint_card(
            self._repo,
            step=state.global_step,
            steps=state.max_steps,
            base_model=self._backbone.repo,
            base_revision=self._backbone.revision,
            license_=self._backbone.license,
            loss=losses[-1] if losses else None,
            files=self._files,
        )


@contextmanager
def _hub_errors(repo: str) -> Iterator[None]:
    try:
        yield
    except (HfHubHTTPError, OSError) as error:
        text = " ".join(str(error).split())[:200]
        raise HubError(
            f"checkpoint could not be pushed to {repo}: {text}; check HF_ENDPOINT and HF_TOKEN"
        ) from error

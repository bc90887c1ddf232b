"""What happens while a model trains: progress, the loss curve, and checkpoints pushed and tagged.

`hub_strategy="every_save"` of transformers skips a save while a push is in flight and never tags; here every
checkpoint becomes one commit and one tag `step-N`, before training goes on.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from lema_hub.errors import HubError, InputError, TagExistsError
from lema_hub.hub.training import Loss

logger = logging.getLogger(__name__)

Progress = Callable[[int, int, float | None], None]
"""Called after every optimisation step with (steps done, steps in all, last mean loss)."""


class Curve(TrainerCallback):  # type: ignore[misc]
    """Keeps the logged losses and reports progress."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self.losses: list[Loss] = []

    def on_train_begin(self, _args: TrainingArguments, state: TrainerState, *_: Any, **__: Any) -> None:
        """Take up the curve of the checkpoint that a run goes on from."""
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
    """Pushes every saved checkpoint as one commit with the tag `step-N`.

    Args:
        repo: The model repository; it is created if it does not exist.
        files: Names of the files of a checkpoint folder that are pushed.
    """

    def __init__(self, repo: str, *, files: tuple[str, ...]) -> None:
        self._repo = repo
        self._files = files
        self._api = HfApi()

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, *_: Any, **__: Any) -> None:
        """Create the repository, so that a wrong token shows before the first step and not after hours.

        Raises:
            TagExistsError: The repository holds another run's checkpoints.
            HubError: The Hub refused or cannot be reached.
        """
        with _hub_errors(self._repo):
            self._api.create_repo(self._repo, exist_ok=True)
            refs = self._api.list_repo_refs(self._repo)
        tags = [ref.name for ref in refs.tags if re.fullmatch(r"step-\d+", ref.name)]
        later = [tag for tag in tags if int(tag.removeprefix("step-")) > state.global_step]
        if later:
            raise TagExistsError(
                f"{self._repo} has the checkpoint {later[0]} already; push to another repository"
            )
        if state.global_step and f"step-{state.global_step}" not in tags:  # the run died while it pushed
            self._push(args, state.global_step)

    def on_save(self, args: TrainingArguments, state: TrainerState, *_: Any, **__: Any) -> None:
        """Push and tag the checkpoint that was just saved.

        Raises:
            HubError: The Hub refused or cannot be reached.
        """
        self._push(args, state.global_step)

    def _push(self, args: TrainingArguments, step: int) -> None:
        tag = f"step-{step}"
        folder = Path(args.output_dir or "") / f"checkpoint-{step}"
        with _hub_errors(self._repo):
            commit = self._api.upload_folder(
                repo_id=self._repo,
                folder_path=folder,
                allow_patterns=list(self._files),
                commit_message=f"Checkpoint at step {step}",
            )
            self._api.create_tag(self._repo, tag=tag, revision=commit.oid)
        logger.info("pushed %s to %s as %s", folder.name, self._repo, tag)


@contextmanager
def _hub_errors(repo: str) -> Iterator[None]:
    try:
        yield
    except (HfHubHTTPError, OSError) as error:
        text = " ".join(str(error).split())[:200]
        raise HubError(
            f"checkpoint could not be pushed to {repo}: {text}; check HF_ENDPOINT and HF_TOKEN"
        ) from error

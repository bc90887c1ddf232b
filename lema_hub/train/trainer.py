"""TRL's SFTTrainer with our schedule in place of its own, and checkpoints that are whole or absent.

The trap: transformers writes `checkpoint-N` in place, so a kill leaves half a folder under the name that the next
start resumes from. Here the folder gets its name when it is complete.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader
from trl import SFTTrainer

from lema_hub.train.saving import whole


class ScheduledTrainer(SFTTrainer):  # type: ignore[misc]
    """An SFTTrainer that takes given micro-batches in order.

    Args:
        batches: Row numbers of every micro-batch.
        finish_save: Called with every folder that the model was saved to.
    """

    def __init__(
        self, *, batches: list[list[int]], finish_save: Callable[[Path], None], **options: Any
    ) -> None:
        self._batches = batches
        self._finish_save = finish_save
        self._saved_in: str | None = None
        super().__init__(**options)

    def get_train_dataloader(self) -> DataLoader[Any]:
        """The loader of the given micro-batches."""
        loader = DataLoader(
            self.train_dataset,
            batch_sampler=self._batches,
            collate_fn=self.data_collator,
            pin_memory=self.args.dataloader_pin_memory,
        )
        prepared: DataLoader[Any] = self.accelerator.prepare(loader)
        return prepared

    def create_model_card(self, **_: Any) -> None:
        """Write no card: TRL's knows nothing about the data and the scores."""

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        place = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        with whole(place) as made:
            self._saved_in = str(made.parent)
            super()._save_checkpoint(model, trial)
        self._saved_in = None

    def _get_output_dir(self, trial: Any) -> str:
        """The folder in which transformers makes `checkpoint-N`."""
        place: str = self._saved_in or super()._get_output_dir(trial)
        return place

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        super()._save(output_dir, state_dict)
        self._finish_save(Path(output_dir or self.args.output_dir))

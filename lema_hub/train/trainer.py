"""TRL's SFTTrainer, drawing the batches of our schedule instead of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader
from trl import SFTTrainer


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
        """Write none: TRL's card knows nothing of the data and the scores."""

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        super()._save(output_dir, state_dict)
        self._finish_save(Path(output_dir or self.args.output_dir))

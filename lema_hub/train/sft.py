"""Supervised fine-tuning of an adapter with TRL: from a recipe to a folder that can be published.

    train(recipe, out=Path("runs/nano-lema"))

`out` then holds `adapter_model.safetensors`, `adapter_config.json` (with the base model's published id and
revision), `training.json` (the record that a model card is made of) and `run.json` (what tells this run from
another one). A run that is finished is recognised by the digest of recipe, backbone and data, and not trained
again. A run that was interrupted resumes from its last whole checkpoint and ends with the same weights.

Traps: TRL casts the adapter of a quantised backbone to bfloat16, where AdamW's small updates are lost to
rounding: they are cast back to float32 here. PEFT writes the folder that the backbone was loaded from, and no
revision, into `adapter_config.json`; both are replaced.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lema_hub.artifacts.packages import installed
from lema_hub.artifacts.runs import RunFolder
from lema_hub.artifacts.training import DataUse, Training
from lema_hub.engines import pretrained
from lema_hub.engines.noise import quiet
from lema_hub.errors import InputError
from lema_hub.records import digest
from lema_hub.train import backbones, data, quantisation
from lema_hub.train.recipe import Recipe
from lema_hub.train.saving import finish_save, writing
from lema_hub.train.schedule import Schedule, plan

if TYPE_CHECKING:
    import torch
    import transformers
    from trl import SFTTrainer

    from lema_hub.train.callbacks import Curve, Progress

logger = logging.getLogger(__name__)

_PACKAGES = ("accelerate", "bitsandbytes", "datasets", "peft", "tokenizers", "torch", "transformers", "trl")
_PUSHED = ("adapter_model.safetensors", "adapter_config.json")
_NO_INFLUENCE = ("data", "backbone", "push_to")  # the digest has what they stand for


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResult:
    """A trained model: its folder, and what it took; `reused` if it had been trained before."""

    adapter: Path
    steps: int
    tokens: int
    final_loss: float
    seconds: float
    reused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Everything that is known before the first step; `digest` is the identity of the run."""

    backbone: backbones.Backbone
    tokenizer: transformers.PreTrainedTokenizerBase
    rows: data.Rows
    schedule: Schedule
    digest: str

    @property
    def loss_tokens(self) -> int:
        """How many of the tokens seen carry a loss."""
        rows = self.rows
        completions = [len(ids) - size for ids, size in zip(rows.ids, rows.prompt_lengths, strict=True)]
        return sum(completions[row] for batch in self.schedule.batches() for row in batch)


def prepare(recipe: Recipe, *, weights: bool = True) -> Prepared:
    """Read backbone and data, tokenise, and lay out every step.

    Args:
        recipe: The recipe.
        weights: False leaves the weights of a backbone that is on a Hub where they are.

    Raises:
        InputError: Backbone or data cannot be used.
        EngineError: The tokenizer cannot be loaded.
        HubError: A repository cannot be read.
    """
    backbone = backbones.resolve(recipe, weights=weights)
    tokenizer = pretrained.tokenizer(backbone.folder, name=recipe.backbone)
    rows = data.load(recipe.data, tokenizer, max_length=recipe.max_length, prompt=recipe.prompt)
    schedule = plan(
        rows.lengths,
        max_steps=recipe.max_steps,
        micro_batches=recipe.micro_batches,
        seed=recipe.seed,
        rows_per_step=recipe.rows_per_step,
        tokens_per_step=recipe.tokens_per_step,
    )
    decisive = {key: value for key, value in recipe.to_dict().items() if key not in _NO_INFLUENCE}
    identity = digest(1, decisive, backbone.digest, data.digest_of(rows.used))
    return Prepared(backbone=backbone, tokenizer=tokenizer, rows=rows, schedule=schedule, digest=identity)


def train(
    recipe: Recipe,
    *,
    out: Path,
    progress: Progress | None = None,
    command: str = "lema_hub.train.train",
    overwrite: bool = False,
) -> TrainResult:
    """Train what the recipe says into the folder `out`.

    Args:
        recipe: The recipe.
        out: Folder of the run.
        progress: Told after every optimisation step.
        command: What the record names as the command of this run.
        overwrite: Replace another run in `out`.

    Raises:
        InputError: Backbone or data cannot be used, or `out` holds another run or cannot be written.
        EngineError: The backbone cannot be loaded.
        HubError: A repository cannot be read or written.

    Example:
        >>> from pathlib import Path
        >>> import lema_hub
        >>> from lema_hub.train.shipped import recipe_path
        >>> changes = ["max_steps=2", "data=[{path: cot, config: nano}]"]  # what `write_dataset` wrote
        >>> trained = train(lema_hub.load_recipe(recipe_path("nano/nano-cot"), changes), out=Path("runs/cot"))
        >>> trained.steps
        2
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError(
            "training runs in one process on one device, WORLD_SIZE is set; start it without a launcher"
        )
    prepared = prepare(recipe)
    folder = RunFolder.at(out, identity=prepared.digest, overwrite=overwrite)
    if folder.finished:
        logger.info("%s is trained already (%s)", out, prepared.digest[:12])
        return _result(out, Training.read(out), reused=True)

    started = time.monotonic()
    with quiet(), _memory_errors():
        trainer, curve = build_trainer(recipe, prepared, out=out, progress=progress)
        last = folder.last_checkpoint()
        trainer.train(resume_from_checkpoint=None if last is None else str(last))
    with quiet(), writing(out):
        trainer.model.save_pretrained(out)
        if recipe.method == "full":
            prepared.tokenizer.save_pretrained(out)
        finish_save(out, prepared.backbone)

    schedule, used = prepared.schedule, prepared.rows.used
    record = Training(
        method=recipe.method,
        base_model=prepared.backbone.repo,
        base_revision=prepared.backbone.revision,
        license=prepared.backbone.license,
        command=command,
        recipe=_publishable(recipe, prepared),
        data=tuple(
            DataUse(
                repo=source.name,
                revision=source.revision,
                config=source.config,
                split=source.split,
                rows=source.kept,
                tokens=source.completion_tokens,
            )
            for source in used
        ),
        steps=trainer.state.global_step,
        tokens=schedule.tokens,
        seconds=round(time.monotonic() - started, 1),
        seed=recipe.seed,
        losses=tuple(curve.losses),
        packages=installed(*_PACKAGES),
        notes=tuple(note for source in used for note in source.notes()),
    )
    with writing(out):
        record.write(out)
        folder.finish(
            device=_device_name(trainer.args.device),
            rows_seen=schedule.rows,
            tokens_seen=schedule.tokens,
            loss_tokens_seen=prepared.loss_tokens,
            padded_tokens=schedule.padded_tokens,
            trainable_parameters=sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
            data=[asdict(source) for source in used],
            backbone=prepared.backbone.digest,
        )
    return _result(out, record, reused=False)


@contextmanager
def _memory_errors() -> Iterator[None]:
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        raise InputError(
            f"the device is out of memory ({_line(error)[:80]}); raise micro_batches, lower max_length or "
            "turn gradient_checkpointing on"
        ) from error


@quiet()
def build_trainer(
    recipe: Recipe, prepared: Prepared, *, out: Path, progress: Progress | None = None
) -> tuple[SFTTrainer, Curve]:
    """The trainer of a prepared run, ready to train, and the curve that it will fill.

    Raises:
        EngineError: The backbone cannot be loaded.
    """
    import torch
    from peft import LoraConfig
    from transformers import PrinterCallback, TrainerCallback
    from trl import SFTConfig

    from lema_hub.train.callbacks import Curve, PushCheckpoints
    from lema_hub.train.trainer import ScheduledTrainer

    on_gpu = torch.cuda.is_available()
    model = _model(recipe, prepared.backbone, on_gpu=on_gpu)
    curve = Curve(progress)
    callbacks: list[TrainerCallback] = [curve]
    if recipe.push_to is not None:
        callbacks.append(PushCheckpoints(recipe.push_to, files=_PUSHED, backbone=prepared.backbone))
    lora = LoraConfig(
        task_type="CAUSAL_LM",
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules="all-linear",
    )
    trainer = ScheduledTrainer(
        model=model,
        args=SFTConfig(
            output_dir=str(out / "checkpoints"),
            max_steps=recipe.max_steps,
            gradient_accumulation_steps=recipe.micro_batches,
            activation_checkpointing=recipe.gradient_checkpointing,
            learning_rate=recipe.learning_rate,
            lr_scheduler_type=recipe.schedule,
            warmup_steps=recipe.warmup_steps,
            # Paged optimizers exist on GPUs only; on a CPU it is the same AdamW, not paged.
            optim=recipe.optimizer if on_gpu else "adamw_torch",
            adam_beta2=recipe.beta2,
            weight_decay=recipe.weight_decay,
            max_grad_norm=recipe.max_grad_norm,
            bf16=_bfloat16(),
            use_cpu=not on_gpu,
            dataloader_pin_memory=on_gpu,
            pad_to_multiple_of=8 if on_gpu else None,
            seed=recipe.seed,
            save_strategy="no" if recipe.save_every is None else "steps",
            save_steps=recipe.save_every or recipe.max_steps,
            logging_steps=max(1, recipe.max_steps // 50),
            logging_nan_inf_filter=False,
            report_to="none",
            disable_tqdm=True,
            max_length=None,
            dataset_kwargs={"skip_prepare_dataset": True},
        ),
        train_dataset=prepared.rows.dataset(),
        batches=prepared.schedule.batches(),
        finish_save=lambda folder: finish_save(folder, prepared.backbone),
        processing_class=prepared.tokenizer,
        peft_config=None if recipe.method == "full" else lora,
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)  # it prints to stdout
    for parameter in trainer.model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return trainer, curve


def _model(recipe: Recipe, backbone: backbones.Backbone, *, on_gpu: bool) -> transformers.PreTrainedModel:
    import torch

    # Full fine-tuning keeps float32 weights for the optimizer; autocast computes in bfloat16 on a GPU.
    dtype = torch.bfloat16 if _bfloat16() and recipe.method != "full" else torch.float32
    place = {"": 0} if on_gpu else None
    model: transformers.PreTrainedModel
    if recipe.method == "qlora":
        model = quantisation.nf4_model(backbone.folder, name=recipe.backbone, dtype=dtype)
    else:
        model = pretrained.causal_model(backbone.folder, name=recipe.backbone, dtype=dtype, device_map=place)
    model.config.use_cache = False
    return model


def _bfloat16() -> bool:
    """Whether to compute in bfloat16: on a GPU that has it. CPUs and older GPUs compute in float32."""
    import torch

    return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)


def _result(out: Path, record: Training, *, reused: bool) -> TrainResult:
    return TrainResult(
        adapter=out,
        steps=record.steps,
        tokens=record.tokens,
        final_loss=record.losses[-1].loss,
        seconds=record.seconds,
        reused=reused,
    )


def _publishable(recipe: Recipe, prepared: Prepared) -> dict[str, Any]:
    """The recipe without paths of this machine: folders are named as what they hold."""
    plain = recipe.to_dict()
    for source, used in zip(plain["data"], prepared.rows.used, strict=True):
        if "path" in source:
            source["path"] = used.name
    if recipe.backbone not in backbones.KNOWN:
        plain["backbone"] = prepared.backbone.repo
    return plain


def _device_name(device: torch.device) -> str:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu, {torch.get_num_threads()} threads"


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]

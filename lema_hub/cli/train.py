"""`lema train RECIPE.yaml [key=value ...] --out DIR`: fine-tune an adapter from a recipe."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lema_hub.cli.hint import next_command, run_folder, same_command
from lema_hub.cli.missing import require

if TYPE_CHECKING:
    from lema_hub.train import Prepared, Recipe

_PATH = re.compile(r"""(?:^|[\s:=,'"\[{])(?:[/~]|[A-Za-z]:\\)""")

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="YAML recipe, such as scripts/recipes/nano/nano-lema.yaml.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="key=value; items of data are data.0, data.1, ...")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("runs/train"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read recipe and data and plan the steps; train nothing.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace another run in the folder.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Fine-tune an adapter from a recipe: QLoRA, LoRA or full.

    A finished run is not trained again; an interrupted one continues from its last checkpoint.
    """
    from lema_hub.cli.hub_client import prepare_client

    prepare_client(bars=False)
    from lema_hub.train.recipe import load

    require("torch", "transformers", "peft", "trl", "bitsandbytes")
    loaded = load(recipe, overrides or ())
    if dry_run:
        from lema_hub.train import prepare

        _print_plan(loaded, prepare(loaded, weights=False), as_json)
        if not as_json:
            same_command()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from lema_hub.train import train as run

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("training", total=loaded.max_steps, loss="...")

        def progress(step: int, steps: int, loss: float | None) -> None:
            shown = "..." if loss is None else f"{loss:.3f}"
            bar.update(task, completed=step, total=steps, loss=shown)
            if bar.disable and step % max(1, steps // 20) == 0:
                typer.echo(f"step {step} of {steps}, loss {shown}", err=True)

        command = shlex.join(["lema", "train", recipe.name, *map(_public, overrides or ())])
        result = run(loaded, out=out, progress=progress, command=command, overwrite=overwrite)
    if as_json:
        typer.echo(json.dumps({**dataclasses.asdict(result), "adapter": str(result.adapter)}))
        return
    done = "found, trained before" if result.reused else f"trained in {result.seconds:.0f} s"
    typer.echo(
        f"{result.adapter}: {done}; {result.steps} steps, {result.tokens:,} tokens, final loss "
        f"{result.final_loss:.4f}"
    )
    next_command("eval", result.adapter, "--out", run_folder(result.adapter))


def _public(override: str) -> str:
    """An override without paths of this machine, so that it may be published; the record has its value anyway."""
    key, _, value = override.partition("=")
    return f"{key}=..." if _PATH.search(value) else override


def _print_plan(recipe: Recipe, prepared: Prepared, as_json: bool) -> None:
    schedule, used = prepared.schedule, prepared.rows.used
    rows = sum(source.kept for source in used)
    plan = {
        "backbone": prepared.backbone.repo,
        "revision": prepared.backbone.revision,
        "method": recipe.method,
        "steps": len(schedule.steps),
        "rows_seen": schedule.rows,
        "passes": round(schedule.rows / rows, 2),
        "tokens": schedule.tokens,
        "loss_tokens": prepared.loss_tokens,
        "padding": round(1 - schedule.tokens / schedule.padded_tokens, 4),
        "data": [dataclasses.asdict(source) for source in used],
    }
    if as_json:
        typer.echo(json.dumps(plan))
        return
    typer.echo(
        f"{recipe.method} of {plan['backbone']}: {plan['steps']} steps, {schedule.tokens:,} tokens "
        f"({prepared.loss_tokens:,} with loss)"
    )
    typer.echo(
        f"{plan['passes']} passes over {rows:,} rows, "
        f"{100 * (1 - schedule.tokens / schedule.padded_tokens):.1f} % padding"
    )
    for source in used:
        lost = "".join(f", {count} {reason}" for reason, count in source.dropped.items())
        typer.echo(
            f"  {source.name} {source.config}/{source.split}: {source.kept:,} of {source.read:,} rows, "
            f"{source.tokens:,} tokens ({source.completion_tokens:,} with loss){lost}, {source.truncated} cut"
        )

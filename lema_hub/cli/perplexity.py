"""`lema perplexity SYSTEM... --corrections REPO@TAG`: how much likelier right paths are than wrong ones (Delta-PPL)."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from lema_hub.cli.hint import next_command, run_folder

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def perplexity(
    systems: Annotated[
        list[str],
        typer.Argument(
            metavar="SYSTEM...", help="Folders or Hub ids, @REVISION; or nano. The first is the baseline."
        ),
    ],
    corrections: Annotated[str, typer.Option(help="Data set of corrections: REPO@TAG, or a folder.")],
    task: Annotated[str, typer.Option(help="Config of the data set.")] = "nano",
    split: Annotated[
        str, typer.Option(help="Split of the data set; dev holds problems that nobody trained on.")
    ] = "dev",
    limit: Annotated[int | None, typer.Option(min=1, help="Measure at most this many pairs.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure LeMa's Delta-PPL: the mean of PPL(wrong path) - PPL(right path) over pairs, with its interval."""
    from lema_hub.cli.hub_client import prepare_client

    prepare_client(bars=False)
    from lema_hub.builders.published import Published, open_published
    from lema_hub.engines.transformers import TransformersEngine
    from lema_hub.errors import InputError
    from lema_hub.evals.perplexity import delta_perplexity, mean, pair_of
    from lema_hub.evals.systems import find

    if Path(corrections).is_dir():
        source = Published(path=corrections)
    else:
        repo, _, revision = corrections.partition("@")
        source = Published(repo=repo, revision=revision or None)
    opened = open_published(source, config=task, kinds=("corrections",))
    pairs = [pair_of(row) for row in opened.rows(split)[:limit]]
    if not pairs:
        raise InputError(f"{opened.name} has no rows in the split {split!r} of {task}; give another --split")
    problems = [pair.problem_id for pair in pairs]
    rows, first = [], None
    for system in systems:
        engine = find(system)
        if not isinstance(engine, TransformersEngine):
            raise InputError(f"{system!r} gives no perplexities; give a model that transformers can load")
        found = delta_perplexity(engine, pairs)
        first = first or found
        gains = [one - other for one, other in zip(found.deltas, first.deltas, strict=True)]
        row = dataclasses.asdict(found) | {"system": engine.model, "revision": engine.revision}
        row.pop("deltas")
        if found is not first:
            row["over_first"] = dataclasses.asdict(mean(gains, problems))
        rows.append(row)
    if as_json:
        typer.echo(json.dumps({"corrections": opened.name, "task": task, "split": split, "systems": rows}))
        return
    for row in rows:
        typer.echo(
            f"{row['system']}: Delta-PPL {_interval(row['delta'])}, n = {row['n']} pairs of {row['problems']} problems"
        )
        typer.echo(f"  PPL {row['right']:.3f} of right paths, {row['wrong']:.3f} of wrong ones")
        typer.echo(f"  share of pairs whose right path is the likelier: {_interval(row['preferred'])}")
        if over := row.get("over_first"):
            typer.echo(f"  Delta-PPL over {rows[0]['system']}: {_interval(over)}")
    next_command("eval", systems[-1], "--tasks", f"lema:{task}", "--out", run_folder(systems[-1]))


def _interval(mean: dict[str, float]) -> str:
    return f"{mean['value']:.3f}, 95 % interval {mean['low']:.3f} to {mean['high']:.3f}"

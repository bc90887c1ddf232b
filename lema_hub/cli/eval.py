"""`lema eval MODEL_OR_ADAPTER[@REVISION] --tasks lema:nano --out DIR`: score a system with LightEval."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lema_hub.cli.hint import next_command
from lema_hub.cli.missing import require

if TYPE_CHECKING:
    from lema_hub.evals import EvalResult

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command("eval")
def evaluate(
    system: Annotated[
        str, typer.Argument(help="Folder or Hub id of a model or adapter, @REVISION; or nano.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the run: items.parquet and scores.json.")],
    tasks: Annotated[
        str, typer.Option(help="Names, comma-separated: lema:gsm8k, lema:math, lema:csqa, lema:nano.")
    ] = "lema:nano",
    base: Annotated[
        str | None,
        typer.Option(help="Base model of an adapter, if it is not the one that the adapter names."),
    ] = None,
    engine: Annotated[
        Literal["transformers", "vllm", "openai"], typer.Option(help="What generates.")
    ] = "transformers",
    base_url: Annotated[str | None, typer.Option(help="Endpoint of --engine openai.")] = None,
    api: Annotated[Literal["chat", "completions"], typer.Option(help="What the endpoint offers.")] = "chat",
    limit: Annotated[int | None, typer.Option(help="Score at most this many items per task.")] = None,
    seed: Annotated[
        int, typer.Option(help="For sampled tasks (-maj8); greedy ones do not depend on it.")
    ] = 0,
    checkpoint: Annotated[str, typer.Option(help="A label to store in every row.")] = "",
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, help="Rows per batch of a local model; chosen by the engine if not given."),
    ] = None,
    tensor_parallel: Annotated[
        int, typer.Option(min=1, help="GPUs that share one copy of the model (vllm).")
    ] = 1,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace another evaluation in the folder.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print scores.json.")] = False,
) -> None:
    """Score a model or an adapter: pass@1 with its standard error, and a row per item.

    Nothing that was answered before is generated again: answers are kept in ledger.sqlite beside the run's folder.
    """
    from lema_hub.cli.hub_client import prepare_client
    from lema_hub.cli.progress import stage_progress

    prepare_client(bars=False)
    require("lighteval")
    from lema_hub.artifacts.scores import summary
    from lema_hub.evals import score
    from lema_hub.evals.systems import find

    found = find(
        system,
        engine=engine,
        base=base,
        base_url=base_url,
        api=api,
        batch_size=batch_size,
        tensor_parallel=tensor_parallel,
    )
    with stage_progress() as stage:
        result = score(
            found,
            tasks=[name.strip() for name in tasks.split(",") if name.strip()],
            out=out,
            seed=seed,
            limit=limit,
            checkpoint=checkpoint,
            overwrite=overwrite,
            progress=stage("answer"),
        )
    if as_json:
        typer.echo(json.dumps({**summary(result), "out": str(out), "reused": result.reused}))
        return
    _print(result)


def _print(result: EvalResult) -> None:
    if result.reused:
        typer.echo(f"{result.out}: already scored (same weights, items and judge); nothing was generated")
    for score in result.scores:
        stderr = "" if score.stderr is None else f" ± {100 * score.stderr:.1f} (standard error)"
        typer.echo(
            f"{score.task}: pass@1 {100 * score.pass_at_1:.1f} %{stderr}, 95 % interval {100 * score.low:.1f} to "
            f"{100 * score.high:.1f}, n = {score.n}"
        )
        typer.echo("  " + ", ".join(f"{count} {verdict}" for verdict, count in score.verdicts.items()))
    typer.echo(f"  {result.system} at {result.revision}; rows in {result.out / 'items.parquet'}")
    next_command("report", result.out, "OTHER_RUN", "--out", "report")

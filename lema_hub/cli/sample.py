"""`lema sample --task T --paths K --engine E --model M --out DIR`: reasoning paths, judged."""

from __future__ import annotations

import dataclasses
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from lema_hub.artifacts.paths import PathsManifest
    from lema_hub.builders.importers.recorded import Imported
    from lema_hub.builders.run import PlannedStage
    from lema_hub.engines import Engine, Sampling
    from lema_hub.errors import EngineError
    from lema_hub.records import Problem
    from lema_hub.tasks import Split

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def sample(
    out: Annotated[Path, typer.Option(help="Folder for paths.parquet, manifest.json and the ledger.")],
    task: Annotated[str, typer.Option(help="Problem set: gsm8k, math, csqa, nano.")] = "gsm8k",
    split: Annotated[
        Literal["train", "dev", "test"], typer.Option(help="Split of the problem set.")
    ] = "train",
    problems: Annotated[
        Path | None,
        typer.Option(help="Local JSONL in the task's format, or folder of train.jsonl and test.jsonl."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Use at most this many problems.")] = None,
    start: Annotated[int, typer.Option(min=0, help="Skip this many problems.")] = 0,
    paths: Annotated[int, typer.Option(min=1, help="Samples per problem.")] = 4,
    engine: Annotated[
        Literal["openai", "vllm", "transformers"], typer.Option(help="Where the text comes from.")
    ] = "openai",
    model: Annotated[str | None, typer.Option(help="Model; `nano` is the backbone in the package.")] = None,
    revision: Annotated[str | None, typer.Option(help="Revision of the model.")] = None,
    adapter: Annotated[str | None, typer.Option(help="LoRA adapter (vllm, transformers).")] = None,
    base_url: Annotated[
        str | None, typer.Option(help="OpenAI-compatible endpoint; OPENAI_BASE_URL by default.")
    ] = None,
    api: Annotated[
        Literal["chat", "completions"], typer.Option(help="Chat, or plain completion for base models.")
    ] = "chat",
    prompt: Annotated[str | None, typer.Option(help="Prompt template; the task's by default.")] = None,
    temperature: Annotated[float, typer.Option(min=0)] = 0.7,
    top_p: Annotated[float, typer.Option(min=0, max=1)] = 1.0,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="New tokens; the task's by default.")] = None,
    seed: Annotated[int, typer.Option(help="Base of all sampling seeds.")] = 0,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests in flight.")] = 64,
    mode: Annotated[
        Literal["live", "batch"],
        typer.Option(help="One request at a time, or in batches that take up to a day."),
    ] = "live",
    samples_per_request: Annotated[
        int, typer.Option(min=1, max=128, help="Samples per request; the prompt is paid for once.")
    ] = 1,
    rpm: Annotated[float | None, typer.Option(help="Limit on requests per minute.")] = None,
    tpm: Annotated[float | None, typer.Option(help="Limit on tokens per minute.")] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, help="Rows per batch of a local model; chosen by the engine if not given."),
    ] = None,
    tensor_parallel: Annotated[
        int, typer.Option(min=1, help="GPUs that share one copy of the model (vllm).")
    ] = 1,
    budget: Annotated[
        float | None, typer.Option(min=0, help="Hard limit on what --out may cost, in US dollars.")
    ] = None,
    prices: Annotated[Path | None, typer.Option(help="Your own price list (YAML).")] = None,
    import_: Annotated[
        Path | None, typer.Option("--import", help="Read recorded solutions instead of sampling.")
    ] = None,
    format_: Annotated[
        str, typer.Option("--format", help="Format of the --import file: openai-gsm8k, vtg or jsonl.")
    ] = "jsonl",
    resume: Annotated[
        bool, typer.Option(help="Continue an earlier run; with --no-resume, refuse a folder that has one.")
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be sent; send nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Collect reasoning paths, judge them, and keep the right and the wrong ones apart.

    Nothing that was answered is sent again: a second run continues where the first one stopped.
    """
    from lema_hub.cli.hub_client import prepare_client

    prepare_client(bars=False)
    from lema_hub import tasks
    from lema_hub.builders.dataset import problem_inputs
    from lema_hub.builders.mistakes import STOP, collect_paths
    from lema_hub.builders.paths import write_paths
    from lema_hub.builders.run import LEDGER
    from lema_hub.cli.figures import print_plan
    from lema_hub.cli.hint import next_command, same_command
    from lema_hub.cli.progress import stage_progress
    from lema_hub.engines import Ledger, Sampling
    from lema_hub.engines.choose import Source, choose
    from lema_hub.engines.pace import Rates
    from lema_hub.errors import InputError

    command = ["lema", "sample", "--task", task]
    if import_ is not None:
        found = _import(import_, format_, task, problems)
        command += ["--import", import_.name, "--format", format_]
        manifest = write_paths(
            out,
            found.problems,
            found.paths,
            task=task,
            command=shlex.join(command),
            inputs=[found.source],
            recorded=found,
        )
        _print(manifest, out, as_json)
        _print_agreement(found, as_json)
        if not as_json:
            next_command("build", "corrections", "RECIPE.yaml", "--out", "runs/corrections")
        return
    chosen = tasks.get(task)
    loaded = tasks.load_problems(task, split, limit=limit, start=start, path=problems)
    if not loaded:
        raise InputError(
            f"{str(problems or task)!r} has no {split} problem from number {start} on; "
            "give another --problems, --split or --start"
        )
    chosen_source = Source(
        engine=engine,
        model=model,
        revision=revision,
        adapter=adapter,
        tensor_parallel=tensor_parallel,
        base_url=base_url,
        api=api,
        mode=mode,
        samples_per_request=samples_per_request,
        rates=Rates(requests_per_minute=rpm, tokens_per_minute=tpm) if rpm or tpm else None,
    )
    source = choose(chosen_source, concurrency=concurrency, batch_size=batch_size, prices=prices)
    sampling = Sampling(
        temperature=temperature,
        top_p=top_p,
        max_tokens=max_tokens or chosen.max_new_tokens,
        stop=STOP,
        seed=seed,
    )
    template = prompt or chosen.prompt
    ledger = out / LEDGER
    if not resume and ledger.exists():
        raise InputError(f"{str(ledger)!r} holds an earlier run; give a new --out, or resume")
    if dry_run:
        print_plan(
            [_plan(loaded, source, sampling, template, paths, ledger)], as_json, trial="a run with --limit 50"
        )
        if not as_json:
            same_command()
        return
    with Ledger(ledger) as opened, stage_progress() as progress:
        collected = collect_paths(
            loaded,
            source,
            opened,
            paths=paths,
            sampling=sampling,
            prompt=template,
            budget_usd=budget,
            progress=progress("sample"),
        )
    command += ["--split", split, "--paths", str(paths), "--engine", engine, "--model", source.model]
    command += ["--prompt", template, "--temperature", str(temperature), "--seed", str(seed)]
    manifest = write_paths(
        out,
        loaded,
        collected,
        task=task,
        command=shlex.join(command),
        inputs=problem_inputs(loaded),
        seed=seed,
    )
    failed = _all_failed(manifest, ledger)
    _print(manifest, out, as_json, error=failed)
    if failed is not None:
        raise failed
    if not as_json:
        next_command("build", "corrections", "RECIPE.yaml", "--ledger", ledger, "--out", "runs/corrections")


def _all_failed(manifest: PathsManifest, ledger: Path) -> EngineError | None:
    """What is said if no request has an answer."""
    from lema_hub.errors import EngineError

    (stage,) = manifest.stages
    reasons = {name: count for name, count in stage.dropped.items() if name.startswith("request_")}
    if not stage.rows_in or sum(reasons.values()) < stage.rows_in:
        return None
    why = ", ".join(f"{count} {name.removeprefix('request_')}" for name, count in reasons.items())
    return EngineError(
        f"all {stage.rows_in} requests failed ({why}); lema ledger failures {shlex.quote(str(ledger))} shows their "
        "details, and the same command tries again"
    )


def _import(file: Path, file_format: str, task: str, problems: Path | None) -> Imported:
    from lema_hub import tasks
    from lema_hub.builders.importers.recorded import FORMATS, import_paths
    from lema_hub.errors import InputError

    chosen = next((name for name in FORMATS if name == file_format), None)
    if chosen is None:
        raise InputError(f"no import format {file_format!r}; there are: {', '.join(FORMATS)}")
    known: list[Problem] = []
    sides: dict[str, tuple[Split, ...]] = {"openai-gsm8k": ("test",), "vtg": ("train", "dev", "test")}
    if problems is not None or chosen == "vtg":
        for side in sides.get(chosen, ("train", "dev", "test")):
            known += tasks.load_problems(task, side, path=problems)
    return import_paths(file, chosen, task=task, known=known)


def _plan(
    problems: list[Problem], engine: Engine, sampling: Sampling, prompt: str, paths: int, ledger: Path
) -> PlannedStage:
    from lema_hub.builders.mistakes import sample_requests
    from lema_hub.builders.run import planned
    from lema_hub.engines import Ledger

    requests = sample_requests(problems, paths=paths, sampling=sampling, prompt=prompt)
    if not ledger.exists():
        return planned("sample", engine, requests, None)
    with Ledger(ledger) as opened:
        return planned("sample", engine, requests, opened)


def _print(manifest: PathsManifest, out: Path, as_json: bool, *, error: EngineError | None = None) -> None:
    if as_json:
        failed = {} if error is None else {"error": str(error)}
        typer.echo(json.dumps({"out": str(out), **dataclasses.asdict(manifest), **failed}))
        return
    from lema_hub.artifacts.paths import PATHS

    (stage,) = manifest.stages
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in manifest.verdicts.items())
    typer.echo(f"{stage.rows_in} solutions: {verdicts or 'none'}")
    dropped = ", ".join(f"{count} {reason}" for reason, count in stage.dropped.items() if reason != "correct")
    typer.echo(f"{stage.rows_out} distinct mistakes" + (f" (dropped: {dropped})" if dropped else ""))
    cost = "" if manifest.cost_usd is None else f", ${manifest.cost_usd:.4f}"
    typer.echo(f"tokens: {manifest.tokens.prompt} prompt, {manifest.tokens.completion} completion{cost}")
    typer.echo(f"every judged path: {out / PATHS}")


def _print_agreement(found: Imported, as_json: bool) -> None:
    if as_json or found.agreement is None:
        return
    agreed = found.compared - len(found.disagreements)
    typer.echo(f"agreement with the recorded verdicts: {agreed} of {found.compared} ({found.agreement:.2%})")
    for item in found.disagreements:
        recorded = "correct" if item.recorded else "wrong"
        typer.echo(
            f"  {item.problem_id} {item.model}: recorded {recorded}, judged {item.verdict} "
            f"({item.extracted!r}, gold {item.gold!r})"
        )

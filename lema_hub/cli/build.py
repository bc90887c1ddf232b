"""`lema build corrections|cot|evolve|mix RECIPE.yaml [key=value ...] --out DIR`: a dataset from a recipe."""

from __future__ import annotations

import dataclasses
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lema_hub.cli.figures import print_figures, print_pilot, print_plan
from lema_hub.cli.hint import next_command, same_command

if TYPE_CHECKING:
    from lema_hub.artifacts.manifest import Manifest

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

_Recipe = Annotated[Path, typer.Argument(help="Recipe, such as scripts/recipes/data/nano-corrections.yaml.")]
_Overrides = Annotated[
    list[str] | None, typer.Argument(help="key=value, such as problems.train=100 or students.0.model=ID.")
]
_Out = Annotated[Path | None, typer.Option(help="Folder of the dataset; runs/<recipe> by default.")]
_Ledger = Annotated[Path | None, typer.Option(help="Ledger to share; ledger.sqlite in --out by default.")]
_Budget = Annotated[
    float | None,
    typer.Option(min=0, help="Hard limit on what everything in the ledger may cost, in US dollars."),
]
_Prices = Annotated[Path | None, typer.Option(help="Your own price list (YAML).")]
_Resume = Annotated[
    bool, typer.Option(help="Continue an earlier run; with --no-resume, refuse a folder that has one.")
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be sent; send and write nothing.")]
_Pilot = Annotated[
    int | None,
    typer.Option("--pilot", min=2, metavar="N", help="Try N random problems and estimate the whole build."),
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def corrections(
    recipe: _Recipe,
    overrides: _Overrides = None,
    out: _Out = None,
    ledger: _Ledger = None,
    budget: _Budget = None,
    prices: _Prices = None,
    resume: _Resume = True,
    dry_run: _DryRun = False,
    pilot: _Pilot = None,
    as_json: _Json = False,
) -> None:
    """Build mistakes with their corrections (LeMa)."""
    _build(
        "corrections", recipe, overrides or [], out, ledger, budget, prices, resume, dry_run, as_json, pilot
    )


@app.command()
def cot(
    recipe: _Recipe,
    overrides: _Overrides = None,
    out: _Out = None,
    ledger: _Ledger = None,
    budget: _Budget = None,
    prices: _Prices = None,
    resume: _Resume = True,
    dry_run: _DryRun = False,
    pilot: _Pilot = None,
    as_json: _Json = False,
) -> None:
    """Build right solutions, annotated and sampled."""
    _build("cot", recipe, overrides or [], out, ledger, budget, prices, resume, dry_run, as_json, pilot)


@app.command()
def evolve(
    recipe: _Recipe,
    overrides: _Overrides = None,
    out: _Out = None,
    ledger: _Ledger = None,
    budget: _Budget = None,
    prices: _Prices = None,
    resume: _Resume = True,
    dry_run: _DryRun = False,
    as_json: _Json = False,
) -> None:
    """Build new problems from those that were answered wrong (LeMa's correction-centric evolution)."""
    _build("evolve", recipe, overrides or [], out, ledger, budget, prices, resume, dry_run, as_json)


@app.command()
def mix(recipe: _Recipe, overrides: _Overrides = None, out: _Out = None, as_json: _Json = False) -> None:
    """Mix published rows in exact proportions, for controlled comparisons; no model is asked."""
    from lema_hub.cli.hub_client import prepare_client

    prepare_client(bars=False)
    from lema_hub.builders.mix import MixRecipe, run
    from lema_hub.builders.recipe import load

    folder = out or Path("runs") / recipe.stem
    command = shlex.join(["lema", "build", "mix", recipe.name, *(overrides or [])])
    _print(run(load(recipe, overrides or [], MixRecipe), folder, command=command), folder, as_json)


def _build(
    kind: Literal["corrections", "cot", "evolve"],
    file: Path,
    overrides: list[str],
    out: Path | None,
    ledger: Path | None,
    budget: float | None,
    prices: Path | None,
    resume: bool,
    dry_run: bool,
    as_json: bool,
    pilot: int | None = None,
) -> None:
    from lema_hub.cli.hub_client import prepare_client

    prepare_client(bars=False)
    from lema_hub.builders import evolve, run
    from lema_hub.builders.pilot import pilot as try_out
    from lema_hub.builders.recipe import Recipe, load
    from lema_hub.cli.progress import stage_progress
    from lema_hub.errors import InputError, RecipeError

    builder: Any = evolve if kind == "evolve" else run  # one interface: plan, run
    recipe: Any = load(file, overrides, evolve.EvolveRecipe if kind == "evolve" else Recipe)
    if recipe.kind != kind:
        raise RecipeError(f"{file} builds {recipe.kind}; run: lema build {recipe.kind} {file}")
    folder = out or Path("runs") / file.stem
    if not resume and (ledger or folder / run.LEDGER).exists():
        raise InputError(
            f"{str(ledger or folder / run.LEDGER)!r} holds an earlier run; give a new --out, or resume"
        )
    if dry_run:
        trial = "samples=50" if kind == "evolve" else "--pilot 50"
        print_plan(builder.plan(recipe, folder, ledger=ledger, prices=prices), as_json, trial=trial)
        if not as_json:
            same_command(*(("--pilot", "50") if kind != "evolve" else ()))
        return
    if pilot is not None:
        with stage_progress() as progress:
            found = try_out(
                recipe,
                folder,
                problems=pilot,
                ledger=ledger,
                budget_usd=budget,
                prices=prices,
                progress=progress,
            )
        print_pilot(found, as_json)
        if not as_json:
            next_command("build", kind, file, *overrides, "--out", folder, *_given(ledger, budget, prices))
        return
    command = shlex.join(["lema", "build", kind, file.name, *overrides])
    with stage_progress() as progress:
        manifest = builder.run(
            recipe,
            folder,
            command=command,
            ledger=ledger,
            budget_usd=budget,
            prices=prices,
            progress=progress,
        )
    _print(manifest, folder, as_json)


def _print(manifest: Manifest, folder: Path, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"out": str(folder), **dataclasses.asdict(manifest)}))
        return
    for stage in manifest.stages:
        dropped = ", ".join(f"{count} {reason}" for reason, count in stage.dropped.items())
        repaired = ", ".join(f"{count} {repair}" for repair, count in stage.repaired.items())
        typer.echo(
            f"{stage.name}: {stage.rows_in} in, {stage.rows_out} out"
            + (f" ({dropped})" if dropped else "")
            + (f"; repaired: {repaired}" if repaired else "")
        )
    for config, splits in manifest.configs.items():
        typer.echo(f"{config}: {', '.join(f'{rows} {split}' for split, rows in splits.items())}")
    tokens = manifest.tokens
    cost = "" if manifest.cost_usd is None else f", ${manifest.cost_usd:.4f}"
    typer.echo(f"tokens: {tokens.prompt} prompt, {tokens.completion} completion{cost}")
    print_figures(manifest)
    typer.echo(f"licence: {manifest.license}")
    repo_id = f"ORG/lema-{manifest.kind}"
    next_command("publish", "dataset", folder, repo_id, "--version", "0.1.0", "--dry-run")


def _given(ledger: Path | None, budget: float | None, prices: Path | None) -> list[object]:
    """The options of a pilot that hold for the whole build too."""
    options: list[tuple[str, object]] = [("--ledger", ledger), ("--budget", budget), ("--prices", prices)]
    return [word for name, value in options if value is not None for word in (name, value)]

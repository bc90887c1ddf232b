"""A recipe from its problems to its folder.

    recipe = load(Path("scripts/recipes/data/nano-corrections.yaml"))
    manifest = run(recipe, Path("runs/nano-corrections"), command="lema build corrections ...")

Everything that a model wrote goes through the ledger in the folder, so the same call continues where it stopped.
"""

from __future__ import annotations

from pathlib import Path

from lema_hub.artifacts.manifest import Manifest
from lema_hub.builders.assemble import LEDGER, assemble, check, load_problems
from lema_hub.builders.corrections import StageProgress
from lema_hub.builders.dataset import write_dataset
from lema_hub.builders.plan import PlannedStage, plan, planned
from lema_hub.builders.recipe import Recipe
from lema_hub.engines import Ledger

__all__ = ["LEDGER", "PlannedStage", "StageProgress", "load_problems", "plan", "planned", "run"]


def run(
    recipe: Recipe,
    out: Path,
    *,
    command: str,
    ledger: Path | None = None,
    budget_usd: float | None = None,
    prices: Path | None = None,
    progress: StageProgress | None = None,
) -> Manifest:
    """Build the dataset of a recipe into a folder that can be published.

    Args:
        recipe: What to build.
        out: The folder.
        command: The command that makes it again, for the manifest.
        ledger: The ledger's file; `ledger.sqlite` in `out` by default.
        budget_usd: See `Ledger.run`; the limit holds for everything in the ledger.
        prices: A price list of your own (`lema_hub.engines.prices`).
        progress: Gives each stage its progress.

    Raises:
        RecipeError: The recipe has nothing to build from.
        LemaError: Problems cannot be loaded, an engine cannot answer, or no row is left.
    """
    check(recipe)
    problems, test = load_problems(recipe)
    with Ledger(ledger or out / LEDGER) as opened:
        assembled = assemble(
            recipe, problems, test, opened, budget_usd=budget_usd, prices=prices, progress=progress
        )
    return write_dataset(
        out,
        assembled.cleaned.built,
        kind=recipe.kind,
        task=recipe.task,
        command=command,
        inputs=assembled.sources,
        seed=recipe.seed,
        yields=assembled.yields,
        contamination=assembled.cleaned.contamination,
        duplicates=assembled.cleaned.duplicates,
    )

"""A recipe from its problems to its folder: load, sample, correct or collect, write.

    recipe = load(Path("scripts/recipes/data/nano-corrections.yaml"))
    manifest = run(recipe, Path("runs/nano-corrections"), command="lema build corrections ...")

Everything that a model wrote goes through the ledger in the folder, so the same call goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lema_hub import prompts, tasks
from lema_hub.build import corrections, mistakes
from lema_hub.build.annotated import Annotation, build_annotated
from lema_hub.build.built import Built, by_id, merge
from lema_hub.build.clean import clean
from lema_hub.build.cot import build_cot
from lema_hub.build.dataset import problem_inputs, write_dataset
from lema_hub.build.importers import Imported, import_paths
from lema_hub.build.published import published_problems
from lema_hub.build.recipe import Corrector, Recipe, Source, Student
from lema_hub.engines import Engine, Ledger, Request, Sampling
from lema_hub.engines.choose import choose
from lema_hub.engines.ledger import Progress
from lema_hub.errors import RecipeError
from lema_hub.hub.manifest import Input, Manifest
from lema_hub.records import Correction, CotExample, Problem, ReasoningPath
from lema_hub.tasks.held_out import HeldOutSets, load_held_out

LEDGER = "ledger.sqlite"
"""The ledger's file in a build's folder."""

_BYTES_PER_TOKEN = 8  # of a student's path, for the bound on what its correction costs

StageProgress = Callable[[str], Progress]
"""Gives the progress of a stage by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStage:
    """What one stage would send: requests without an answer yet, at most so many new tokens and dollars.

    `exact` is False where the number of requests depends on answers that are not there yet; then it is a
    bound.
    """

    stage: str
    model: str
    requests: int
    answered: int
    max_new_tokens: int
    max_cost_usd: float | None
    exact: bool = True


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
        prices: A price list of your own (`lema_hub.engines.prices`).
        budget_usd: See `Ledger.run`; the limit holds for everything in the ledger.
        progress: Gives each stage its progress.

    Raises:
        RecipeError: The recipe has nothing to build from.
        LemaError: Problems cannot be loaded, an engine cannot answer, or no row is left.
    """
    _check(recipe)
    problems, test = load_problems(recipe)
    test_keys = frozenset(tasks.question_key(problem.question) for problem in test)
    against = [Path(file) for file in recipe.contamination.against]
    held_out = load_held_out(recipe.task, loaded=test, against=against)
    recorded = [
        import_paths(
            Path(file.path),
            file.format,
            task=recipe.task,
            known=[*problems, *test],
            training=True,
            stage=_stage("import", number, len(recipe.recorded)),
        )
        for number, file in enumerate(recipe.recorded)
    ]
    with Ledger(ledger or out / LEDGER) as opened:
        sampled = [
            mistakes.collect_paths(
                problems,
                _engine(student, recipe, prices),
                opened,
                paths=student.paths,
                sampling=_sampling(student, recipe),
                prompt=student.prompt or tasks.get(recipe.task).prompt,
                origin=student.origin,
                stage=stage,
                budget_usd=budget_usd,
                progress=progress(stage) if progress else None,
            )
            for number, student in enumerate(recipe.students)
            for stage in [_stage("sample", number, len(recipe.students))]
        ]
        paths = merge([*sampled, *(found.paths for found in recorded)])
        known = [*by_id([*problems, *(p for found in recorded for p in found.problems)]).values()]
        built: Built[Correction] | Built[CotExample]
        if recipe.kind == "cot":
            prompt = tasks.get(recipe.task).prompt
            built = build_cot(known, paths.rows, gold=recipe.gold, prompt=prompt, test_keys=test_keys)
        else:
            corrector = _engine(recipe.corrector, recipe, prices) if recipe.corrector else None
            built = _correct(
                recipe, known, paths.rows, recorded, corrector, opened, test_keys, budget_usd, progress
            )
    sources = [*problem_inputs(problems), *(found.source for found in recorded)]
    if evolved := published_problems(recipe.problems, task=recipe.task):
        sources.append(evolved.source)
        paths = replace(paths, models=(*evolved.built.manifest.models, *paths.models))
    return _write(recipe, out, command, sources, paths, built, held_out)


def plan(
    recipe: Recipe, out: Path, *, ledger: Path | None = None, prices: Path | None = None
) -> list[PlannedStage]:
    """What `run` would send; nothing is sent and nothing is written.

    Raises:
        RecipeError: The recipe has nothing to build from.
        LemaError: Problems cannot be loaded.
    """
    _check(recipe)
    problems, _ = load_problems(recipe)
    file = ledger or out / LEDGER
    opened = Ledger(file) if file.exists() else None
    stages = []
    samples = 0
    for number, student in enumerate(recipe.students):
        engine = _engine(student, recipe, prices)
        requests = mistakes.sample_requests(
            problems,
            paths=student.paths,
            sampling=_sampling(student, recipe),
            prompt=student.prompt or tasks.get(recipe.task).prompt,
        )
        stages.append(planned(_stage("sample", number, len(recipe.students)), engine, requests, opened))
        samples += len(requests)
    if recipe.kind == "corrections" and recipe.corrector is not None and samples:
        stages.append(_planned_corrections(recipe, recipe.corrector, problems, samples, prices))
    if opened is not None:
        opened.close()
    return stages


def load_problems(recipe: Recipe) -> tuple[list[Problem], list[Problem]]:
    """The training problems of a recipe, both sides, and the test problems that must stay out of them.

    The nano world has no overlap by construction, and its test problems are endless: none are
    loaded. Where the training problems are a local file there are none to compare with, and evolved ones
    were compared when they were made.
    """
    sides = recipe.problems
    if evolved := published_problems(sides, task=recipe.task):
        made = [[row.problem for row in evolved.rows(split)] for split in ("train", "dev")]
        end = None if sides.train is None else sides.start + sides.train
        return [*made[0][sides.start : end], *made[1][: sides.dev]], []
    path = Path(sides.path) if sides.path else None
    train = tasks.load_problems(recipe.task, "train", limit=sides.train, start=sides.start, path=path)
    dev = tasks.load_problems(recipe.task, "dev", limit=sides.dev, path=path)
    test: list[Problem] = []
    if recipe.task != "nano" and (path is None or path.is_dir()):
        test = tasks.load_problems(recipe.task, "test", path=path)
    return [*train, *dev], test


def _check(recipe: Recipe) -> None:
    if not recipe.students and not recipe.recorded and (recipe.kind == "corrections" or not recipe.gold):
        raise RecipeError("the recipe has neither students nor recorded solutions; add one of them")
    if recipe.kind == "corrections" and recipe.students and recipe.corrector is None:
        raise RecipeError("the recipe has students but no corrector; add one")


def _correct(
    recipe: Recipe,
    problems: Sequence[Problem],
    paths: Sequence[ReasoningPath],
    recorded: Sequence[Imported],
    corrector: Engine | None,
    ledger: Ledger,
    test_keys: frozenset[str],
    budget_usd: float | None,
    progress: StageProgress | None,
) -> Built[Correction]:
    """Corrections of annotated paths by their annotations, of the others by the corrector."""
    annotations: dict[str, Annotation] = {}
    for found in recorded:
        annotations.update(found.annotations)
    parts = []
    if annotations:
        parts.append(build_annotated(problems, paths, annotations, require=recipe.gates, test_keys=test_keys))
    if recipe.corrector is not None and corrector is not None:
        parts.append(
            corrections.build_corrections(
                problems,
                [path for path in paths if path.path_id not in annotations],
                corrector,
                ledger,
                prompt=recipe.corrector.prompt or tasks.get(recipe.task).corrector,
                sampling=replace(
                    corrections.SAMPLING,
                    temperature=recipe.corrector.temperature,
                    max_tokens=recipe.corrector.max_tokens,
                    seed=recipe.seed,
                ),
                require=recipe.gates,
                test_keys=test_keys,
                budget_usd=budget_usd,
                progress=progress,
            )
        )
    return merge(parts)


def _write(
    recipe: Recipe,
    out: Path,
    command: str,
    sources: Sequence[Input],
    paths: Built[ReasoningPath],
    built: Built[Correction] | Built[CotExample],
    held_out: HeldOutSets,
) -> Manifest:
    whole: Built[Correction | CotExample] = built.after(paths)  # type: ignore[assignment]
    cleaned = clean(whole, held_out, checks=recipe.contamination, threshold=recipe.near_duplicate)
    return write_dataset(
        out,
        cleaned.built,
        kind=recipe.kind,
        task=recipe.task,
        command=command,
        inputs=sources,
        seed=recipe.seed,
        contamination=cleaned.contamination,
        duplicates=cleaned.duplicates,
    )


def _engine(source: Source, recipe: Recipe, prices: Path | None) -> Engine:
    return choose(
        source.engine,
        model=source.model,
        revision=source.revision,
        adapter=source.adapter,
        base_url=source.base_url,
        api=source.api,
        concurrency=recipe.concurrency,
        batch_size=recipe.batch_size,
        tensor_parallel=source.tensor_parallel,
        prices=prices,
        noise=source.noise,
    )


def _sampling(student: Student, recipe: Recipe) -> Sampling:
    return Sampling(
        temperature=student.temperature,
        top_p=student.top_p,
        max_tokens=student.max_tokens or tasks.get(recipe.task).max_new_tokens,
        stop=mistakes.STOP,
        seed=recipe.seed,
    )


def _stage(name: str, number: int, count: int) -> str:
    return name if count == 1 else f"{name}_{number + 1}"


def planned(stage: str, engine: Engine, requests: Sequence[Request], ledger: Ledger | None) -> PlannedStage:
    pending = ledger.pending(engine, requests) if ledger else list(requests)
    bounds = [engine.cost_bound(request) for request in pending]
    known = [bound for bound in bounds if bound is not None]
    return PlannedStage(
        stage=stage,
        model=engine.model,
        requests=len(pending),
        answered=len(requests) - len(pending),
        max_new_tokens=sum(request.sampling.max_tokens for request in pending),
        max_cost_usd=sum(known) if len(known) == len(bounds) else None,
    )


def _planned_corrections(
    recipe: Recipe, corrector: Corrector, problems: Sequence[Problem], samples: int, prices: Path | None
) -> PlannedStage:
    """The bound of the correction stage: every sample wrong, every question the longest, every path at its
    limit.
    """
    engine = _engine(corrector, recipe, prices)
    template = prompts.load(corrector.prompt or tasks.get(recipe.task).corrector)
    longest = max((problem.question for problem in problems), key=len, default="")
    limit = max(_sampling(student, recipe).max_tokens for student in recipe.students)
    request = Request(
        prompt=template.render(question=longest, solution="x" * limit * _BYTES_PER_TOKEN),
        sampling=Sampling(max_tokens=corrector.max_tokens),
    )
    bound = engine.cost_bound(request)
    return PlannedStage(
        stage="correct",
        model=engine.model,
        requests=samples,
        answered=0,
        max_new_tokens=samples * corrector.max_tokens,
        max_cost_usd=None if bound is None else samples * bound,
        exact=False,
    )

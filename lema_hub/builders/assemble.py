"""The rows of a recipe from its problems: sample, correct or collect, clean; pure over (problems, ledger).

    problems, test = load_problems(recipe)
    with Ledger(out / LEDGER) as ledger:
        assembled = assemble(recipe, problems, test, ledger)

A run writes what comes out; a pilot does the same with a few of the problems and counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from lema_hub import prompts, tasks
from lema_hub.artifacts.figures import Yield
from lema_hub.artifacts.manifest import Input
from lema_hub.builders import corrections, mistakes
from lema_hub.builders.annotated import Annotation, build_annotated
from lema_hub.builders.built import Built, by_id
from lema_hub.builders.clean import Cleaned, clean
from lema_hub.builders.contamination import check_names
from lema_hub.builders.corrections import StageProgress
from lema_hub.builders.cot import build_cot
from lema_hub.builders.dataset import problem_inputs
from lema_hub.builders.dedup import check_threshold
from lema_hub.builders.importers.recorded import Imported, import_paths
from lema_hub.builders.published import published_problems
from lema_hub.builders.recipe import Corrector, Problems, Recipe, Student
from lema_hub.builders.seam_judge import Judge
from lema_hub.builders.votes import Voters
from lema_hub.builders.yields import Kept, yields
from lema_hub.engines import Engine, Ledger, Sampling
from lema_hub.engines.choose import Source, choose
from lema_hub.errors import HubError, RecipeError
from lema_hub.records import Correction, CotExample, Problem, ReasoningPath
from lema_hub.tasks.held_out import load_held_out

LEDGER = "ledger.sqlite"
"""The ledger's file in a build's folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """Cleaned rows with everything that a manifest says of them; `kept` has problem and student of each row that
    a model's answers went into.
    """

    cleaned: Cleaned[Any]
    sources: tuple[Input, ...]
    kept: tuple[Kept, ...]
    yields: tuple[Yield, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Everybody whom a recipe asks, where the answers are kept, and what they may cost."""

    students: tuple[Engine, ...]
    corrector: Engine | None
    voters: Voters | None
    judge: Judge | None
    ledger: Ledger
    budget_usd: float | None
    progress: StageProgress | None

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        ledger: Ledger,
        *,
        budget_usd: float | None,
        prices: Path | None,
        progress: StageProgress | None,
    ) -> Asked:
        """The engines of a recipe; nothing is loaded or sent yet.

        Raises:
            LemaError: One of them cannot be.
        """
        return cls(
            students=tuple(engine_of(student, recipe, prices) for student in recipe.students),
            corrector=engine_of(recipe.corrector, recipe, prices) if recipe.corrector else None,
            voters=voters_of(recipe, prices),
            judge=judge_of(recipe, prices),
            ledger=ledger,
            budget_usd=budget_usd,
            progress=progress,
        )


def assemble(
    recipe: Recipe,
    problems: Sequence[Problem],
    test: Sequence[Problem],
    ledger: Ledger,
    *,
    budget_usd: float | None = None,
    prices: Path | None = None,
    progress: StageProgress | None = None,
) -> Assembled:
    """Ask the models of a recipe, and make rows of what they say.

    Args:
        recipe: What to build.
        problems: Of which problems.
        test: The test problems that must stay out.
        ledger: Where the answers are kept.
        budget_usd: See `Ledger.run`; the limit holds for everything in the ledger.
        prices: A price list of your own (`lema_hub.engines.prices`).
        progress: Gives each stage its progress.

    Raises:
        LemaError: A file cannot be read, or an engine cannot answer.
    """
    # What is wrong with a recipe shows before anything is paid.
    asked = Asked.of(recipe, ledger, budget_usd=budget_usd, prices=prices, progress=progress)
    test_keys = frozenset(tasks.question_key(problem.question) for problem in test)
    against = [Path(file) for file in recipe.contamination.against]
    held_out = load_held_out(recipe.task, loaded=test, against=against)
    check_names(recipe.contamination, *held_out)
    recorded = [
        import_paths(
            Path(file.path),
            file.format,
            task=recipe.task,
            known=[*problems, *test],
            training=True,
            mmlu_scored=file.mmlu_scored,
            stage=stage_name("import", number, len(recipe.recorded)),
        )
        for number, file in enumerate(recipe.recorded)
    ]
    sampled = _sampled(recipe, asked, problems)
    paths = mistakes.once(
        [*sampled, *(found.paths for found in recorded)],
        verdict="correct" if recipe.kind == "cot" else "wrong",
    )
    known = [*by_id([*problems, *(p for found in recorded for p in found.problems)]).values()]
    built: Built[Any]
    if recipe.kind == "cot":
        prompt = tasks.get(recipe.task).prompt
        built = build_cot(known, paths.rows, gold=recipe.gold, prompt=prompt, test_keys=test_keys)
    else:
        built = _correct(recipe, asked, known, paths.rows, recorded, test_keys)
    sources = [*problem_inputs(problems), *(found.source for found in recorded)]
    if from_files(recipe):
        own = f"the questions and answers are this file's own, not read from {tasks.get(recipe.task).source_repo}"
        sources = [replace(source, stated=own) for source in sources]
    if evolved := published_problems(recipe.problems, task=recipe.task):
        sources.append(evolved.source)  # and its models' terms hold for what is made of it
        built = replace(built, models=(*evolved.built.manifest.models, *built.models))
    cleaned = clean(
        built.after(paths), held_out, checks=recipe.contamination, threshold=recipe.near_duplicate
    )
    students = {one.student for one in cleaned.built.spent}
    kept = tuple(
        (row.problem.problem_id, row.path.model)
        for row in cleaned.built.rows
        if isinstance(row, (Correction, CotExample)) and row.path.model in students
    )
    return Assembled(
        cleaned=cleaned,
        sources=tuple(sources),
        kept=kept,
        yields=yields(known, cleaned.built.spent, kept) if cleaned.built.spent else (),
    )


def _sampled(recipe: Recipe, asked: Asked, problems: Sequence[Problem]) -> list[Built[ReasoningPath]]:
    """The judged paths of every student."""
    found = []
    for number, (student, engine) in enumerate(zip(recipe.students, asked.students, strict=True)):
        stage = stage_name("sample", number, len(recipe.students))
        found.append(
            mistakes.collect_paths(
                problems,
                engine,
                asked.ledger,
                paths=student.paths,
                sampling=sampling_of(student, recipe),
                prompt=student.prompt or tasks.get(recipe.task).prompt,
                origin=student.origin,
                stage=stage,
                budget_usd=asked.budget_usd,
                progress=asked.progress(stage) if asked.progress else None,
            )
        )
    return found


def load_problems(recipe: Recipe) -> tuple[list[Problem], list[Problem]]:
    """The training problems of a recipe, both sides, and the test problems that must stay out of them.

    The nano world has no overlap by construction, and its test problems are endless: none are
    loaded. Where the training problems are a local file there are none to compare with, and evolved ones
    were compared when they were made. Recorded solutions may bring all problems (`from_files`).
    """
    sides = recipe.problems
    if evolved := published_problems(sides, task=recipe.task):
        made = [[row.problem for row in evolved.rows(split)] for split in ("train", "dev")]
        end = None if sides.train is None else sides.start + sides.train
        return [*made[0][sides.start : end], *made[1][: sides.dev]], []
    if not tasks.get(recipe.task).splits:
        return [], []  # its questions come with recorded solutions
    if from_files(recipe):
        return [], _known_tests(recipe.task)
    path = Path(sides.path) if sides.path else None
    train = tasks.load_problems(recipe.task, "train", limit=sides.train, start=sides.start, path=path)
    dev = tasks.load_problems(recipe.task, "dev", limit=sides.dev, path=path)
    test: list[Problem] = []
    if recipe.task != "nano" and (path is None or path.is_dir()):
        test = tasks.load_problems(recipe.task, "test", path=path)
    return [*train, *dev], test


def from_files(recipe: Recipe) -> bool:
    """Whether all problems come with the recorded solutions, so that the problem set itself is not needed.

    It is where students are asked, `problems` chooses some, gold solutions become rows, or a format has no answers.
    """
    return (
        not recipe.students
        and recipe.problems == Problems()
        and (recipe.kind == "corrections" or not recipe.gold)
        and all(file.format == "jsonl" for file in recipe.recorded)
    )


def _known_tests(task: str) -> list[Problem]:
    """The test problems of a task where a Hub has them; the manifest says that rows were not compared otherwise."""
    try:
        return [] if task == "nano" else tasks.load_problems(task, "test")
    except HubError:
        return []  # `load_held_out` warns and records it


def check(recipe: Recipe) -> None:
    """Refuse what can be seen to be wrong without an engine, a file or a network.

    Raises:
        LemaError: Sections, numbers or prompts of the recipe cannot be.
    """
    if not recipe.students and not recipe.recorded and (recipe.kind == "corrections" or not recipe.gold):
        raise RecipeError("the recipe has neither students nor recorded solutions; add one of them")
    if recipe.kind == "corrections" and recipe.students and recipe.corrector is None:
        raise RecipeError("the recipe has students but no corrector; add one")
    for name, section in (("vote", recipe.vote), ("seam_judge", recipe.seam_judge)):
        if name in recipe.gates and section is None:
            raise RecipeError(f"gate {name!r} is required but there is no section {name!r}; say whom to ask")
        if section is not None and recipe.corrector is None:
            raise RecipeError(f"section {name!r} has no corrections to look at; add a corrector")
    check_threshold(recipe.near_duplicate)
    for student in recipe.students:
        sampling_of(student, recipe)
        prompts.load(student.prompt or tasks.get(recipe.task).prompt)
    if recipe.corrector is not None:
        correcting_of(recipe.corrector, recipe)
        prompts.load(recipe.corrector.prompt or tasks.get(recipe.task).corrector)
    if recipe.vote is not None and recipe.vote.prompt is not None:
        prompts.load(recipe.vote.prompt)
    if recipe.seam_judge is not None:
        prompts.load(recipe.seam_judge.prompt)


def _correct(
    recipe: Recipe,
    asked: Asked,
    problems: Sequence[Problem],
    paths: Sequence[ReasoningPath],
    recorded: Sequence[Imported],
    test_keys: frozenset[str],
) -> Built[Any]:
    """Corrections of annotated paths by their annotations, of the others by the corrector."""
    annotations: dict[str, Annotation] = {}
    for found in recorded:
        for path_id, annotation in found.annotations.items():
            if recipe.corrector is None or annotation.refused != "unfinished":  # a corrector finishes these
                annotations[path_id] = annotation
    built: Built[Any] = Built(rows=())
    if annotations:
        built = build_annotated(problems, paths, annotations, require=recipe.gates, test_keys=test_keys)
    if recipe.corrector is None or asked.corrector is None:
        return built
    own: Built[Any] = corrections.build_corrections(
        problems,
        [path for path in paths if path.path_id not in annotations],
        asked.corrector,
        asked.ledger,
        prompt=recipe.corrector.prompt or tasks.get(recipe.task).corrector,
        sampling=correcting_of(recipe.corrector, recipe),
        structured=recipe.corrector.structured,
        require=recipe.gates,
        voters=asked.voters,
        judge=asked.judge,
        test_keys=test_keys,
        budget_usd=asked.budget_usd,
        progress=asked.progress,
    )
    return replace(own.after(built), rows=(*built.rows, *own.rows))


def correcting_of(corrector: Corrector, recipe: Recipe) -> Sampling:
    """How a corrector is sampled."""
    return replace(
        corrections.SAMPLING,
        temperature=corrector.temperature,
        max_tokens=corrector.max_tokens,
        seed=recipe.seed,
    )


def voters_of(recipe: Recipe, prices: Path | None) -> Voters | None:
    """Who votes on a recipe's corrections, None if nobody does."""
    voting = recipe.vote
    if voting is None:
        return None
    corrector_prompt = recipe.corrector.prompt if recipe.corrector else None
    return Voters(
        engine=engine_of(voting, recipe, prices),
        prompt=voting.prompt or corrector_prompt or tasks.get(recipe.task).corrector,
        sampling=Sampling(temperature=voting.temperature, max_tokens=voting.max_tokens, seed=recipe.seed),
        k=voting.k,
        agree=voting.agree,
    )


def judge_of(recipe: Recipe, prices: Path | None) -> Judge | None:
    """Who rates a recipe's corrections, None if nobody does."""
    judging = recipe.seam_judge
    if judging is None:
        return None
    return Judge(
        engine=engine_of(judging, recipe, prices),
        prompt=judging.prompt,
        sampling=Sampling(temperature=judging.temperature, max_tokens=judging.max_tokens, seed=recipe.seed),
    )


class Limits(Protocol):
    """What a recipe of any kind says of all its models."""

    @property
    def concurrency(self) -> int: ...
    @property
    def batch_size(self) -> int | None: ...


def engine_of(source: Source, recipe: Limits, prices: Path | None) -> Engine:
    """The engine of a model in a recipe."""
    return choose(source, concurrency=recipe.concurrency, batch_size=recipe.batch_size, prices=prices)


def sampling_of(student: Student, recipe: Recipe) -> Sampling:
    """How a student is sampled."""
    return Sampling(
        temperature=student.temperature,
        top_p=student.top_p,
        max_tokens=tasks.get(recipe.task).max_new_tokens
        if student.max_tokens is None
        else student.max_tokens,
        stop=mistakes.STOP,
        seed=recipe.seed,
    )


def stage_name(name: str, number: int, count: int) -> str:
    """The name of one of `count` stages of a kind."""
    return name if count == 1 else f"{name}_{number + 1}"

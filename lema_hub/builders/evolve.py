"""Evolution, from a recipe to a folder: seeds, new questions, their answers (LeMa, arXiv 2310.20689v4).

    kind: evolve
    task: gsm8k
    corrections: {repo: lema/lema-corrections, revision: v0.1.0}
    samples: 10000
    evolver: {engine: openai, model: my-evolver}
    solver: {engine: openai, model: my-solver, paths: 3}

Seeds are drawn only from training questions that occur in the corrections: those that some student answered wrong and
that could be corrected. General evolution, the paper's comparison, is the same recipe with `corrections: null`: seeds
are all training questions. What comes out is a data set of problems that the recipes for corrections and CoT take
(`problems: {repo: ..., revision: ...}`), which begins the second round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from lema_hub import nano, prompts, tasks
from lema_hub.answers import judge_answer
from lema_hub.artifacts.manifest import Input, Manifest
from lema_hub.builders import evolved, mistakes
from lema_hub.builders.assemble import LEDGER, engine_of
from lema_hub.builders.built import by_id
from lema_hub.builders.clean import clean
from lema_hub.builders.contamination import Checks, check_names
from lema_hub.builders.corrections import StageProgress
from lema_hub.builders.dataset import problem_inputs, write_dataset
from lema_hub.builders.dedup import THRESHOLD, check_threshold
from lema_hub.builders.evolved import Draw, Side
from lema_hub.builders.plan import PlannedStage, expected, planned
from lema_hub.builders.published import Opened, Published, open_published
from lema_hub.builders.recipe import Concurrency, NewTokens, Paths, Problems, Seed
from lema_hub.config import Range
from lema_hub.engines import Engine, Ledger, Sampling
from lema_hub.engines.choose import Source
from lema_hub.engines.evolver import ExactEvolver
from lema_hub.errors import InputError, RecipeError
from lema_hub.records import EVOLUTIONS, Evolution, EvolvedProblem, Problem
from lema_hub.tasks.held_out import load_held_out


@dataclass(frozen=True, slots=True, kw_only=True)
class Evolver(Source):
    """Who writes new questions; in the nano world the engine `exact`, which knows their answers."""

    prompt: str = "lema-evolve"
    temperature: float = 0.7
    top_p: float = 1.0
    max_tokens: NewTokens = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Solver(Source):
    """Who answers them, `paths` times, of which `agree` must say the same, by default more than half; `prompt`
    defaults to the task's few-shot prompt.
    """

    prompt: str | None = None
    paths: Annotated[int, Range(2, 1_000)] = 3
    agree: Paths | None = None
    temperature: float = 0.7
    top_p: float = 1.0
    max_tokens: NewTokens | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvolveRecipe:
    """What new problems are made of.

    Attributes:
        kind: `evolve`.
        task: The problem set.
        evolver: Who writes new questions.
        solver: Who answers them.
        corrections: The data set whose questions are the seeds; null for all training questions.
        problems: The training questions: new ones must differ from them, and without `corrections` they are the seeds.
        samples: Seeds to draw, with replacement.
        evolutions: What is done to them, in equal parts.
        max_characters: Longer questions are dropped.
        contamination: How the new questions are compared with the test sets.
        near_duplicate: From which similarity on two questions are one.
        concurrency: Requests in flight at an endpoint.
        batch_size: Rows that a local model computes together at most; null for its own choice.
        seed: The seed of all draws and sampling.
    """

    kind: Literal["evolve"]
    task: str
    evolver: Evolver
    solver: Solver
    corrections: Published | None = None
    problems: Problems = field(default_factory=Problems)
    samples: Annotated[int, Range(1, 1_000_000)] = 10_000
    evolutions: tuple[Evolution, ...] = EVOLUTIONS
    max_characters: Annotated[int, Range(1, 1_000_000)] = 1500
    contamination: Checks = field(default_factory=Checks)
    near_duplicate: float = THRESHOLD
    concurrency: Concurrency = 64
    batch_size: Concurrency | None = None
    seed: Seed = 0

    def __post_init__(self) -> None:
        if not self.evolutions:
            raise RecipeError(f"evolutions is empty; name some of {', '.join(EVOLUTIONS)}")
        if not self.solver.paths // 2 < (self.solver.agree or self.solver.paths) <= self.solver.paths:
            raise RecipeError(
                f"solver.agree must be more than half of the {self.solver.paths} paths, got {self.solver.agree}"
            )
        if (self.task == "nano") != (self.evolver.engine == "exact"):
            raise RecipeError(
                f"evolver.engine is {self.evolver.engine!r} for the task {self.task!r}; nano problems are evolved by "
                "the engine exact, and no others"
            )
        if self.task == "nano" and self.corrections is None and self.problems.train is None:
            raise RecipeError("the nano world is endless: give corrections, or problems.train")
        check_threshold(self.near_duplicate)
        _evolving(self)
        _solving(self)
        prompts.load(self.solver.prompt or tasks.get(self.task).fewshot)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a run begins with: the draws, every question and problem that exists already, and where they come from."""

    draws: list[Draw]
    known: dict[str, Side]
    problems: list[Problem]
    test: list[Problem]
    sources: list[Input]
    corrections: Opened | None


def run(
    recipe: EvolveRecipe,
    out: Path,
    *,
    command: str,
    ledger: Path | None = None,
    budget_usd: float | None = None,
    prices: Path | None = None,
    progress: StageProgress | None = None,
) -> Manifest:
    """Evolve questions into a folder of problems that can be published.

    Args:
        recipe: What to evolve.
        out: The folder.
        command: The command that makes it again, for the manifest.
        ledger: The ledger's file; `ledger.sqlite` in `out` by default.
        budget_usd: See `Ledger.run`; the limit holds for everything in the ledger.
        prices: A price list of your own (`lema_hub.engines.prices`).
        progress: Gives each stage its progress.

    Raises:
        LemaError: Seeds cannot be loaded, an engine cannot answer, or no question is left.
    """
    begun = _begin(recipe)
    held_out = load_held_out(
        recipe.task, loaded=begun.test, against=[Path(file) for file in recipe.contamination.against]
    )
    check_names(recipe.contamination, *held_out)
    evolver, solver = (_engine(who, recipe, prices) for who in (recipe.evolver, recipe.solver))
    with Ledger(ledger or out / LEDGER) as opened:
        questions = evolved.evolve(
            begun.draws,
            evolver,
            opened,
            sampling=_evolving(recipe),
            known=begun.known,
            prompt=recipe.evolver.prompt,
            max_characters=recipe.max_characters,
            budget_usd=budget_usd,
            progress=progress("evolve") if progress else None,
        )
        answered = evolved.answer(
            questions.rows,
            solver,
            opened,
            paths=recipe.solver.paths,
            sampling=_solving(recipe),
            prompt=recipe.solver.prompt or tasks.get(recipe.task).fewshot,
            agree=recipe.solver.agree,
            budget_usd=budget_usd,
            progress=progress("answer") if progress else None,
        )
    new = evolved.only_new(answered, begun.problems, threshold=recipe.near_duplicate)
    cleaned = clean(
        new.after(questions), held_out, checks=recipe.contamination, threshold=recipe.near_duplicate
    )
    built = cleaned.built
    if begun.corrections is not None:  # its models' terms hold for what is made of it
        built = replace(
            built, models=tuple(dict.fromkeys((*begun.corrections.built.manifest.models, *built.models)))
        )
    return write_dataset(
        out,
        built,
        kind="problems",
        task=recipe.task,
        command=command,
        inputs=begun.sources,
        seed=recipe.seed,
        measures=truth(built.rows) if recipe.task == "nano" else None,
        contamination=cleaned.contamination,
        duplicates=cleaned.duplicates,
    )


def plan(
    recipe: EvolveRecipe, out: Path, *, ledger: Path | None = None, prices: Path | None = None
) -> list[PlannedStage]:
    """What `run` would send; nothing is sent and nothing is written.

    Raises:
        LemaError: Seeds cannot be loaded.
    """
    begun = _begin(recipe)
    file = ledger or out / LEDGER
    opened = Ledger(file) if file.exists() else None
    try:
        requests = evolved.evolve_requests(
            begun.draws, prompt=recipe.evolver.prompt, sampling=_evolving(recipe)
        )
        writing = planned("evolve", _engine(recipe.evolver, recipe, prices), requests, opened)
        # The new questions are not known yet: as many as are asked for, each as long as it may be.
        longest = replace(begun.draws[0].seed, question="x" * recipe.max_characters)
        asked = mistakes.sample_requests(
            [longest],
            paths=recipe.solver.paths,
            sampling=_solving(recipe),
            prompt=recipe.solver.prompt or tasks.get(recipe.task).fewshot,
        )
        one = planned("answer", _engine(recipe.solver, recipe, prices), asked, None)
        worst = replace(
            one,
            requests=one.requests * recipe.samples,
            max_new_tokens=one.max_new_tokens * recipe.samples,
            max_cost_usd=None if one.max_cost_usd is None else one.max_cost_usd * recipe.samples,
            exact=False,
            problems=recipe.samples,
            max_disk_bytes=one.max_disk_bytes * recipe.samples,
        )
        past = opened.totals() if opened else []
        written = sum(totals.responses for totals in past if totals.stage == "evolve")
        answered = sum(totals.responses for totals in past if totals.stage == "answer")
        more = round(answered / written * recipe.samples) - answered if written else 0
        return [writing, expected(worst, max(0, more), opened)]
    finally:
        if opened is not None:
            opened.close()


def truth(problems: Sequence[EvolvedProblem]) -> dict[str, float]:
    """The share of gold answers that are right, by votes, where the truth is known: in the nano world."""
    right: dict[int, list[bool]] = {}
    for row in problems:
        true = nano.load(row.problem.problem_id).problem.answer
        right.setdefault(row.votes, []).append(judge_answer(row.problem.answer, true).verdict == "correct")
    every = [one for found in right.values() for one in found]
    if not every:
        return {}
    by_votes = {
        f"of those with {votes} votes": sum(found) / len(found) for votes, found in sorted(right.items())
    }
    return {"share of gold answers that are right": sum(every) / len(every), **by_votes}


def _begin(recipe: EvolveRecipe) -> _Plan:
    sides = recipe.problems
    path = Path(sides.path) if sides.path else None
    opened: Opened | None = None
    train: list[Problem] = []
    if recipe.task != "nano" or recipe.corrections is None:
        train = tasks.load_problems(recipe.task, "train", limit=sides.train, start=sides.start, path=path)
    if recipe.corrections is not None:
        opened = open_published(recipe.corrections, config=recipe.task, kinds=("corrections",))
        seeds = list(by_id(row.problem for row in opened.rows("train")).values())
        sources = [opened.source]
    else:
        seeds, sources = train, list(problem_inputs(train))
    if not seeds:
        raise InputError(f"there is no training question of {recipe.task} to start from; give other seeds")
    known: dict[str, Side] = {tasks.question_key(problem.question): "train" for problem in (*seeds, *train)}
    others: list[Problem] = []
    test: list[Problem] = []
    if recipe.task != "nano":
        others = tasks.load_problems(recipe.task, "dev", path=path)
        if path is None or path.is_dir():
            test = tasks.load_problems(recipe.task, "test", path=path)
        known |= {tasks.question_key(problem.question): "dev" for problem in others}
        known |= {tasks.question_key(problem.question): "test" for problem in test}
    draws = evolved.bootstrap(seeds, recipe.samples, recipe.evolutions, seed=recipe.seed)
    return _Plan(draws, known, [*seeds, *train, *others], test, sources, opened)


def _evolving(recipe: EvolveRecipe) -> Sampling:
    who = recipe.evolver
    return Sampling(
        temperature=who.temperature,
        top_p=who.top_p,
        max_tokens=who.max_tokens,
        stop=evolved.STOP,
        seed=recipe.seed,
    )


def _solving(recipe: EvolveRecipe) -> Sampling:
    who = recipe.solver
    return Sampling(
        temperature=who.temperature,
        top_p=who.top_p,
        max_tokens=tasks.get(recipe.task).max_new_tokens if who.max_tokens is None else who.max_tokens,
        stop=mistakes.STOP,
        seed=recipe.seed,
    )


def _engine(who: Evolver | Solver, recipe: EvolveRecipe, prices: Path | None) -> Engine:
    if isinstance(who, Evolver) and who.engine == "exact":
        return ExactEvolver()
    return engine_of(who, recipe, prices)

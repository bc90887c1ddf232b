"""What a run would send, before it sends anything: requests, tokens, price, disk and time.

Bounds hold whatever the models answer. What is expected comes from the ledger's own past answers of the same
stage and model, such as a pilot's; where there are none it is unknown, and not guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lema_hub import prompts, tasks
from lema_hub.builders import mistakes
from lema_hub.builders.assemble import (
    LEDGER,
    check,
    engine_of,
    judge_of,
    load_problems,
    sampling_of,
    stage_name,
    voters_of,
)
from lema_hub.builders.recipe import Corrector, Recipe
from lema_hub.engines import Engine, Ledger, Request, Sampling
from lema_hub.engines.ledger_contents import StageTotals
from lema_hub.records import Problem

_BYTES_PER_TOKEN = 8  # of a text at its token limit, for bounds
_ROW_BYTES = 512  # of an answer's key, numbers and index in the ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStage:
    """What one stage would send: requests without an answer yet, and the most new tokens, dollars and bytes.

    Attributes:
        stage: Its name.
        model: Who is asked.
        requests: Requests without an answer.
        answered: Requests whose answer is in the ledger.
        max_new_tokens: The most that they generate.
        max_cost_usd: The most that they cost; None if no price is known.
        exact: False where the number of requests depends on answers that are not there yet; then it is a bound.
        problems: Problems that they are about.
        max_disk_bytes: The most that the ledger grows.
        expected_requests: The number that the ledger's past answers suggest; None without past answers.
        expected_tokens: Prompt and new tokens by the past average; None without a past.
        expected_cost_usd: Dollars by the past average; None without one or without a price.
        seconds: Time at the past pace; None without one.
    """

    stage: str
    model: str
    requests: int
    answered: int
    max_new_tokens: int
    max_cost_usd: float | None
    exact: bool = True
    problems: int = 0
    max_disk_bytes: int = 0
    expected_requests: int | None = None
    expected_tokens: int | None = None
    expected_cost_usd: float | None = None
    seconds: float | None = None


def plan(
    recipe: Recipe, out: Path, *, ledger: Path | None = None, prices: Path | None = None
) -> list[PlannedStage]:
    """What `run` would send; nothing is sent and nothing is written.

    Raises:
        RecipeError: The recipe has nothing to build from.
        LemaError: Problems cannot be loaded.
    """
    check(recipe)
    problems, _ = load_problems(recipe)
    file = ledger or out / LEDGER
    opened = Ledger(file) if file.exists() else None
    stages = []
    samples = 0
    for number, student in enumerate(recipe.students):
        engine = engine_of(student, recipe, prices)
        requests = mistakes.sample_requests(
            problems,
            paths=student.paths,
            sampling=sampling_of(student, recipe),
            prompt=student.prompt or tasks.get(recipe.task).prompt,
        )
        stages.append(planned(stage_name("sample", number, len(recipe.students)), engine, requests, opened))
        samples += len(requests)
    if recipe.kind == "corrections" and recipe.corrector is not None and samples:
        stages += _after_sampling(recipe, recipe.corrector, problems, samples, prices, opened)
    if opened is not None:
        opened.close()
    return stages


def planned(stage: str, engine: Engine, requests: Sequence[Request], ledger: Ledger | None) -> PlannedStage:
    """What a stage of known requests would send."""
    pending = ledger.pending(engine, requests) if ledger else list(requests)
    bounds = [engine.cost_bound(request) for request in pending]
    known = [bound for bound in bounds if bound is not None]
    new_tokens = sum(request.sampling.max_tokens for request in pending)
    texts = sum(len(text.encode()) for text in {request.prompt for request in pending})
    return expected(
        PlannedStage(
            stage=stage,
            model=engine.model,
            requests=len(pending),
            answered=len(requests) - len(pending),
            max_new_tokens=new_tokens,
            max_cost_usd=sum(known) if len(known) == len(bounds) else None,
            problems=len({request.problem_id for request in requests}),
            max_disk_bytes=texts + new_tokens * _BYTES_PER_TOKEN + len(pending) * _ROW_BYTES,
        ),
        len(pending),
        ledger,
    )


def _after_sampling(
    recipe: Recipe,
    corrector: Corrector,
    problems: Sequence[Problem],
    samples: int,
    prices: Path | None,
    ledger: Ledger | None,
) -> list[PlannedStage]:
    """Bounds of the stages that depend on the students' answers: every sample wrong and well corrected, every
    question the longest, every path at its limit.

    Expected is as many as there were for each sample in the past.
    """
    longest = max((problem.question for problem in problems), key=len, default="")
    path = (
        "x" * max(sampling_of(student, recipe).max_tokens for student in recipe.students) * _BYTES_PER_TOKEN
    )
    names = {stage_name("sample", number, len(recipe.students)) for number in range(len(recipe.students))}
    totals = ledger.totals() if ledger else []
    sampled = sum(past.responses for past in totals if past.stage in names)
    prompt = corrector.prompt or tasks.get(recipe.task).corrector
    asked: list[tuple[str, Engine, str, int, int]] = [
        ("correct", engine_of(corrector, recipe, prices), prompt, corrector.max_tokens, 1)
    ]
    if voters := voters_of(recipe, prices):
        asked.append(("vote", voters.engine, voters.prompt, voters.sampling.max_tokens, voters.k))
    if judge := judge_of(recipe, prices):
        asked.append(("seam_judge", judge.engine, judge.prompt, judge.sampling.max_tokens, 1))
    stages = []
    for stage, engine, template, max_tokens, each in asked:
        fields = {"question": longest, "solution": path, "incorrect_step": "1000"}
        if stage == "seam_judge":
            text = "x" * corrector.max_tokens * _BYTES_PER_TOKEN
            fields |= {"explanation": text, "corrected": path + text}
        request = Request(
            prompt=prompts.load(template).render(**fields), sampling=Sampling(max_tokens=max_tokens)
        )
        bound, requests = engine.cost_bound(request), samples * each
        answered = sum(past.responses for past in totals if (past.stage, past.model) == (stage, engine.model))
        worst = PlannedStage(
            stage=stage,
            model=engine.model,
            requests=requests,
            answered=0,
            max_new_tokens=requests * max_tokens,
            max_cost_usd=None if bound is None else requests * bound,
            exact=False,
            problems=len(problems),
            max_disk_bytes=samples * len(request.prompt.encode())
            + requests * (max_tokens * _BYTES_PER_TOKEN + _ROW_BYTES),
        )
        more = round(answered / sampled * samples) - answered if sampled else None
        stages.append(worst if more is None else expected(worst, max(0, more), ledger))
    return stages


def expected(stage: PlannedStage, requests: int, ledger: Ledger | None) -> PlannedStage:
    """The stage with what that number of requests took in the past; unchanged if the ledger has no past answers."""
    past = _past(stage, ledger)
    if past is None or ledger is None:
        return stage
    pace = ledger.pace(stage.stage, stage.model)
    tokens = (past.prompt_tokens + past.completion_tokens) / past.responses
    cost = None if past.cost_usd is None else past.cost_usd / past.responses * requests
    return replace(
        stage,
        expected_requests=requests,
        expected_tokens=round(tokens * requests),
        expected_cost_usd=cost if stage.max_cost_usd is not None else None,
        seconds=None if pace is None else requests / pace,
    )


def _past(stage: PlannedStage, ledger: Ledger | None) -> StageTotals | None:
    totals = ledger.totals() if ledger else []
    return next(
        (
            past
            for past in totals
            if (past.stage, past.model) == (stage.stage, stage.model) and past.responses
        ),
        None,
    )

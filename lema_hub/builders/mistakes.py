"""Mistakes: sample reasoning paths, judge them, and keep every distinct one with its verdict (LeMa, section
2.1).

The wrong paths are what corrections are made of; the right ones are CoT data. What has no answer is
neither: it is counted by its verdict (`unparsed`, `truncated`, ...) and dropped, never taken for wrong.

    paths = collect_paths(problems, engine, ledger, paths=4, sampling=Sampling(temperature=0.7))
    mistakes = [path for path in paths.rows if path.verdict == "wrong"]
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from lema_hub import nano, prompts, tasks
from lema_hub.answers import judge
from lema_hub.artifacts.manifest import ModelUse, PromptUse, Stage
from lema_hub.builders.built import Built, by_id, merge, spent_on, usage
from lema_hub.engines import Engine, Failure, Ledger, Request, Sampling
from lema_hub.engines.ledger import Progress
from lema_hub.errors import InputError
from lema_hub.records import ErrorType, Origin, Problem, ReasoningPath, Rejection, Verdict
from lema_hub.steps import split_steps, with_answer_step
from lema_hub.tasks.gsm8k import without_calculator

STOP = ("\nQuestion:", "\n\nQuestion:")
"""Where a base model that goes on after its answer is cut off."""

MOST_REQUESTS = 10_000_000
"""Samples of one student in one build; they are held in memory."""

SAMPLING = Sampling(temperature=0.7, stop=STOP)

_FINAL_LINE = re.compile(r"\n?^[ \t]*(?:####|A:)[^\n]*\s*\Z", re.MULTILINE)


def collect_paths(
    problems: Sequence[Problem],
    engine: Engine,
    ledger: Ledger,
    *,
    paths: int,
    sampling: Sampling = SAMPLING,
    prompt: str = "lema-cot",
    origin: Origin = "on_policy",
    stage: str = "sample",
    budget_usd: float | None = None,
    progress: Progress | None = None,
) -> Built[ReasoningPath]:
    """Sample reasoning paths of problems and judge them.

    Args:
        problems: All of one task.
        engine: The student.
        ledger: Where answers are kept.
        paths: Samples per problem.
        sampling: How they are sampled.
        prompt: Name of the prompt template; its field is `question`.
        origin: `on_policy` if the engine is the model that will be trained, else `other_model`.
        stage: The stage's name in ledger and manifest.
        budget_usd: See `Ledger.run`.
        progress: See `Ledger.run`.

    Returns:
        The distinct right and wrong paths in the order of the problems. `verdicts` counts all samples. The
        stage counts wrong paths out; `correct` and `duplicate` are among the dropped there.

    Raises:
        InputError: `paths` is below 1, or the problems are of several tasks.
        EngineError: The engine cannot answer.

    Example:
        >>> from pathlib import Path
        >>> import lema_hub
        >>> problems = lema_hub.load_problems("nano", "train", limit=3)
        >>> student = lema_hub.choose_engine(lema_hub.Source(engine="transformers", model="nano"))
        >>> with lema_hub.Ledger(Path("ledger.sqlite")) as ledger:
        ...     paths = collect_paths(problems, student, ledger, paths=2)
        >>> sum(paths.verdicts.values())
        6
    """
    template = prompts.load(prompt)
    requests = sample_requests(problems, paths=paths, sampling=sampling, prompt=prompt)
    answers = ledger.run(engine, requests, stage=stage, budget_usd=budget_usd, progress=progress)
    by_problem = by_id(problems)
    found: list[ReasoningPath] = []
    failed: list[Rejection] = []
    for request, answer in zip(requests, answers, strict=True):
        problem = by_problem[str(request.problem_id)]
        if isinstance(answer, Failure):
            failed.append(
                Rejection(problem.problem_id, "", stage, f"request_{answer.reason}", answer.detail, "")
            )
            continue
        found.append(
            judged_path(
                problem,
                answer.text,
                model=engine.model,
                model_revision=engine.revision,
                engine=engine.name,
                prompt_id=template.id,
                sampling=sampling,
                origin=origin,
                finish_reason=answer.finish_reason,
            )
        )
    tokens, cost = usage(answers)
    return replace(
        distinct(found, failed=failed, stage=stage),
        prompts=(PromptUse(id=template.id, role="sample", sha256=template.sha256),),
        models=(ModelUse(role="student", name=engine.model, revision=engine.revision, engine=engine.name),),
        tokens=tokens,
        cost_usd=cost,
        spent=spent_on([(str(request.problem_id), engine.model) for request in requests], answers),
    )


def sample_requests(
    problems: Sequence[Problem], *, paths: int, sampling: Sampling, prompt: str
) -> list[Request]:
    """The requests of `collect_paths`: `paths` samples of each problem's prompt.

    Raises:
        InputError: `paths` is below 1, there are more than `MOST_REQUESTS` requests, or the problems are of several
            tasks.
    """
    if paths < 1 or paths * len(problems) > MOST_REQUESTS:
        raise InputError(
            f"paths must be >= 1, got {paths}, and {len(problems):,} problems times paths at most {MOST_REQUESTS:,}"
        )
    template = prompts.load(prompt)
    if len({problem.task for problem in problems}) > 1:
        raise InputError(
            f"problems are of the tasks {sorted({p.task for p in problems})}; sample one task at a time"
        )
    return [
        Request(prompt=text, sampling=sampling, index=index, problem_id=problem.problem_id)
        for problem in problems
        for text in [template.render(question=problem.question)]
        for index in range(paths)
    ]


def judged_path(
    problem: Problem,
    text: str,
    *,
    model: str,
    model_revision: str | None = None,
    engine: str = "import",
    prompt_id: str = "",
    sampling: Sampling | None = None,
    origin: Origin = "other_model",
    finish_reason: str | None = None,
) -> ReasoningPath:
    """One solution of a problem as a judged path in steps, its answer as the last step."""
    judgement = judge(
        text,
        problem.answer,
        style=tasks.get(problem.task).style,
        finish_reason=finish_reason,
        question=problem.question,
    )
    steps = path_steps(text, judgement.extracted)
    return ReasoningPath.make(
        problem_id=problem.problem_id,
        model=model,
        model_revision=model_revision,
        engine=engine,
        text=text,
        steps=steps,
        answer=judgement.extracted,
        verdict=judgement.verdict,
        prompt_id=prompt_id,
        temperature=sampling.temperature if sampling else None,
        top_p=sampling.top_p if sampling else None,
        seed=sampling.seed if sampling else None,
        origin=origin,
        error_type=_known_error(problem, steps) if judgement.verdict == "wrong" else None,
        finish_reason=finish_reason,
    )


def path_steps(text: str, answer: str | None) -> tuple[str, ...]:
    r"""The steps of a free-form solution: no calculator marks, and LeMa's answer step at the end.

    >>> path_steps("She has 16 - 3 = <<16-3=13>>13 eggs.\nA: 13", "13")
    ('She has 16 - 3 = 13 eggs.', 'The answer is 13.')
    """
    return with_answer_step(split_steps(_FINAL_LINE.sub("", without_calculator(text))), answer)


def distinct(
    paths: Iterable[ReasoningPath],
    *,
    stage: str,
    failed: Sequence[Rejection] = (),
) -> Built[ReasoningPath]:
    """Judged paths as the outcome of a stage: verdicts counted, equal texts once, unusable verdicts
    rejected.
    """
    verdicts: Counter[str] = Counter()
    kept: dict[str, ReasoningPath] = {}
    rejected = list(failed)
    dropped: Counter[str] = Counter(rejection.reason for rejection in failed)
    total = len(failed)
    for path in paths:
        total += 1
        verdicts[path.verdict] += 1
        if path.path_id in kept:
            dropped["duplicate"] += 1
        elif path.verdict in ("correct", "wrong"):
            kept[path.path_id] = path
            dropped["correct"] += path.verdict == "correct"
        else:
            dropped[path.verdict] += 1
            rejected.append(
                Rejection(path.problem_id, path.path_id, stage, path.verdict, "no answer to judge", path.text)
            )
    wrong = sum(path.verdict == "wrong" for path in kept.values())
    return Built(
        rows=tuple(kept.values()),
        rejected=tuple(rejected),
        stages=(Stage(name=stage, rows_in=total, rows_out=wrong, dropped=_sorted(dropped)),),
        verdicts=_sorted(verdicts),
    )


def once(
    parts: Sequence[Built[ReasoningPath]], *, verdict: Verdict, stage: str = "once"
) -> Built[ReasoningPath]:
    """The paths of several students with equal solutions once: the first student's stands.

    Two solutions of a problem are equal if their steps are. The stage counts the paths of `verdict`, those that
    the dataset is made of; with a single student there is nothing to compare and no stage.
    """
    merged = merge(parts)
    if len(parts) < 2:
        return merged
    kept: dict[tuple[str, tuple[str, ...]], ReasoningPath] = {}
    for path in merged.rows:
        kept.setdefault((path.problem_id, path.steps), path)
    counts = [sum(path.verdict == verdict for path in paths) for paths in (merged.rows, kept.values())]
    dropped = {"duplicate": counts[0] - counts[1]} if counts[0] > counts[1] else {}
    own = Stage(name=stage, rows_in=counts[0], rows_out=counts[1], dropped=dropped)
    return replace(merged, rows=tuple(kept.values()), stages=(*merged.stages, own))


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return {name: counts[name] for name in sorted(counts) if counts[name]}


def _known_error(problem: Problem, steps: Sequence[str]) -> ErrorType | None:
    """The type of the first error where it is known exactly, which is in the nano world."""
    return nano.check(nano.load(problem.problem_id), steps).error_type if problem.task == "nano" else None

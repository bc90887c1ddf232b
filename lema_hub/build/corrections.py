"""Corrections: a corrector names the first wrong step, explains it and goes on rightly (LeMa, section 2.1).

    corrections = build_corrections(problems, paths.rows, corrector, ledger)

Every wrong path becomes a row or a rejection with the first gate that it failed (`lema_hub.build.gates`).
`prompt` and `completion` of a row are LeMa's fine-tuning formats, whatever prompt the corrector was given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from lema_hub import prompts
from lema_hub.build import gates
from lema_hub.build.built import Built, by_id, is_test, test_rejection, usage
from lema_hub.engines import Engine, Failure, Ledger, Request, Sampling
from lema_hub.engines.ledger import Progress
from lema_hub.errors import FormatError
from lema_hub.hub.manifest import ModelUse, PromptUse, Stage
from lema_hub.records import Correction, Problem, ReasoningPath, Rejection
from lema_hub.steps import CorrectionText, format_correction, join_steps, parse_correction

STOP = ("\n\nQuestion:",)
"""Where a base model that goes on after its correction is cut off."""

SAMPLING = Sampling(max_tokens=1024, stop=STOP)


def build_corrections(
    problems: Sequence[Problem],
    paths: Sequence[ReasoningPath],
    corrector: Engine,
    ledger: Ledger,
    *,
    prompt: str = "lema-correction",
    sampling: Sampling = SAMPLING,
    require: Sequence[gates.GateName] = gates.REQUIRED,
    test_keys: frozenset[str] = frozenset(),
    stage: str = "correct",
    budget_usd: float | None = None,
    progress: Progress | None = None,
) -> Built[Correction]:
    """Correct the wrong ones among some paths.

    Args:
        problems: The problems of the paths.
        paths: Judged paths; all that are not `wrong` are passed over.
        corrector: Who corrects.
        ledger: Where its answers are kept.
        prompt: Name of the corrector's prompt template; its fields are `question` and `solution`.
        sampling: How the corrector is sampled.
        require: The gates that a row must pass; the verdicts of the others are only stored.
        test_keys: Hashes (`tasks.question_key`) of questions that must not be trained on.
        stage: The stage's name in ledger and manifest.
        budget_usd: See `Ledger.run`.
        progress: See `Ledger.run`.

    Returns:
        The corrections in the order of the paths, and a rejection for every other wrong path.

    Raises:
        EngineError: The corrector cannot answer.
    """
    by_problem = by_id(problems)
    wrong = [path for path in paths if path.verdict == "wrong"]
    allowed, rejected = refuse_test(by_problem, wrong, test_keys)
    template = prompts.load(prompt)
    requests = correction_requests(by_problem, allowed, prompt=prompt, sampling=sampling)
    answers = ledger.run(corrector, requests, stage=stage, budget_usd=budget_usd, progress=progress)
    rows: list[Correction] = []
    for path, answer in zip(allowed, answers, strict=True):
        problem = by_problem[path.problem_id]
        if isinstance(answer, Failure):
            reason, text = f"request_{answer.reason}", ""
            rejected.append(Rejection(problem.problem_id, path.path_id, stage, reason, answer.detail, text))
            continue
        row = corrected(
            problem,
            path,
            answer.text,
            corrector=corrector.model,
            prompt_id=template.id,
            require=require,
            cost_usd=answer.cost_usd,
            stage=stage,
        )
        if isinstance(row, Correction):
            rows.append(row)
        else:
            rejected.append(row)
    tokens, cost = usage(answers)
    return replace(
        outcome(rows, rejected, rows_in=len(wrong), stage=stage),
        prompts=(PromptUse(id=template.id, role="correct", sha256=template.sha256),),
        models=(
            ModelUse(
                role="corrector", name=corrector.model, revision=corrector.revision, engine=corrector.name
            ),
        ),
        tokens=tokens,
        cost_usd=cost,
    )


def correction_requests(
    problems: dict[str, Problem], paths: Sequence[ReasoningPath], *, prompt: str, sampling: Sampling
) -> list[Request]:
    """The requests of `build_corrections`, one per path."""
    template = prompts.load(prompt)
    return [
        Request(
            prompt=template.render(
                question=problems[path.problem_id].question, solution=join_steps(path.steps)
            ),
            sampling=sampling,
            problem_id=path.problem_id,
        )
        for path in paths
    ]


def corrected(
    problem: Problem,
    path: ReasoningPath,
    text: str,
    *,
    corrector: str,
    prompt_id: str,
    require: Sequence[gates.GateName] = gates.REQUIRED,
    cost_usd: float | None = None,
    stage: str = "correct",
) -> Correction | Rejection:
    """A corrector's text as a row, or as a rejection with the first gate that it failed."""

    def reject(reason: str, detail: str) -> Rejection:
        return Rejection(problem.problem_id, path.path_id, stage, reason, detail, text)

    try:
        correction = parse_correction(text)
    except FormatError as error:
        return reject("format", str(error))
    if not correction.explanation:
        return reject("format", "the explanation is empty")
    return gated(
        problem,
        path,
        correction,
        corrector=corrector,
        prompt_id=prompt_id,
        require=require,
        cost_usd=cost_usd,
        stage=stage,
    )


def gated(
    problem: Problem,
    path: ReasoningPath,
    correction: CorrectionText,
    *,
    corrector: str,
    prompt_id: str,
    require: Sequence[gates.GateName] = gates.REQUIRED,
    cost_usd: float | None = None,
    stage: str = "correct",
) -> Correction | Rejection:
    """A parsed correction as a row, or as a rejection with the first required gate that it failed."""
    checked = gates.check(problem, path, correction)
    failed = next((name for name in gates.GATES if name in require and name in checked.details), None)
    steps = checked.correct_steps
    if failed is not None or not steps:
        reason = failed or "numbering"
        text = format_correction(correction.incorrect_step, correction.explanation, correction.steps)
        return Rejection(problem.problem_id, path.path_id, stage, reason, checked.details[reason], text)
    return Correction(
        problem=problem,
        path=path,
        incorrect_step=correction.incorrect_step,
        error_type=path.error_type,
        explanation=correction.explanation,
        correct_solution=join_steps(checked.solution),
        correct_steps=steps,
        corrector=corrector,
        corrector_prompt_id=prompt_id,
        answer_verdict=checked.judgement.verdict,
        gates=checked.gates,
        cost_usd=cost_usd,
        prompt=prompts.load("lema-correction").render(
            question=problem.question, solution=join_steps(path.steps)
        ),
        completion=format_correction(correction.incorrect_step, correction.explanation, steps),
    )


def refuse_test(
    problems: dict[str, Problem],
    paths: Sequence[ReasoningPath],
    test_keys: frozenset[str],
    *,
    stage: str = "test_questions",
) -> tuple[list[ReasoningPath], list[Rejection]]:
    """The paths that may be trained on, and a rejection (`test_question`) for each of the others."""
    allowed: list[ReasoningPath] = []
    refused: list[Rejection] = []
    for path in paths:
        if is_test(problems[path.problem_id], test_keys):
            refused.append(test_rejection(path, stage))
        else:
            allowed.append(path)
    return allowed, refused


def outcome(
    rows: Sequence[Correction],
    rejected: Sequence[Rejection],
    *,
    rows_in: int,
    stage: str,
) -> Built[Correction]:
    """Rows and rejections as the outcome of a stage, the rejections counted by reason."""
    dropped = Counter(rejection.reason for rejection in rejected)
    return Built(
        rows=tuple(rows),
        rejected=tuple(rejected),
        stages=(
            Stage(name=stage, rows_in=rows_in, rows_out=len(rows), dropped=dict(sorted(dropped.items()))),
        ),
    )

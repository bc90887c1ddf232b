"""Corrections: a corrector names the first wrong step, explains it and corrects the rest (LeMa, section 2.1).

    corrections = build_corrections(problems, paths.rows, corrector, ledger)

Every wrong path becomes a row or a rejection with the first gate that it failed (`lema_hub.builders.gates`).
`prompt` and `completion` of a row are LeMa's fine-tuning formats, whatever prompt the corrector was given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from lema_hub import prompts, tasks
from lema_hub.artifacts.manifest import ModelUse, PromptUse, Stage
from lema_hub.builders import gates
from lema_hub.builders.built import Built, by_id, is_test, spent_on, test_rejection, usage
from lema_hub.builders.gates import Opinion
from lema_hub.builders.seam_judge import Judge, judge_seams
from lema_hub.builders.success import success
from lema_hub.builders.truth import Examined, gate_truth
from lema_hub.builders.votes import Voters, vote
from lema_hub.engines import Engine, Failure, Ledger, Request, Sampling
from lema_hub.engines.ledger import Progress
from lema_hub.engines.noisy import NoisyEngine
from lema_hub.errors import FormatError
from lema_hub.nano.noisy import Noise
from lema_hub.records import Correction, Problem, ReasoningPath, Rejection
from lema_hub.steps import (
    CORRECTION_SCHEMA,
    CorrectionText,
    format_correction,
    join_steps,
    parse_correction,
    parse_json_correction,
)

StageProgress = Callable[[str], Progress]
"""Gives the progress of a stage by its name."""

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
    structured: bool = False,
    require: Sequence[gates.GateName] = gates.REQUIRED,
    voters: Voters | None = None,
    judge: Judge | None = None,
    test_keys: frozenset[str] = frozenset(),
    stage: str = "correct",
    budget_usd: float | None = None,
    progress: StageProgress | None = None,
) -> Built[Correction]:
    """Correct the wrong ones among some paths.

    Args:
        problems: The problems of the paths.
        paths: Judged paths; all that are not `wrong` are passed over.
        corrector: Who corrects.
        ledger: Where its answers are kept.
        prompt: Name of the corrector's prompt template; its fields are `question` and `solution`.
        sampling: How the corrector is sampled.
        structured: Ask for JSON (`steps.CORRECTION_SCHEMA`) where the endpoint can be held to it.
        require: The gates that a row must pass; the verdicts of the others are only stored.
        voters: Who votes on the incorrect step of what passed the rules.
        judge: Who rates what passed the rules and a required vote.
        test_keys: Hashes (`tasks.question_key`) of questions that must not be trained on.
        stage: The stage's name in ledger and manifest.
        budget_usd: See `Ledger.run`.
        progress: Gives each stage its progress.

    Returns:
        The corrections in the order of the paths, and a rejection for every other wrong path.

    Raises:
        EngineError: The corrector cannot answer.

    Example:
        >>> from pathlib import Path
        >>> import lema_hub
        >>> from lema_hub.builders.mistakes import judged_path
        >>> problems = lema_hub.load_problems("nano", "train", limit=1)
        >>> wrong = judged_path(problems[0], "Anna is 16 + 2 = 18. 16 + 18 = 34. The answer is 34.", model="a pupil")
        >>> corrector = lema_hub.choose_engine(lema_hub.Source(engine="exact"))
        >>> with lema_hub.Ledger(Path("ledger.sqlite")) as ledger:
        ...     built = build_corrections(problems, [wrong], corrector, ledger)
        >>> built.rows[0].incorrect_step, built.rows[0].explanation
        (1, 'The wrong operation is used: 16 and 2 must be subtracted.')
    """
    by_problem = by_id(problems)
    wrong = [path for path in paths if path.verdict == "wrong"]
    allowed, rejected = refuse_test(by_problem, wrong, test_keys)
    template = prompts.load(prompt)
    requests = correction_requests(
        by_problem, allowed, prompt=prompt, sampling=sampling, structured=structured
    )
    answers = ledger.run(
        corrector,
        requests,
        stage=stage,
        budget_usd=budget_usd,
        progress=progress(stage) if progress else None,
    )
    examined: list[Examined] = []
    noises: list[Noise | None] = []
    for path, request, answer in zip(allowed, requests, answers, strict=True):
        if isinstance(answer, Failure):
            reason = f"request_{answer.reason}"
            rejected.append(Rejection(path.problem_id, path.path_id, stage, reason, answer.detail, ""))
        else:
            problem = by_problem[path.problem_id]
            examined.append(
                examine(problem, path, answer.text, structured=structured, cost_usd=answer.cost_usd)
            )
            noises.append(corrector.noise_of(request) if isinstance(corrector, NoisyEngine) else None)
    opinions: list[Built[Any]] = []
    if voters is not None:
        standing = _standing(examined, require)
        asked = [(e.problem, e.path, c.incorrect_step) for e, c, _ in standing]
        tell = progress("vote") if progress else None
        opinions.append(vote(asked, voters, ledger, budget_usd=budget_usd, progress=tell))
        examined = _with_opinions(examined, standing, opinions[-1].rows)
    if judge is not None:
        standing = _standing(examined, require)
        rated = [(e.problem, e.path, c, checked) for e, c, checked in standing]
        tell = progress("seam_judge") if progress else None
        opinions.append(judge_seams(rated, judge, ledger, budget_usd=budget_usd, progress=tell))
        examined = _with_opinions(examined, standing, opinions[-1].rows)
    outcomes = [
        _outcome(e, corrector=corrector.model, prompt_id=template.id, require=require, stage=stage)
        for e in examined
    ]
    rows = [row for row in outcomes if isinstance(row, Correction)]
    rejected += [row for row in outcomes if isinstance(row, Rejection)]
    repaired: Counter[str] = Counter(
        repair
        for e, row in zip(examined, outcomes, strict=True)
        if e.correction is not None and isinstance(row, Correction)
        for repair in e.correction.repairs
    )
    tokens, cost = usage(answers)
    used = ("lema-structured",) if structured else ()
    own: Built[Any] = Built(
        rows=(),
        prompts=tuple(
            PromptUse(id=text.id, role="correct", sha256=text.sha256)
            for text in (template, *(prompts.load(name) for name in used))
        ),
        models=(
            ModelUse(
                role="corrector", name=corrector.model, revision=corrector.revision, engine=corrector.name
            ),
        ),
        tokens=tokens,
        cost_usd=cost,
        spent=spent_on([(path.problem_id, path.model) for path in allowed], answers),
        success=success([(e.problem, e.path, _is_corrected(e)) for e in examined], corrector=corrector.model),
        gate_truth=gate_truth(examined, noises, require=require)
        if problems and problems[0].task == "nano"
        else (),
    )
    made = outcome(rows, rejected, rows_in=len(wrong), stage=stage, repaired=repaired)
    for part in (*reversed(opinions), own):
        made = made.after(part)
    return made


def _standing(
    examined: Sequence[Examined], require: Sequence[gates.GateName]
) -> list[tuple[Examined, CorrectionText, gates.Checked]]:
    """The corrections that failed no required gate so far: only these are worth a question."""
    return [
        (e, e.correction, e.checked)
        for e in examined
        if e.correction is not None and e.checked is not None and e.checked.failed(require) is None
    ]


def _with_opinions(
    examined: Sequence[Examined],
    standing: Sequence[tuple[Examined, CorrectionText, gates.Checked]],
    opinions: Sequence[Opinion],
) -> list[Examined]:
    said = {e.path.path_id: opinion for (e, _, _), opinion in zip(standing, opinions, strict=True)}
    return [
        replace(e, checked=e.checked.and_asked(said[e.path.path_id]))
        if e.checked is not None and e.path.path_id in said
        else e
        for e in examined
    ]


def _is_corrected(examined: Examined) -> bool:
    """Whether a correction fits its solution and ends in the right answer."""
    return (
        examined.checked is not None
        and examined.checked.failed(("step_exists", "numbering", "answer")) is None
    )


def correction_requests(
    problems: dict[str, Problem],
    paths: Sequence[ReasoningPath],
    *,
    prompt: str,
    sampling: Sampling,
    structured: bool = False,
) -> list[Request]:
    """The requests of `build_corrections`, one per path."""
    template = prompts.load(prompt)
    system = prompts.load("lema-structured").render() if structured else None
    return [
        Request(
            prompt=template.render(
                question=problems[path.problem_id].question, solution=join_steps(path.steps)
            ),
            sampling=sampling,
            system=system,
            problem_id=path.problem_id,
            schema=CORRECTION_SCHEMA if structured else None,
        )
        for path in paths
    ]


def examine(
    problem: Problem,
    path: ReasoningPath,
    text: str,
    *,
    structured: bool = False,
    cost_usd: float | None = None,
) -> Examined:
    """A corrector's text, read and put before the gates that are rules.

    Asked for JSON, an endpoint that cannot be held to it answers in LeMa's text, which is read as well.
    """
    try:
        is_json = structured and text.lstrip().startswith("{")
        correction = parse_json_correction(text) if is_json else parse_correction(text)
    except FormatError as error:
        return Examined(problem, path, text, cost_usd, None, None, str(error))
    if not correction.explanation:
        return Examined(problem, path, text, cost_usd, None, None, "the explanation is empty")
    return Examined(problem, path, text, cost_usd, correction, gates.check(problem, path, correction))


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
    examined = examine(problem, path, text, cost_usd=cost_usd)
    return _outcome(examined, corrector=corrector, prompt_id=prompt_id, require=require, stage=stage)


def gated(
    problem: Problem,
    path: ReasoningPath,
    correction: CorrectionText,
    *,
    corrector: str,
    prompt_id: str,
    require: Sequence[gates.GateName] = gates.REQUIRED,
    stage: str = "correct",
) -> Correction | Rejection:
    """A correction that needs no reading as a row, or as a rejection with the first gate that it failed."""
    text = format_correction(correction.incorrect_step, correction.explanation, correction.steps)
    examined = Examined(problem, path, text, None, correction, gates.check(problem, path, correction))
    return _outcome(examined, corrector=corrector, prompt_id=prompt_id, require=require, stage=stage)


def _outcome(
    examined: Examined,
    *,
    corrector: str,
    prompt_id: str,
    require: Sequence[gates.GateName],
    stage: str,
) -> Correction | Rejection:
    problem, path, correction, checked = (
        examined.problem,
        examined.path,
        examined.correction,
        examined.checked,
    )
    if correction is None or checked is None:
        return Rejection(problem.problem_id, path.path_id, stage, "format", examined.fault, examined.text)
    if (reason := checked.failed(require)) is not None:
        text = format_correction(correction.incorrect_step, correction.explanation, correction.steps)
        return Rejection(problem.problem_id, path.path_id, stage, reason, checked.details[reason], text)
    return Correction(
        problem=problem,
        path=path,
        incorrect_step=correction.incorrect_step,
        error_type=path.error_type,
        explanation=correction.explanation,
        correct_solution=join_steps(checked.solution),
        correct_steps=checked.correct_steps,
        corrector=corrector,
        corrector_prompt_id=prompt_id,
        answer_verdict=checked.judgement.verdict,
        gates=checked.gates,
        cost_usd=examined.cost_usd,
        prompt=prompts.load(tasks.get(problem.task).correction).render(
            question=problem.question, solution=join_steps(path.steps)
        ),
        completion=format_correction(
            correction.incorrect_step, correction.explanation, checked.correct_steps
        ),
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
    repaired: Counter[str] | None = None,
) -> Built[Correction]:
    """Rows and rejections as the outcome of a stage, the rejections counted by reason."""
    dropped = Counter(rejection.reason for rejection in rejected)
    return Built(
        rows=tuple(rows),
        rejected=tuple(rejected),
        stages=(
            Stage(
                name=stage,
                rows_in=rows_in,
                rows_out=len(rows),
                dropped=dict(sorted(dropped.items())),
                repaired=dict(sorted((repaired or Counter()).items())),
            ),
        ),
    )

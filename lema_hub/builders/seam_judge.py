"""The gate `seam_judge`: a model rates a correction as LeMa's people did, excellent, good or poor (section 4).

    seam_judge: {engine: openai, model: a-judge}

*Excellent* is a score of 1, *good* (a small seam between kept and corrected steps) 0.5, *poor* (wrong step or wrong
explanation) 0 and a failed gate. What is not one of these words is `skipped`; where the gate is required, it
does not pass.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lema_hub import prompts
from lema_hub.artifacts.manifest import ModelUse, PromptUse
from lema_hub.builders.built import Built, spent_on, usage
from lema_hub.builders.gates import Checked, Opinion
from lema_hub.engines import Engine, Failure, Ledger, Request, Response, Sampling
from lema_hub.engines.ledger import Progress
from lema_hub.records import Gate, Problem, ReasoningPath
from lema_hub.steps import CorrectionText, join_steps

_SCORES = {"excellent": 1.0, "good": 0.5, "poor": 0.0}
_RATING = re.compile(r"\b(excellent|good|poor)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Who judges, and how."""

    engine: Engine
    prompt: str
    sampling: Sampling


def judge_seams(
    asked: Sequence[tuple[Problem, ReasoningPath, CorrectionText, Checked]],
    judge: Judge,
    ledger: Ledger,
    *,
    stage: str = "seam_judge",
    budget_usd: float | None = None,
    progress: Progress | None = None,
) -> Built[Opinion]:
    """Have corrections rated.

    Args:
        asked: Problem, wrong path, its correction, and the correction put together with the path.
        judge: Who rates them.
        ledger: Where the ratings are kept.
        stage: The stage's name in the ledger.
        budget_usd: See `Ledger.run`.
        progress: See `Ledger.run`.

    Returns:
        An opinion for each.

    Raises:
        EngineError: The judge cannot answer.
    """
    template = prompts.load(judge.prompt)
    requests = [
        Request(
            prompt=template.render(
                question=problem.question,
                solution=join_steps(path.steps),
                incorrect_step=str(correction.incorrect_step),
                explanation=correction.explanation,
                corrected=join_steps(checked.solution),
            ),
            sampling=judge.sampling,
            problem_id=problem.problem_id,
        )
        for problem, path, correction, checked in asked
    ]
    answers = ledger.run(judge.engine, requests, stage=stage, budget_usd=budget_usd, progress=progress)
    tokens, cost = usage(answers)
    engine = judge.engine
    return Built(
        rows=tuple(_opinion(answer) for answer in answers),
        prompts=(PromptUse(id=template.id, role="judge", sha256=template.sha256),),
        models=(ModelUse(role="judge", name=engine.model, revision=engine.revision, engine=engine.name),),
        tokens=tokens,
        cost_usd=cost,
        spent=spent_on([(problem.problem_id, path.model) for problem, path, _, _ in asked], answers),
    )


def _opinion(answer: Response | Failure) -> Opinion:
    if isinstance(answer, Failure):
        return Opinion(Gate("seam_judge", "skipped"), f"no rating: {answer.reason}")
    said = {word.lower() for word in _RATING.findall(answer.text)}
    if len(said) != 1:
        return Opinion(Gate("seam_judge", "skipped"), f"no rating in {answer.text[:60]!r}")
    (word,) = said
    score = _SCORES[word]
    return Opinion(Gate("seam_judge", "pass" if score else "fail", score), "" if score else "rated poor")

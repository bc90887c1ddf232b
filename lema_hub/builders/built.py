"""What a stage of a build gives: the rows it made, the rows it dropped, and the counts that add up to all
it was given.

    paths = collect_paths(problems, student, ledger, paths=4)
    corrections = build_corrections(problems, paths.rows, corrector, ledger)
    corrections.stages[-1].dropped            # {'answer': 3, 'format': 1}
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from lema_hub.artifacts.figures import GateTruth, Success
from lema_hub.artifacts.manifest import ModelUse, PromptUse, Stage, Tokens
from lema_hub.engines import Response
from lema_hub.records import Problem, ReasoningPath, Rejection
from lema_hub.tasks import question_key

Row = TypeVar("Row")
NO_TOKENS = Tokens()


@dataclass(frozen=True, slots=True)
class Spent:
    """What one answer took, for the solution of which problem by which student; no price, no cost."""

    problem_id: str
    student: str
    tokens: Tokens
    cost_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Built(Generic[Row]):
    """The outcome of one or several stages; tokens and cost are those of the answers that were used.

    `spent` has the same tokens and costs answer by answer.
    """

    rows: tuple[Row, ...]
    rejected: tuple[Rejection, ...] = ()
    stages: tuple[Stage, ...] = ()
    verdicts: Mapping[str, int] = field(default_factory=dict)
    prompts: tuple[PromptUse, ...] = ()
    models: tuple[ModelUse, ...] = ()
    tokens: Tokens = NO_TOKENS
    cost_usd: float | None = None
    spent: tuple[Spent, ...] = ()
    success: tuple[Success, ...] = ()
    gate_truth: tuple[GateTruth, ...] = ()

    def after(self, earlier: Built[Any]) -> Built[Row]:
        """These rows, with the rejections and counts of an earlier stage before their own."""
        stages_before: Built[Row] = replace(earlier, rows=())
        return merge([stages_before, self])


def merge(parts: Sequence[Built[Row]]) -> Built[Row]:
    """One outcome of several, such as the paths of several students."""
    costs = [part.cost_usd for part in parts if part.cost_usd is not None]
    verdicts: Counter[str] = Counter()
    for part in parts:
        verdicts.update(part.verdicts)
    return Built(
        rows=tuple(row for part in parts for row in part.rows),
        rejected=tuple(row for part in parts for row in part.rejected),
        stages=tuple(stage for part in parts for stage in part.stages),
        verdicts=dict(verdicts),
        prompts=tuple(dict.fromkeys(prompt for part in parts for prompt in part.prompts)),
        models=tuple(dict.fromkeys(model for part in parts for model in part.models)),
        tokens=Tokens(
            prompt=sum(part.tokens.prompt for part in parts),
            completion=sum(part.tokens.completion for part in parts),
        ),
        cost_usd=sum(costs) if costs else None,
        spent=tuple(spent for part in parts for spent in part.spent),
        success=tuple(success for part in parts for success in part.success),
        gate_truth=tuple(truth for part in parts for truth in part.gate_truth),
    )


def spent_on(owners: Iterable[tuple[str, str]], answers: Iterable[object]) -> tuple[Spent, ...]:
    """What the responses among some answers took; `owners` are their (problem_id, student)."""
    return tuple(
        Spent(
            *owner, Tokens(prompt=answer.prompt_tokens, completion=answer.completion_tokens), answer.cost_usd
        )
        for owner, answer in zip(owners, answers, strict=True)
        if isinstance(answer, Response)
    )


def usage(responses: Iterable[object]) -> tuple[Tokens, float | None]:
    """Tokens and cost of the responses among some answers; the cost is None if none has a price."""
    answered = [response for response in responses if isinstance(response, Response)]
    costs = [response.cost_usd for response in answered if response.cost_usd is not None]
    tokens = Tokens(
        prompt=sum(response.prompt_tokens for response in answered),
        completion=sum(response.completion_tokens for response in answered),
    )
    return tokens, sum(costs) if costs else None


def by_id(problems: Iterable[Problem]) -> dict[str, Problem]:
    """The problems by their id."""
    return {problem.problem_id: problem for problem in problems}


def test_rejection(path: ReasoningPath, stage: str) -> Rejection:
    """The refusal of a solution of a test question."""
    detail = "the question is a test question; test questions are never trained on"
    return Rejection(path.problem_id, path.path_id, stage, "test_question", detail, path.text)


def is_test(problem: Problem, test_keys: frozenset[str] = frozenset()) -> bool:
    """Whether a problem must never be trained on: it is marked `test`, or its question is among
    `test_keys`.
    """
    return problem.split == "test" or question_key(problem.question) in test_keys

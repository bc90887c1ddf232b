"""The gate `vote`: a second corrector names the incorrect step again, several times; LeMa's own open question.

    vote: {engine: openai, model: another-model, k: 3, agree: 2}

A right answer does not prove that the right step was named: with a late step, the wrong one stays in the
solution. Whoever votes gets the corrector's prompt and is read only as far as the step. The score is the share
of the `k` votes for the step that the corrector named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lema_hub import prompts
from lema_hub.artifacts.manifest import ModelUse, PromptUse
from lema_hub.builders.built import Built, spent_on, usage
from lema_hub.builders.gates import Opinion
from lema_hub.engines import Engine, Ledger, Request, Response, Sampling
from lema_hub.engines.ledger import Progress
from lema_hub.errors import InputError
from lema_hub.records import Gate, Problem, ReasoningPath
from lema_hub.steps import incorrect_step, join_steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Voters:
    """Who votes, and how: `k` votes a correction, at least `agree` for its step.

    Raises:
        InputError: `k` or `agree` cannot be met.
    """

    engine: Engine
    prompt: str
    sampling: Sampling
    k: int = 3
    agree: int = 2

    def __post_init__(self) -> None:
        if not 1 <= self.agree <= self.k:
            raise InputError(f"vote has k={self.k} and agree={self.agree}; expected 1 <= agree <= k")
        if self.k > 1 and self.sampling.temperature == 0:
            raise InputError(
                f"vote has k={self.k} at temperature 0: all would be one vote; set k: 1 or sample"
            )


def vote_requests(asked: Sequence[tuple[Problem, ReasoningPath, int]], voters: Voters) -> list[Request]:
    """The requests of `vote`, `k` in a row for each correction."""
    template = prompts.load(voters.prompt)
    return [
        Request(prompt=text, sampling=voters.sampling, index=index, problem_id=problem.problem_id)
        for problem, path, _ in asked
        for text in [template.render(question=problem.question, solution=join_steps(path.steps))]
        for index in range(voters.k)
    ]


def vote(
    asked: Sequence[tuple[Problem, ReasoningPath, int]],
    voters: Voters,
    ledger: Ledger,
    *,
    stage: str = "vote",
    budget_usd: float | None = None,
    progress: Progress | None = None,
) -> Built[Opinion]:
    """Vote on the incorrect steps of corrections.

    Args:
        asked: Problem, wrong path, and the step that the corrector named.
        voters: Who votes.
        ledger: Where the votes are kept.
        stage: The stage's name in the ledger.
        budget_usd: See `Ledger.run`.
        progress: See `Ledger.run`.

    Returns:
        An opinion for each. A vote that names no step or was not answered is a vote for none.

    Raises:
        EngineError: The voters cannot answer.
    """
    template = prompts.load(voters.prompt)
    requests = vote_requests(asked, voters)
    answers = ledger.run(voters.engine, requests, stage=stage, budget_usd=budget_usd, progress=progress)
    opinions = []
    for number, (_, _, named) in enumerate(asked):
        answered = answers[number * voters.k : (number + 1) * voters.k]
        votes = Counter(incorrect_step(a.text) if isinstance(a, Response) else None for a in answered)
        passed = votes[named] >= voters.agree
        shown = ", ".join(
            f"{'none' if step is None else step} {count}" for step, count in votes.most_common()
        )
        opinions.append(
            Opinion(
                Gate("vote", "pass" if passed else "fail", votes[named] / voters.k),
                "" if passed else f"step {named} has {votes[named]} of {voters.k} votes ({shown})",
            )
        )
    tokens, cost = usage(answers)
    engine = voters.engine
    return Built(
        rows=tuple(opinions),
        prompts=(PromptUse(id=template.id, role="vote", sha256=template.sha256),),
        models=(ModelUse(role="voter", name=engine.model, revision=engine.revision, engine=engine.name),),
        tokens=tokens,
        cost_usd=cost,
        spent=spent_on(
            [(problem.problem_id, path.model) for problem, path, _ in asked for _ in range(voters.k)], answers
        ),
    )

"""New questions made of old ones, with the majority of sampled answers as their gold answer (LeMa, arXiv v4).

    draws = bootstrap(seeds, 10_000, EVOLUTIONS, seed=0)
    questions = evolve(draws, evolver, ledger, known=known)
    problems = answer(questions, solver, ledger, paths=3)

Every draw becomes a row or a rejection with its reason. A question that is said again (its seed's, one of the
training set, an earlier new one) or that is scored is refused before anybody is paid to solve it. The id of a new
problem names its seed and the draw: `gsm8k/train/17~deeper-0`.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lema_hub import prompts, tasks
from lema_hub.answers import answer_classes, extract
from lema_hub.artifacts.manifest import ModelUse, PromptUse, Stage
from lema_hub.builders.built import Built, Row, usage
from lema_hub.builders.dedup import Item, twins
from lema_hub.builders.mistakes import sample_requests
from lema_hub.engines import Engine, Failure, Ledger, Request, Response, Sampling
from lema_hub.engines.ledger import Progress
from lema_hub.records import AnswerStyle, Evolution, EvolvedProblem, Problem, Rejection

STOP = ("\n\nProblem:", "\n\nNew problem:", "\n\nSolution:", "\n\nAnswer:")
"""Where a model that goes on after its question is cut off."""

_ANSWERS: Mapping[AnswerStyle, str] = {
    "number": "a single number",
    "math": "a number or a formula",
    "choice": "one of the choices",
    "text": "a word or a phrase",
}
_LABEL = re.compile(
    r"\A[\s*#_>\"“`]*(?:the\s+)?(?:new\s+)?(?:problem|question)[\s*_`]*:[\s*_`\"“]*", re.IGNORECASE
)
_SOLVED = re.compile(
    r"^[\s*#_]*(?:solution|answer|explanation|step\s+1|remark|note)\b[\s*_]*[:.]",
    re.IGNORECASE | re.MULTILINE,
)
_WORD = re.compile(r"[^\W\d_]+|\d+(?:\.\d+)?")
_FEWEST_WORDS = 4
_SAME = 0.9

Side = Literal["train", "dev", "test"]


@dataclass(frozen=True, slots=True)
class Draw:
    """One seed, drawn to be evolved; `index` numbers the draws of one seed for one evolution."""

    seed: Problem
    evolution: Evolution
    index: int

    @property
    def problem_id(self) -> str:
        """The id of what becomes of it."""
        return f"{self.seed.problem_id}~{self.evolution}-{self.index}"


def bootstrap(
    seeds: Sequence[Problem], samples: int, evolutions: Sequence[Evolution], *, seed: int
) -> list[Draw]:
    """Draw seeds with replacement, each with an evolution; the first n of a larger draw are the smaller one."""
    rng = random.Random(f"evolve {seed}")
    counts: Counter[tuple[str, Evolution]] = Counter()
    draws = []
    for _ in range(samples):
        problem, evolution = rng.choice(seeds), rng.choice(evolutions)
        draws.append(Draw(problem, evolution, counts[problem.problem_id, evolution]))
        counts[problem.problem_id, evolution] += 1
    return draws


def evolve_requests(draws: Sequence[Draw], *, prompt: str, sampling: Sampling) -> list[Request]:
    """The requests of `evolve`, one per draw."""
    template = prompts.load(prompt)
    return [
        Request(
            prompt=template.render(
                question=draw.seed.question,
                evolution=draw.evolution,
                answer=_ANSWERS[tasks.get(draw.seed.task).style],
            ),
            sampling=sampling,
            index=draw.index,
            problem_id=draw.seed.problem_id,
        )
        for draw in draws
    ]


@dataclass(frozen=True, slots=True)
class Question:
    """A new question that nobody has answered yet; the problem's answer is empty."""

    problem: Problem
    draw: Draw
    evolver: ModelUse
    prompt_id: str
    cost_usd: float | None


def evolve(
    draws: Sequence[Draw],
    evolver: Engine,
    ledger: Ledger,
    *,
    sampling: Sampling,
    known: Mapping[str, Side],
    prompt: str = "lema-evolve",
    max_characters: int = 1500,
    stage: str = "evolve",
    budget_usd: float | None = None,
    progress: Progress | None = None,
) -> Built[Question]:
    """Have a model write a new question for each draw.

    Args:
        draws: What is asked for.
        evolver: Who writes.
        ledger: Where its texts are kept.
        sampling: How it is sampled.
        known: The side of every question that exists already, by `tasks.question_key`.
        prompt: Name of the prompt template; its fields are `question`, `evolution` and `answer`.
        max_characters: Longer questions are dropped.
        stage: The stage's name in ledger and manifest.
        budget_usd: See `Ledger.run`.
        progress: See `Ledger.run`.

    Returns:
        The new questions in the order of the draws. Dropped: `request_...`, `truncated`, `unparsed`, `too_long`,
        `restated` (the seed again), `test_question`, `dev_question`, `duplicate` (of a training question, or of an
        earlier new one).

    Raises:
        EngineError: The evolver cannot answer.
    """
    template = prompts.load(prompt)
    requests = evolve_requests(draws, prompt=prompt, sampling=sampling)
    answers = ledger.run(evolver, requests, stage=stage, budget_usd=budget_usd, progress=progress)
    model = ModelUse(role="evolver", name=evolver.model, revision=evolver.revision, engine=evolver.name)
    rows: list[Question] = []
    rejected: list[Rejection] = []
    taken: dict[str, str] = {}
    for draw, reply in zip(draws, answers, strict=True):
        text = parse_question(reply.text) if isinstance(reply, Response) else ""
        key = tasks.question_key(text)
        reason = _fault(reply, text, draw.seed.question, max_characters) or _repeated(key, known, taken)
        if reason is not None:
            shown = reply.text if isinstance(reply, Response) else ""
            rejected.append(Rejection(draw.problem_id, "", stage, *reason, shown))
            continue
        taken[key] = draw.problem_id
        problem = replace(
            draw.seed,
            problem_id=draw.problem_id,
            question=text,
            answer="",
            gold_solution="",
            level=None,
            subject=None,
        )
        cost = reply.cost_usd if isinstance(reply, Response) else None
        rows.append(Question(problem, draw, model, template.id, cost))
    tokens, cost = usage(answers)
    return replace(
        _counted(rows, rejected, rows_in=len(draws), stage=stage),
        prompts=(PromptUse(id=template.id, role="evolve", sha256=template.sha256),),
        models=(model,),
        tokens=tokens,
        cost_usd=cost,
    )


def answer(
    questions: Sequence[Question],
    solver: Engine,
    ledger: Ledger,
    *,
    paths: int,
    sampling: Sampling,
    prompt: str,
    agree: int | None = None,
    stage: str = "answer",
    budget_usd: float | None = None,
    progress: Progress | None = None,
) -> Built[EvolvedProblem]:
    """Have a model answer every question several times, and take what more than half of its answers say.

    Args:
        questions: All of one task.
        solver: Who answers.
        ledger: Where its solutions are kept.
        paths: Solutions per question; LeMa has 3.
        sampling: How they are sampled.
        prompt: Name of the prompt template; its field is `question`.
        agree: So many answers must agree; more than half by default, and at least.
        stage: The stage's name in ledger and manifest.
        budget_usd: See `Ledger.run`.
        progress: See `Ledger.run`.

    Returns:
        The problems in the order of the questions. Dropped: `no_answer` (in no solution), `no_majority`, and
        `request_...` where an answer that failed could have made one.

    Raises:
        EngineError: The solver cannot answer.
    """
    template = prompts.load(prompt)
    requests = sample_requests(
        [question.problem for question in questions], paths=paths, sampling=sampling, prompt=prompt
    )
    replies = ledger.run(solver, requests, stage=stage, budget_usd=budget_usd, progress=progress)
    rows: list[EvolvedProblem] = []
    rejected: list[Rejection] = []
    for number, question in enumerate(questions):
        given = replies[number * paths : (number + 1) * paths]
        problem = question.problem
        style = tasks.get(problem.task).style
        answers = [_answer(reply, style) for reply in given]
        classes = sorted(answer_classes(answers, style=style), key=len, reverse=True)
        votes = len(classes[0]) if classes else 0
        if votes < max(agree or 0, paths // 2 + 1):
            failed = [reply for reply in given if isinstance(reply, Failure)]
            reason = f"request_{failed[0].reason}" if failed else "no_majority" if classes else "no_answer"
            detail = failed[0].detail if failed else ", ".join(answer or "none" for answer in answers)
            rejected.append(Rejection(problem.problem_id, "", stage, reason, detail, problem.question))
            continue
        costs = [
            cost
            for cost in (question.cost_usd, *(r.cost_usd for r in given if isinstance(r, Response)))
            if cost is not None
        ]
        rows.append(
            EvolvedProblem(
                problem=replace(problem, answer=answers[classes[0][0]] or ""),
                seed_id=question.draw.seed.problem_id,
                seed_question=question.draw.seed.question,
                evolution=question.draw.evolution,
                evolver=question.evolver.name,
                evolver_revision=question.evolver.revision,
                evolver_prompt_id=question.prompt_id,
                solver=solver.model,
                solver_revision=solver.revision,
                solver_prompt_id=template.id,
                answers=tuple(answer or "" for answer in answers),
                votes=votes,
                cost_usd=sum(costs) if costs else None,
            )
        )
    tokens, cost = usage(replies)
    return replace(
        _counted(rows, rejected, rows_in=len(questions), stage=stage),
        prompts=(PromptUse(id=template.id, role="solve", sha256=template.sha256),),
        models=(ModelUse(role="solver", name=solver.model, revision=solver.revision, engine=solver.name),),
        tokens=tokens,
        cost_usd=cost,
    )


def only_new(
    built: Built[EvolvedProblem], problems: Sequence[Problem], *, threshold: float, stage: str = "only_new"
) -> Built[EvolvedProblem]:
    """Drop what is nearly a problem that exists already: the same numbers and answer, almost the same words.

    Args:
        built: New problems with their answers.
        problems: The existing ones, on both sides.
        threshold: See `lema_hub.builders.dedup`.
        stage: The stage's name in the manifest.

    Returns:
        The others, with a rejection (`near_duplicate`, its twin in the detail) for each dropped one.
    """
    existing = {problem.problem_id: problem for problem in problems}
    new = {row.problem.problem_id: row.problem for row in built.rows}
    found = twins(
        (Item(id=p.problem_id, text=p.question, group=p.answer) for p in (*existing.values(), *new.values())),
        threshold=threshold,
    )
    rows: list[EvolvedProblem] = []
    rejected: list[Rejection] = []
    for row in built.rows:
        twin = found.get(row.problem.problem_id)
        if twin is None or twin.id not in existing:
            rows.append(row)
            continue
        detail = f"question of {twin.id} (similarity {twin.similarity:.2f})"
        rejected.append(
            Rejection(row.problem.problem_id, "", stage, "near_duplicate", detail, row.problem.question)
        )
    return _counted(rows, rejected, rows_in=len(built.rows), stage=stage).after(built)


def parse_question(text: str) -> str:
    r"""The question of an evolver's text: without label, quotes, emphasis, and whatever was solved below it.

    >>> parse_question("**New problem:** Ada has 3 pens. How many?\n\nSolution: 3 pens.")
    'Ada has 3 pens. How many?'
    """
    body = _LABEL.sub("", text.strip())
    solved = _SOLVED.search(body)
    body = (body[: solved.start()] if solved else body).strip().removesuffix("**").strip()
    if len(body) > 1 and body[0] + body[-1] in ('""', "“”"):
        body = body[1:-1].strip()
    return body


def restated(question: str, seed: str) -> bool:
    """Whether a question says its seed again: the same numbers, and nine tenths of the words."""
    new, old = _words(question), _words(seed)
    if sorted(filter(_is_number, new)) != sorted(filter(_is_number, old)):
        return False
    one, other = set(new), set(old)
    return len(one & other) >= _SAME * len(one | other)


def _fault(reply: Response | Failure, text: str, seed: str, max_characters: int) -> tuple[str, str] | None:
    if isinstance(reply, Failure):
        return f"request_{reply.reason}", reply.detail
    if reply.finish_reason == "length":
        return "truncated", "the text ends at the token limit"
    if len(_words(text)) < _FEWEST_WORDS:
        return "unparsed", "there is no question in the text"
    if len(text) > max_characters:
        return "too_long", f"{len(text)} characters, at most {max_characters} are taken"
    return ("restated", "the seed in the same words") if restated(text, seed) else None


def _repeated(key: str, known: Mapping[str, Side], taken: Mapping[str, str]) -> tuple[str, str] | None:
    side = known.get(key)
    if side == "test" or side == "dev":
        return f"{side}_question", f"the question is a {side} question"
    if side is not None or key in taken:
        return "duplicate", f"the question is that of {taken.get(key, 'a training problem')}"
    return None


def _answer(reply: Response | Failure, style: AnswerStyle) -> str | None:
    if isinstance(reply, Failure) or reply.finish_reason == "length":
        return None
    return extract(reply.text, style=style)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _is_number(word: str) -> bool:
    return word[0].isdigit()


def _counted(rows: Sequence[Row], rejected: Sequence[Rejection], *, rows_in: int, stage: str) -> Built[Row]:
    dropped = Counter(rejection.reason for rejection in rejected)
    return Built(
        rows=tuple(rows),
        rejected=tuple(rejected),
        stages=(
            Stage(name=stage, rows_in=rows_in, rows_out=len(rows), dropped=dict(sorted(dropped.items()))),
        ),
    )

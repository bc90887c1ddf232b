"""The records that cross module borders: frozen dataclasses; `lema_hub.rows` lays them out as a dataset's flat rows.

>>> path = ReasoningPath.make(problem_id="gsm8k/train/17", model="m", prompt_id="lema-cot@1",
...                           text="Step 1: The answer is 3.", steps=("The answer is 3.",),
...                           answer="3", verdict="wrong")
>>> ReasoningPath.from_row(path.to_row()) == path
True
"""

from __future__ import annotations

import hashlib
import json
import typing
from dataclasses import dataclass
from typing import Literal, Self

from lema_hub.rows import Row as Row
from lema_hub.rows import columns as columns
from lema_hub.rows import features as features
from lema_hub.rows import schema as schema

Verdict = Literal["correct", "wrong", "unparsed", "truncated", "timeout", "crashed"]
"""What the judge says of an answer; `unparsed`: no answer found, `truncated`: cut off by the token limit."""

Origin = Literal["on_policy", "other_model", "injected", "annotated"]
"""Where a reasoning path comes from: the student itself, another model, an injector, people."""

ErrorType = Literal["CA", "CO", "CV", "PV", "HA", "UC", "OP", "FC", "MS", "CS", "QM", "CC", "NO"]
"""LEMMA's error taxonomy (arXiv 2503.17439, Table 1; PV from its repository's prompt)."""

Strategy = Literal["fix_continue", "fresh_restart"]
"""LEMMA's two ways out of an error (section 3.3)."""

AnswerStyle = Literal["number", "math", "choice", "text"]
"""How the answers of a problem set are compared."""

Evolution = Literal["constraints", "deeper", "rarer", "concrete"]
"""How a new question is made of an old one: a condition more, a step of reasoning more, a rarer matter of the
same field, or general notions made concrete.
"""

Form = Literal[
    "cot", "correction", "corrected_solution", "without_step", "without_explanation", "without_solution"
]
"""What a mixed row's texts are: those of its source, the corrected solution of a correction as a CoT row, or a
correction without one of its three fields.
"""

VERDICTS: tuple[Verdict, ...] = typing.get_args(Verdict)
EVOLUTIONS: tuple[Evolution, ...] = typing.get_args(Evolution)
ERROR_TYPES: tuple[ErrorType, ...] = typing.get_args(ErrorType)


@dataclass(frozen=True, slots=True)
class Gate(Row):
    """The verdict of one filter on one row, kept whether or not the row was."""

    name: str
    verdict: Literal["pass", "fail", "skipped"]
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Problem(Row):
    """A question with its annotated answer; `problem_id` reads task/split/index (`gsm8k/train/17`)."""

    problem_id: str
    task: str
    split: str
    question: str
    answer: str
    gold_solution: str
    level: str | None
    subject: str | None
    source_repo: str
    source_revision: str
    license: str


@dataclass(frozen=True, slots=True)
class ReasoningPath(Row):
    """One solution of one problem, right or wrong, with everything needed to sample it again."""

    path_id: str
    problem_id: str
    model: str
    model_revision: str | None
    engine: str
    temperature: float | None
    top_p: float | None
    seed: int | None
    prompt_id: str
    text: str
    steps: tuple[str, ...]
    answer: str | None
    verdict: Verdict
    origin: Origin
    error_type: ErrorType | None
    finish_reason: str | None

    @classmethod
    def make(
        cls,
        *,
        problem_id: str,
        model: str,
        text: str,
        steps: tuple[str, ...],
        answer: str | None,
        verdict: Verdict,
        prompt_id: str,
        model_revision: str | None = None,
        engine: str = "import",
        temperature: float | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        origin: Origin = "on_policy",
        error_type: ErrorType | None = None,
        finish_reason: str | None = None,
    ) -> Self:
        """A path whose `path_id` is the hash of problem, model, revision and text: equal texts, one path."""
        return cls(
            path_id=digest(problem_id, model, model_revision, text)[:16],
            problem_id=problem_id,
            model=model,
            model_revision=model_revision,
            engine=engine,
            temperature=temperature,
            top_p=top_p,
            seed=seed,
            prompt_id=prompt_id,
            text=text,
            steps=steps,
            answer=answer,
            verdict=verdict,
            origin=origin,
            error_type=error_type,
            finish_reason=finish_reason,
        )


@dataclass(frozen=True, slots=True)
class Correction(Row):
    """A wrong path with its first wrong step named, explained and corrected (LeMa, section 2.1).

    `incorrect_step` is 1-based. `correct_steps` are the corrected steps from `incorrect_step` on;
    `correct_solution` is the whole right solution: the kept steps followed by `correct_steps`. `prompt` and
    `completion` are LeMa's exact fine-tuning formats.
    """

    problem: Problem
    path: ReasoningPath
    incorrect_step: int
    error_type: ErrorType | None
    explanation: str
    correct_solution: str
    correct_steps: tuple[str, ...]
    corrector: str
    corrector_prompt_id: str
    answer_verdict: Verdict
    gates: tuple[Gate, ...]
    cost_usd: float | None
    prompt: str
    completion: str


@dataclass(frozen=True, slots=True)
class Rejection(Row):
    """A row that a stage dropped, with the reason; the config `rejected` of a published dataset."""

    problem_id: str
    path_id: str
    stage: str
    reason: str
    detail: str
    text: str


@dataclass(frozen=True, slots=True)
class CotExample(Row):
    """A right path as a fine-tuning row (LeMa, section 2.2)."""

    problem: Problem
    path: ReasoningPath
    prompt: str
    completion: str


@dataclass(frozen=True, slots=True)
class Trajectory(Row):
    """A wrong prefix, a turn, and a right continuation in one output (LEMMA, section 3.3)."""

    problem: Problem
    path: ReasoningPath
    incorrect_step: int
    error_type: ErrorType | None
    wrong_prefix: str
    transition: str
    reflection: str
    continuation: str
    strategy: Strategy
    teacher: str
    teacher_prompt_id: str
    answer_verdict: Verdict
    gates: tuple[Gate, ...]
    cost_usd: float | None
    prompt: str
    completion: str


@dataclass(frozen=True, slots=True)
class EvolvedProblem(Row):
    """A question that a model made of another one; its gold answer is the majority of a solver's answers.

    `answers` are the solver's, "" where it gave none, and `votes` counts those that agree with the gold answer.
    The problem's source and licence are its seed's.
    """

    problem: Problem
    seed_id: str
    seed_question: str
    evolution: Evolution
    evolver: str
    evolver_revision: str | None
    evolver_prompt_id: str
    solver: str
    solver_revision: str | None
    solver_prompt_id: str
    answers: tuple[str, ...]
    votes: int
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class MixedRow(Row):
    """A fine-tuning row of a controlled mix; problem and path are those of the row that it was made of.

    `row_id` is the hash of path, prompt and completion; `source` names the data set of the original row.
    """

    problem: Problem
    path: ReasoningPath
    row_id: str
    form: Form
    source: str
    corrector: str | None
    prompt: str
    completion: str


@dataclass(frozen=True, slots=True)
class Score(Row):
    """The outcome of one item for one system: what paired tests need (item x seed x checkpoint)."""

    item_id: str
    task: str
    system: str
    revision: str | None
    checkpoint: str
    seed: int
    verdict: Verdict
    gold: str
    extracted: str | None
    output: str
    reason: str


def digest(*parts: object) -> str:
    """The SHA-256 of the parts as canonical JSON, in hexadecimal."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True, sort_keys=True).encode()).hexdigest()

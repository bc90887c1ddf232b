"""What a reader of recorded solutions gives for each of them: a path with what was recorded of it, or a refusal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lema_hub.builders.annotated import Annotation, Refused
from lema_hub.builders.mistakes import judged_path
from lema_hub.records import Origin, Problem, ReasoningPath
from lema_hub.steps import with_answer_step


@dataclass(frozen=True, slots=True)
class Given:
    """What is known beside a file: problems by question key, its problem set, its revision.

    `scored` says that models that are trained on the rows are scored on the rows' questions.
    """

    known: Mapping[str, Problem]
    task: str
    revision: str
    scored: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    """A judged path, with the recorded verdict and what people wrote of it, where there is any."""

    problem: Problem
    path: ReasoningPath
    is_correct: bool | None = None
    annotation: Annotation | None = None


@dataclass(frozen=True, slots=True)
class Unusable:
    """A row that becomes no path; `text` is what it holds of one."""

    problem_id: str
    refused: Refused
    text: str


def stated_path(
    problem: Problem, steps: Sequence[str], answer: str | None, *, model: str, origin: Origin
) -> ReasoningPath:
    """Annotated steps as a path that ends in the answer that they state; the steps stay those of the annotation."""
    whole = with_answer_step(steps, answer)
    path = judged_path(problem, "\n".join(whole), model=model, origin=origin)
    if answer is not None and path.answer != answer:  # the last step speaks of its answer in other words
        whole = (*steps, f"The answer is {answer}.")
        path = judged_path(problem, "\n".join(whole), model=model, origin=origin)
    return replace(path, steps=whole)

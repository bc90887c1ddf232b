"""A problem set: where it comes from, under which licence, how it is asked and how its answers are
compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lema_hub.records import AnswerStyle

Split = Literal["train", "dev", "test"]
"""`dev` is carved from the training problems; `test` problems are for scoring only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """What a task reads from a row of its source."""

    question: str
    answer: str
    solution: str
    level: str | None = None
    subject: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A problem set.

    Attributes:
        name: What commands and recipes call it.
        source_repo: The dataset repository, or the module that generates the problems.
        revision: The pinned commit; None means that no pin is known, then the commit is resolved when
            problems are loaded, and recorded in every row.
        license: The licence of the problems, as a Hub identifier.
        style: How answers are compared.
        prompt: The prompt under which models are sampled, fine-tuned and scored.
        fewshot: The few-shot prompt P_r for models that are not fine-tuned yet.
        corrector: The corrector prompt P_c.
        splits: Side -> rows; `dev` is not among them where it is carved from `train`. A task without any has
            no problems of its own: they come with recorded solutions.
        configs: The configurations of the repository that make up a split, in this order.
        max_new_tokens: Enough for a solution.
        read: Takes question, answer and solution from a row.
        correction: The prompt under which models are fine-tuned on corrections.
        test_split: What the source calls the split that is scored.
    """

    name: str
    source_repo: str
    revision: str | None
    license: str
    style: AnswerStyle
    prompt: str
    fewshot: str
    corrector: str
    splits: Mapping[str, int | None]
    configs: tuple[str, ...]
    max_new_tokens: int
    read: Callable[[Mapping[str, Any]], Fields]
    correction: str = "lema-correction"
    test_split: str = "test"

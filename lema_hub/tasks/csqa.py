r"""CommonsenseQA: everyday questions with five lettered choices (arXiv 1811.00937), MIT.

A row of `tau/commonsense_qa`; the original release's files (`train_rand_split.jsonl`) nest the same fields:

    {"id": "...", "question": "Where ...?", "question_concept": "...",
     "choices": {"label": ["A", "B", ...], "text": ["...", "...", ...]}, "answerKey": "B"}

The question is laid out as LeMa does (its `csqa_dev.jsonl`: question, then a line of candidate answers), with
the letters that LeMa leaves out, because answers are letters here; the judge takes a candidate's text too:

    Where would you leave a wet umbrella?
    Candidate Answers: (A) oven, (B) umbrella stand, (C) bed, (D) bookshelf, (E) letterbox.

There are no annotated solutions: CoT data are sampled ones that end in the right answer.

The trap: the answers of the official test split are not public, so LeMa and all others score `validation`
(1,221 questions), which is `test` here; `dev` is carved from the training questions as everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lema_hub.errors import FormatError
from lema_hub.tasks.task import Fields, Task


def with_choices(question: str, choices: Mapping[str, str]) -> str:
    """A question with the line of its choices (letter -> text)."""
    listed = ", ".join(f"({letter}) {text.strip()}" for letter, text in choices.items())
    return f"{question.strip()}\nCandidate Answers: {listed}."


def _choices(listed: Any) -> dict[str, str]:
    """Letter -> text, of two lists or of a list of pairs."""
    if isinstance(listed, Mapping):
        columns = [listed["label"], listed["text"]]
        pairs = (
            list(zip(*columns, strict=False)) if all(isinstance(column, list) for column in columns) else []
        )
    else:
        pairs = [
            (pair.get("label"), pair.get("text")) if isinstance(pair, Mapping) else (None, None)
            for pair in (listed if isinstance(listed, list) else [])
        ]
    if not pairs or not all(isinstance(part, str) for pair in pairs for part in pair):
        raise FormatError(f"choices is {repr(listed)[:60]}; expected label and text of each choice")
    return dict(pairs)


def _read(row: Mapping[str, Any]) -> Fields:
    nested = row["question"] if isinstance(row["question"], Mapping) else None
    question = str(nested["stem"] if nested else row["question"])
    choices = _choices(nested["choices"] if nested else row["choices"])
    answer = str(row["answerKey"]).strip()
    if answer not in choices:
        raise FormatError(
            f"answerKey is {answer!r}, expected one of {', '.join(choices)}; the official test split hides its "
            "answers, give validation (dev_rand_split.jsonl) as test.jsonl"
        )
    return Fields(
        question=with_choices(question, choices),
        answer=answer,
        solution="",
        subject=str((nested or row).get("question_concept") or "") or None,
    )


CSQA = Task(
    name="csqa",
    source_repo="tau/commonsense_qa",
    revision="94630fe30dad47192a8546eb75f094926d47e155",
    license="mit",
    style="choice",
    prompt="lema-cot-choice",
    fewshot="lema-fewshot-csqa",
    corrector="lema-corrector-csqa",
    correction="lema-correction-choice",
    splits={"train": 9741, "test": 1221},
    test_split="validation",
    configs=("default",),
    max_new_tokens=512,
    read=_read,
)

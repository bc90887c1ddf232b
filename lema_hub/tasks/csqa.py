r"""CommonsenseQA: everyday questions with five lettered choices (arXiv 1811.00937), MIT.

A row of `tau/commonsense_qa`; the original release's files (`train_rand_split.jsonl`) nest the same fields:

    {"id": "...", "question": "Where ...?", "question_concept": "...",
     "choices": {"label": ["A", "B", ...], "text": ["...", "...", ...]}, "answerKey": "B"}

The question is laid out as LeMa does (its `csqa_dev.jsonl`: question, then a line of candidate answers), with
the letters that LeMa leaves out, because answers are letters here; the judge takes a candidate's text too:

    Where would you leave a wet umbrella?
    Candidate Answers: (A) oven, (B) umbrella stand, (C) bed, (D) bookshelf, (E) letterbox.

A file of your own may list the choices in other ways too: `["oven", "bed"]` (they become A, B, ...), `["A) oven",
"B) bed"]` or `{"A": "oven", "B": "bed"}`; its `answerKey` is a letter, or the text of exactly one choice.

There are no annotated solutions: CoT data are sampled ones that end in the right answer.

The trap: the answers of the official test split are not public, so LeMa and all others score `validation`
(1,221 questions), which is `test` here; `dev` is carved from the training questions as everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lema_hub.errors import FormatError
from lema_hub.tasks.task import Fields, Task

_LETTERS = "ABCDEFGHIJ"  # those that the judge reads
_LETTER = re.compile(f"[{_LETTERS}]")
_LABELLED = re.compile(r"\s*\(?([A-J])[).:]\s*(\S.*)", re.DOTALL)
"""A choice that begins with its own letter: `(A) oven`, `A) oven`, `A. oven`, `A: oven`."""


def with_choices(question: str, choices: Mapping[str, str]) -> str:
    """A question with the line of its choices (letter -> text)."""
    listed = ", ".join(f"({letter}) {text.strip()}" for letter, text in choices.items())
    return f"{question.strip()}\nCandidate Answers: {listed}."


def _choices(listed: Any) -> dict[str, str]:
    """Letter -> text, of two lists, a list of pairs, a mapping of letters, or a list of texts."""
    pairs = _pairs(listed)
    if not pairs or not all(isinstance(part, str) and part.strip() for pair in pairs for part in pair):
        raise FormatError(
            f"choices is {repr(listed)[:60]}; expected label and text of each choice, or a list of texts"
        )
    choices = dict(pairs)
    if len(choices) < len(pairs):
        raise FormatError(f"choices is {repr(listed)[:60]}; expected every label once")
    return choices


def _pairs(listed: Any) -> list[tuple[Any, Any]]:
    if isinstance(listed, Mapping):
        if listed and all(_LETTER.fullmatch(str(key)) for key in listed):
            return list(listed.items())
        columns = [listed["label"], listed["text"]]
        same = all(isinstance(column, list) for column in columns) and len(columns[0]) == len(columns[1])
        return list(zip(*columns, strict=True)) if same else []
    if not isinstance(listed, list):
        return []
    if all(isinstance(text, str) for text in listed) and 1 < len(listed) <= len(_LETTERS):
        labelled = [_LABELLED.fullmatch(text) for text in listed]
        letters = _LETTERS[: len(listed)]
        if all(match and match[1] == letter for match, letter in zip(labelled, letters, strict=True)):
            return [(match[1], match[2]) for match in labelled if match]
        return list(zip(letters, listed, strict=True))
    return [
        (pair.get("label"), pair.get("text")) if isinstance(pair, Mapping) else (None, None)
        for pair in listed
    ]


def _letter(answer: str, choices: Mapping[str, str]) -> str:
    """The letter of an answer that is given as a letter or as the text of one choice."""
    named = [letter for letter, text in choices.items() if text.strip() == answer]
    if answer in choices and named in ([], [answer]):
        return answer
    if answer in choices:
        raise FormatError(
            f"answerKey is {answer!r}, both a letter and the text of another choice; give the choices other texts"
        )
    if len(named) != 1:
        raise FormatError(
            f"answerKey is {answer!r}, expected one of {', '.join(choices)}, or the text of one choice; the official "
            "test split hides its answers, give validation (dev_rand_split.jsonl) as test.jsonl"
        )
    return named[0]


def _read(row: Mapping[str, Any]) -> Fields:
    nested = row["question"] if isinstance(row["question"], Mapping) else None
    question = str(nested["stem"] if nested else row["question"])
    choices = _choices(nested["choices"] if nested else row["choices"])
    return Fields(
        question=with_choices(question, choices),
        answer=_letter(str(row["answerKey"]).strip(), choices),
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

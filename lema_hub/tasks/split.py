"""The dev split: a twentieth of the training problems, chosen by a hash of the question.

The hash is of the question and not of the row, so that a question which a problem set holds twice falls on
one side, and so that the same question falls on the same side in every import of it.

    >>> split_of("Natalia sold clips.") == split_of(" Natalia  sold clips. ")
    True
"""

from __future__ import annotations

from typing import Literal

from lema_hub.records import digest

DEV_SHARE = 20
"""One in this many training problems is a dev problem."""


def question_key(question: str) -> str:
    """A hash by which questions are recognised: equal up to spacing and case."""
    return digest("question", " ".join(question.lower().split()))


def split_of(question: str) -> Literal["train", "dev"]:
    """On which side a training question falls."""
    return "dev" if int(question_key(question)[:8], 16) % DEV_SHARE == 0 else "train"

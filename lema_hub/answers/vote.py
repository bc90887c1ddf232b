"""Scores over several samples of one problem: answer classes, majority vote, pass@k.

>>> majority(["1/2", "3", "0.5", None])
0
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

from lema_hub.answers.judge import equivalent
from lema_hub.errors import InputError
from lema_hub.records import AnswerStyle


def answer_classes(answers: Sequence[str | None], *, style: AnswerStyle = "number") -> list[list[int]]:
    """Group the positions of equivalent answers, in the order of their first members; None belongs to no class.

    Args:
        answers: Bare answers as `extract` gives them.
        style: How they are compared.

    Returns:
        Lists of positions; an answer joins the first class whose first member it is equivalent to.
    """
    classes: list[list[int]] = []
    for index, answer in enumerate(answers):
        if answer is None:
            continue
        for members in classes:
            representative = answers[members[0]]
            if representative == answer or (
                representative is not None and equivalent(representative, answer, style=style)
            ):
                members.append(index)
                break
        else:
            classes.append([index])
    return classes


def majority(answers: Sequence[str | None], *, style: AnswerStyle = "number") -> int | None:
    """The position of the majority answer (maj@k); on a tie the first answer wins; None if there is
    no answer.
    """
    classes = answer_classes(answers, style=style)
    return max(classes, key=len)[0] if classes else None


def pass_at_k(*, n: int, correct: int, k: int = 1) -> float:
    """The unbiased estimate of pass@k from `correct` right ones among `n` samples (Chen et al. 2021, arXiv
    2107.03374, eq. 1).

    Raises:
        InputError: If not 1 <= k <= n and 0 <= correct <= n.
    """
    if not (1 <= k <= n and 0 <= correct <= n):
        raise InputError(
            f"pass@k needs 1 <= k <= n and 0 <= correct <= n, got k={k}, n={n}, correct={correct}"
        )
    return 1.0 - comb(n - correct, k) / comb(n, k)

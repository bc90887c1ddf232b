from __future__ import annotations

import pytest

from lema_hub.answers.mathematics.comparison import same
from lema_hub.answers.mathematics.reading import read
from lema_hub.answers.mathematics.tokens import UnreadableError
from lema_hub.answers.mathematics.values import Matrix

SQUARE = r"\begin{pmatrix}1&2\\3&4\end{pmatrix}"


@pytest.mark.parametrize(
    "text",
    [
        r"\begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}",
        r"[\begin{array}{cc} 1 & 2 \\ 3 & 4 \end{array}]",
        "[[1,2],[3,4]]",
        r"\frac{1}{2} \begin{pmatrix}2&4\\6&8\end{pmatrix}",
        r"-\begin{pmatrix}-1&-2\\-3&-4\end{pmatrix}",
    ],
)
def test_one_matrix_in_many_spellings(text: str) -> None:
    assert same(read(SQUARE), read(text)) == "equal"


def test_a_determinant_is_not_a_matrix() -> None:
    bars = read(SQUARE.replace("pmatrix", "vmatrix"))
    assert isinstance(bars, Matrix)
    assert bars.kind == "determinant"
    assert same(read(SQUARE), bars) == "different"


@pytest.mark.parametrize(
    "text",
    [r"\begin{pmatrix}1&2\\3\end{pmatrix}", r"\begin{pmatrix}1\end{pmatrix} 5", r"\begin{cases}1\end{cases}"],
)
def test_what_is_not_one_matrix(text: str) -> None:
    with pytest.raises(UnreadableError):
        read(text)

r"""Matrices: LaTeX's environments with their brackets and factors, and nested lists as programs write them."""

from __future__ import annotations

from fractions import Fraction

from lema_hub.answers.mathematics.syntax import parse
from lema_hub.answers.mathematics.tokens import Token, UnreadableError, split_outside
from lema_hub.answers.mathematics.trees import Tree
from lema_hub.answers.mathematics.values import Matrix, Scalar, Sequence, Value

_KINDS = ("pmatrix", "bmatrix", "matrix", "array", "vmatrix", "smallmatrix", "Bmatrix")


def read_matrix(tokens: list[Token], partners: dict[int, int], start: int, end: int) -> Matrix | None:
    r"""A matrix, possibly in brackets and with a factor: `\frac12 \begin{pmatrix} ... \end{pmatrix}`.

    Returns:
        None if the range of tokens has no environment.

    Raises:
        UnreadableError: The environment is not a matrix, or something follows it.
    """
    begin = next((i for i in range(start, end) if tokens[i].kind == "environment"), None)
    if begin is None:
        return None
    close = partners[begin]
    kind = tokens[begin].text[len("\\begin{") : -1].rstrip("*")
    if kind not in _KINDS:
        raise UnreadableError(f"the environment {kind}")
    before, after = begin, close + 1
    if start < begin and tokens[begin - 1].text in ("(", "[", "|") and after < end:
        kind = "vmatrix" if tokens[begin - 1].text == "|" else kind
        before, after = before - 1, after + 1
    if after != end:
        raise UnreadableError("something follows a matrix")
    factor = _factor(tokens[start:before])
    rows = []
    for a, b in split_outside(tokens[begin + 1 : close], partners, begin + 1, frozenset(("\\\\",)))[0]:
        if a < b:
            row = begin + 1 + a
            cells, _ = split_outside(tokens[row : begin + 1 + b], partners, row, frozenset(("&",)))
            trees = [parse(tokens[row + c : row + d]) for c, d in cells]
            rows.append(tuple(("*", factor, tree) if factor else tree for tree in trees))
    if len({len(row) for row in rows}) != 1:
        raise UnreadableError("a matrix with rows of different lengths")
    return Matrix(tuple(rows), "determinant" if kind == "vmatrix" else "matrix")


def _factor(head: list[Token]) -> Tree | None:
    if head and head[-1].text == "*":
        head = head[:-1]
    if [token.text for token in head] == ["-"]:
        return ("n", Fraction(-1), 0)
    return parse(head) if head else None


def nested_lists(items: tuple[Value, ...]) -> Value:
    """`[[1,2],[3,4]]` as a matrix, if the rows are of one length."""
    rows = []
    for item in items:
        if not isinstance(item, Sequence) or not all(isinstance(cell, Scalar) for cell in item.items):
            return Sequence("tuple", items, "[", "]")
        rows.append(tuple(cell.tree for cell in item.items if isinstance(cell, Scalar)))
    if len({len(row) for row in rows}) != 1:
        return Sequence("tuple", items, "[", "]")
    return Matrix(tuple(rows))

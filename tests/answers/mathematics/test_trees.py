from __future__ import annotations

from lema_hub.answers.mathematics.syntax import parse
from lema_hub.answers.mathematics.tokens import tokenize
from lema_hub.answers.mathematics.trees import (
    contains,
    has_plus_minus,
    largest_integer,
    negated,
    symbols,
    with_sign,
)

TREE = parse(tokenize(r"x \pm \frac{\pi}{1024} + |y|"))


def test_what_a_tree_holds() -> None:
    assert symbols(TREE) == {"x", "y"}
    assert contains(TREE, "pi")
    assert contains(TREE, "abs")
    assert not contains(TREE, "e")
    assert largest_integer(TREE) == 1024


def test_each_branch_of_a_plus_minus_has_one_sign() -> None:
    assert has_plus_minus(TREE)
    for sign in (1, -1):
        assert not has_plus_minus(with_sign(TREE, sign))
    assert with_sign(TREE, 1) != with_sign(TREE, -1)


def test_a_negated_number_stays_a_number() -> None:
    assert negated(parse(tokenize("5"))) == parse(tokenize("-5"))

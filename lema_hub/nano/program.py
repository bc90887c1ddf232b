"""Solution programs: what a nano problem says, what is computed from it, and in which words.

A problem is a list of facts (numbers in the question) and a program: binary steps over facts, earlier steps
and constants such as 12 for a dozen. The value of the last step is the answer. A misreading is a step that a
reader who mistakes the question would take instead; it carries its type in LEMMA's taxonomy.

    Mia has 5 pens. She buys 3 more and gives 2 of them to Tom. How many pens does Mia have in the end?
    facts 5, 3, 2; steps (5 + 3 = 8), (8 - 2 = 6); answer 6
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

from lema_hub.records import ErrorType

Op = Literal["+", "-", "*", "/"]
OPS: tuple[Op, ...] = ("+", "-", "*", "/")

SMALLEST, LARGEST = 2, 99
"""Bounds of every number of a problem: no singulars to inflect, and one token for each number."""


class OutOfRange(Exception):  # noqa: N818 - a signal to draw again, not an error
    """A drawn step has no whole value between `SMALLEST` and `LARGEST`; the problem is drawn again."""


@dataclass(frozen=True, slots=True)
class Operand:
    """A number that a step takes.

    Attributes:
        kind: Where it comes from.
        value: The number.
        index: Counts facts or steps from 0; -1 for constants.
        note: For a constant, the sentence that explains it.
        error_type: For a constant, what it is to take another number in its place.
    """

    kind: Literal["fact", "step", "constant"]
    value: int
    index: int = -1
    note: str = ""
    error_type: Literal["UC", "FC"] = "UC"


@dataclass(frozen=True, slots=True)
class Step:
    """One binary step; `says` are its wordings (`@` is the equation), `what` names the quantity it finds."""

    op: Op
    x: Operand
    y: Operand
    value: int
    says: tuple[str, ...]
    what: str


@dataclass(frozen=True, slots=True)
class Misreading:
    """A step that rests on a misread question, and why it is wrong; it stands where step `at` should."""

    at: int
    op: Op
    x: Operand
    y: Operand
    error_type: ErrorType
    why: str
    says: tuple[str, ...]


def compute(x: int, op: Op, y: int) -> int | None:
    """`x op y` where it is a whole number, else None.

    >>> compute(7, "/", 2) is None
    True
    """
    if op == "+":
        return x + y
    if op == "-":
        return x - y
    if op == "*":
        return x * y
    return x // y if y and x % y == 0 else None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in a story, with pronouns."""

    name: str
    she: str
    her: str
    his: str


class Story:
    """A problem being told: sentences, facts and steps are added in order, then frozen by `problems`.

    `template` names the structure (family, operations, what is asked), never the wording: with the facts'
    numbers it decides the split.
    """

    def __init__(self, family: str, rng: Random) -> None:
        self.template = family
        self.rng = rng
        self.sentences: list[str] = []
        self.question = ""
        self.facts: list[int] = []
        self.steps: list[Step] = []
        self.misreadings: list[Misreading] = []

    def fact(self, low: int, high: int) -> Operand:
        """A number of the question, drawn between `low` and `high`."""
        return self.given(self.rng.randint(low, high))

    def given(self, value: int) -> Operand:
        """A number of the question that the caller drew."""
        if not SMALLEST <= value <= LARGEST:
            raise OutOfRange
        self.facts.append(value)
        return Operand("fact", value, len(self.facts) - 1)

    def divisor(self, of: Operand, low: int, high: int) -> Operand:
        """A number of the question that divides `of` without a rest."""
        choices = [n for n in range(low, high + 1) if of.value % n == 0 and n < of.value]
        if not choices:
            raise OutOfRange
        return self.given(self.rng.choice(choices))

    def tell(self, *wordings: str) -> None:
        """Adds one of the wordings to the question text."""
        self.sentences.append(self.rng.choice(wordings))

    def ask(self, *wordings: str) -> None:
        """Sets the question to one of the wordings."""
        self.question = self.rng.choice(wordings)

    def step(self, x: Operand, op: Op, y: Operand, *says: str, what: str) -> Operand:
        """Adds a step of the program and returns its value as an operand."""
        value = compute(x.value, op, y.value)
        if value is None or not SMALLEST <= value <= LARGEST:
            raise OutOfRange
        self.steps.append(Step(op, x, y, value, says, what))
        return Operand("step", value, len(self.steps) - 1)

    def misread(self, x: Operand, op: Op, y: Operand, *says: str, error_type: ErrorType, why: str) -> None:
        """Adds a misreading of the step that was added last."""
        self.misreadings.append(Misreading(len(self.steps) - 1, op, x, y, error_type, why, says))

    def mark(self, choice: str) -> None:
        """Adds a structural choice to the template's name."""
        self.template += f".{choice}"


def constant(value: int, note: str, *, error_type: Literal["UC", "FC"] = "UC") -> Operand:
    """A number that the question does not give, such as 12 for a dozen.

    Args:
        value: The number.
        note: The sentence that explains it.
        error_type: What it is to take another number: a unit converted wrongly, or a wrong formula.
    """
    return Operand("constant", value, note=note, error_type=error_type)

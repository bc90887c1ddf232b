"""Who and what nano stories are about."""

from __future__ import annotations

from dataclasses import dataclass

from lema_hub.nano.program import Person

_SHE = [
    Person(name, "she", "her", "her")
    for name in ("Mia", "Anna", "Lucy", "Nora", "Ella", "Ruth", "Jane", "Sara")
]
_HE = [
    Person(name, "he", "him", "his") for name in ("Tom", "Ben", "Leo", "Sam", "Max", "Paul", "Omar", "Jack")
]
PEOPLE = tuple(_SHE + _HE)
ITEMS = (
    "pens",
    "marbles",
    "shells",
    "stickers",
    "cards",
    "coins",
    "stamps",
    "beads",
    "books",
    "toys",
    "apples",
    "cookies",
)
ORDINALS = ("first", "second", "third")


@dataclass(frozen=True, slots=True)
class Cast:
    """Who and what a story is about, drawn once per problem: three people and two kinds of things."""

    a: Person
    b: Person
    c: Person
    items: str
    others: str

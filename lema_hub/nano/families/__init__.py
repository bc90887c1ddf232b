"""The families of nano problems: each tells a story of `n` steps with everything that is true of it.

In the wordings of a step, `@` stands for its equation (`5 + 3 = 8`). A family draws its structure with
`story.mark` so that the template's name says which operations the problem needs.

Traps: a wording must hold for every number that can be drawn; whatever depends on the numbers is structure.
The order of `FAMILIES` and of every draw decides which problem an id stands for (`problems.REVISION`).
"""

from __future__ import annotations

from collections.abc import Callable

from lema_hub.nano.families.cast import ITEMS, PEOPLE, Cast
from lema_hub.nano.families.measures import garden, reading, trips
from lema_hub.nano.families.money import saving, selling, shopping
from lema_hub.nano.families.people import ages, bus, teams
from lema_hub.nano.families.things import comparison, groups, holdings, units
from lema_hub.nano.program import Story

__all__ = ["FAMILIES", "ITEMS", "PEOPLE", "Cast"]

FAMILIES: tuple[Callable[[Story, int, Cast], None], ...] = (
    holdings, comparison, groups, shopping, selling, trips, ages, units, garden, saving, reading, teams, bus,
)  # fmt: skip

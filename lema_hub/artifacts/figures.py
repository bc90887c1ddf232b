"""Figures of a build that its manifest holds and its card shows: who was corrected how often, what a row cost,
and, where the truth is known, what each gate caught.

    >>> Success(group="student", name="m", wrong=40, corrected=10, low=0.14, high=0.40).rate
    0.25
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Group = Literal["all", "student", "level", "self"]
"""What rows are counted together: all, those of a student, of a level of difficulty, or the corrector's own."""


def label(group: Group, name: str) -> str:
    """What a group is called where groups of all kinds stand together."""
    return f"level {name}" if group == "level" and "level" not in name.lower() else name


@dataclass(frozen=True, slots=True, kw_only=True)
class Success:
    """How many mistakes of a group were corrected to the right answer (LeMa, Figure 4).

    Attributes:
        group: What the group is.
        name: Which one.
        wrong: Wrong solutions that the corrector answered.
        corrected: Those with a correction in the right form that ends in the right answer.
        low: Lower end of Wilson's interval of their share, at the level `lema_hub.stats.LEVEL`.
        high: Its upper end.
    """

    group: Group
    name: str
    wrong: int
    corrected: int
    low: float
    high: float

    @property
    def label(self) -> str:
        """What the group is called."""
        return label(self.group, self.name)

    @property
    def rate(self) -> float:
        """The share that was corrected."""
        return self.corrected / self.wrong if self.wrong else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Yield:
    """What the rows of a group took: problems asked, rows accepted, tokens, dollars.

    `cost_usd` is None if no answer had a price. A student's row is charged with its corrections, votes and
    judgements too.
    """

    group: Group
    name: str
    problems: int
    accepted: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None

    @property
    def label(self) -> str:
        """What the group is called."""
        return label(self.group, self.name)

    @property
    def tokens_per_row(self) -> float | None:
        """Tokens for one accepted row; None if none was accepted."""
        return (self.prompt_tokens + self.completion_tokens) / self.accepted if self.accepted else None

    @property
    def cost_per_row(self) -> float | None:
        """US dollars for one accepted row; None if none was accepted or no price is known."""
        return self.cost_usd / self.accepted if self.accepted and self.cost_usd is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateTruth:
    """What a gate caught where the truth is known, which is in the nano world.

    Attributes:
        gate: Its name; `format` is the reader before all gates, `required` all gates that rows must pass.
        asked: Corrections that it was asked about.
        failed: Those that it failed.
        right: Right ones among those that it failed.
        made: Wrong corrections among those asked about, by what is wrong with them.
        caught: Those of `made` that it failed.
    """

    gate: str
    asked: int
    failed: int
    right: int
    made: dict[str, int] = field(default_factory=dict)
    caught: dict[str, int] = field(default_factory=dict)

    @property
    def precision(self) -> float | None:
        """The share of wrong ones among those that it failed; None if it failed none."""
        return 1 - self.right / self.failed if self.failed else None

    @property
    def recall(self) -> float | None:
        """The share of the wrong ones that it failed; None if there were none."""
        made = sum(self.made.values())
        return sum(self.caught.values()) / made if made else None

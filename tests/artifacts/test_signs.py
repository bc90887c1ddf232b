"""No number of a record is negative, however deep it stands."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from lema_hub.artifacts.signs import check_signs
from lema_hub.errors import InputError


@dataclass(frozen=True)
class Inner:
    counts: dict[str, int]
    shares: tuple[float, ...] = ()


@dataclass(frozen=True)
class Outer:
    seed: int
    inner: tuple[Inner, ...]
    name: str = "-1"
    flag: bool = False
    cost: float | None = None


def test_every_number_is_looked_at() -> None:
    check_signs(Outer(seed=-1, inner=(Inner({"a": 0}, (0.0, 0.5)),)), source="x", free=("seed",))
    for bad, key in (
        (Outer(seed=-1, inner=()), "seed is -1"),
        (Outer(seed=0, inner=(Inner({"a": 1}), Inner({"b": -2}))), "inner.1.counts.b is -2"),
        (Outer(seed=0, inner=(Inner({}, (0.5, -0.5)),)), "inner.0.shares.1 is -0.5"),
        (Outer(seed=0, inner=(), cost=-0.01), "cost is -0.01"),
    ):
        with pytest.raises(InputError, match=f"^x: {key}; expected no negative number"):
            check_signs(bad, source="x", free=())

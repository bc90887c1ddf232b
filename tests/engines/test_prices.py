"""The price lists: the one that ships with the package, and the user's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from lema_hub.engines.prices import Price, price_of
from lema_hub.errors import InputError


def test_the_users_list_comes_first(tmp_path: Path) -> None:
    own = tmp_path / "prices.yaml"
    own.write_text("- {model: gpt-4, input: 1, output: 2, batch: 0.5, date: 2026-11-01, source: test}\n")
    assert price_of("gpt-4", file=own) == Price(1.0, 2.0, 0.5)
    assert price_of("gpt-4") != Price(1.0, 2.0, 0.5)
    assert price_of("gpt-4o", file=own) == price_of("gpt-4o")
    assert price_of("unknown", file=own) is None
    assert Price(1.0, 2.0, 0.5).cost(3, 4) == pytest.approx(11e-6)
    assert Price(1.0, 2.0, 0.5).batched() == Price(0.5, 1.0)


@pytest.mark.parametrize(
    "row",
    [
        "input: -1, output: 1", "input: 1, output: -0.01", "input: .nan, output: 1", "input: 1, output: .inf",
        "input: 1, output: 1, batch: -0.5", "input: many, output: 1", "input: 1",
    ],
)  # fmt: skip
def test_a_price_that_is_not_one_is_refused(tmp_path: Path, row: str) -> None:
    own = tmp_path / "prices.yaml"
    own.write_text(f"- {{model: m, {row}, date: 2026-11-01, source: test}}\n")
    with pytest.raises(InputError, match=r"prices\.yaml is not a price list") as caught:
        price_of("m", file=own)
    assert "\n" not in str(caught.value)

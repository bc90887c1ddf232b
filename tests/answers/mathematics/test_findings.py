from __future__ import annotations

import pytest

from lema_hub.answers.mathematics.findings import Finding, all_of, known


@pytest.mark.parametrize(
    ("parts", "finding"),
    [
        ([], "equal"),
        (["equal", "equal"], "equal"),
        (["unknown", "equal"], "unknown"),
        (["unknown", "different"], "different"),
    ],
)
def test_one_part_that_differs_decides(parts: list[Finding], finding: Finding) -> None:
    assert all_of(parts) == finding


def test_the_first_difference_ends_the_comparison() -> None:
    rest = iter([known(True), known(False), known(True)])
    assert all_of(rest) == "different"
    assert next(rest) == "equal"

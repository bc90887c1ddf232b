"""Every published column is explained."""

from __future__ import annotations

import pytest

from lema_hub import records
from lema_hub.artifacts.dataset import RECORDS
from lema_hub.cards.fields import describe


@pytest.mark.parametrize("record", [*RECORDS.values(), records.Rejection])
def test_every_column_is_explained(record: type) -> None:
    described = describe(record)
    assert [field.name for field in described] == list(records.columns(record))
    assert all(field.meaning.endswith(".") for field in described)

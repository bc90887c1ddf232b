"""LEMMA's error types in plain words."""

from __future__ import annotations

from lema_hub.demo.taxonomy import MEANINGS, NAMES
from lema_hub.records import ERROR_TYPES


def test_every_error_type_has_its_words() -> None:
    assert set(NAMES) == set(MEANINGS) == set(ERROR_TYPES)

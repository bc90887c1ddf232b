"""The options that all publishers share."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from typing import get_type_hints

import pytest

from lema_hub.errors import InputError
from lema_hub.hub.options import Keywords, PublishOptions


def test_the_keywords_of_the_public_functions_are_the_fields_of_the_record() -> None:
    names = {"HfApi": object}
    assert list(get_type_hints(Keywords, localns=names)) == [field.name for field in fields(PublishOptions)]


def test_options_are_frozen_and_unknown_ones_are_refused() -> None:
    options = PublishOptions(version="0.1.0")
    assert str(options.number) == "0.1.0"
    assert (options.private, options.dry_run, options.create_pr) == (False, False, False)
    with pytest.raises(FrozenInstanceError):
        options.dry_run = True
    with pytest.raises(TypeError, match="dryrun"):
        PublishOptions(version="0.1.0", dryrun=True)
    with pytest.raises(InputError, match="'1' is no"):
        assert PublishOptions(version="1").number

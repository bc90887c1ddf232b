"""Versions: what is one, and their order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lema_hub.errors import InputError
from lema_hub.hub.versions import Version, of_tags, parse

number = st.integers(0, 999_999_999)


@given(number, number, number)
def test_text_and_version_are_inverses(major: int, minor: int, patch: int) -> None:
    version = Version(major, minor, patch)
    assert parse(str(version)) == parse(version.tag) == version
    assert version < version.bump("patch") < version.bump("minor") < version.bump("major")


@pytest.mark.parametrize(
    "text",
    ["", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.3-rc1", "v", "V1.2.3", "1.2.x", " 1.2.3", "1.2.3\n", "١.٢.٣"],
)
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"as in 0\.1\.0"):
        parse(text)


def test_tags_are_ordered_by_number_and_others_passed_over() -> None:
    tags = ["v0.10.0", "step-10", "v0.9.0", "1.0.0", "v1.0.0-rc1", "v0.2.11"]
    assert [str(version) for version in of_tags(tags)] == ["0.2.11", "0.9.0", "0.10.0"]

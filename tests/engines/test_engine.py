"""What a server said, as it is stored and shown."""

from __future__ import annotations

import pytest

from lema_hub.engines import Failure, Sampling
from lema_hub.engines.engine import is_unicode, line
from lema_hub.errors import InputError


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("two\r\nlines\tand  spaces ", "two lines and spaces"),
        ("\x1b[31mred\x07\u202e\ud800", "[31mred"),
        ("Incorrect API key provided: sk-0123456789abcdef.", "Incorrect API key provided: [redacted]."),
        ("x" * 1000, "x" * 200),
        ("x" * 195 + " sk-0123456789abcdef", "x" * 195 + " [red"),  # redacted first, cut afterwards
        ("", ""),
    ],
)
def test_a_line_is_short_printable_and_without_secrets(said: str, shown: str) -> None:
    assert line(said) == shown
    assert Failure(reason="odd", detail=said).detail == shown
    assert is_unicode(shown)


def test_half_of_a_surrogate_pair_is_not_unicode() -> None:
    assert is_unicode("\U0001f600")
    assert not is_unicode("\ud83d")


@pytest.mark.parametrize("option", [{"temperature": -1.0}, {"top_p": 0.0}, {"top_p": 1.1}, {"max_tokens": 0}])
def test_sampling_out_of_range_is_refused(option: dict[str, float]) -> None:
    with pytest.raises(InputError, match="must be"):
        Sampling(**option)  # type: ignore[arg-type]

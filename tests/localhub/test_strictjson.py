"""JSON from strangers."""

from __future__ import annotations

import json

import pytest

from lema_hub.localhub import strictjson


@pytest.mark.parametrize("value", [{}, [1, -2.5, None, True, "ü", "😀", "\0"], {"a": {"b": []}}, 2**70])
def test_json_is_read(value: object) -> None:
    assert strictjson.loads(json.dumps(value)) == value
    assert strictjson.loads(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[NaN]", "NaN"),
        ("[-Infinity]", "Infinity"),
        ("1e999", "out of range"),
        ("1." + "0" * 2000, "out of range"),
        ("9" * 41, "41 characters"),
        ('"\\ud800"', "valid Unicode"),
        (b'"\xed\xa0\x80"', "utf-8"),
        ('"\\uDFFFx"', "valid Unicode"),
        ("[" * 100_000, "nested"),
        ('{"a":' * 100_000, "nested"),
        ("{", "Expecting"),
    ],
)
def test_what_is_refused(text: str | bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        strictjson.loads(text)


def test_values_are_counted_and_commas_in_texts_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lema_hub.localhub.bounds.JSON_NODES", 100)
    text = ['\\"[,{,' * 500, "a,b" * 500]
    assert strictjson.loads(json.dumps(text)) == text
    for many in ([[]] * 60, [{}] * 60, [0] * 200, [",", *[1] * 200]):
        with pytest.raises(ValueError, match="more than 100 values"):
            strictjson.loads(json.dumps(many))

"""JSON from outside: what is not plain JSON within the bounds is an error of one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from lema_hub.errors import FormatError, InputError
from lema_hub.json_text import MAX_DEPTH, MAX_INTEGER, MAX_LINE, loads, read_json_file, read_jsonl

BAD = [
    ("[" * 100_000 + "]" * 100_000, "nested deeper than 40 levels"),
    ('{"a": ' * (MAX_DEPTH + 1) + "0" + "}" * (MAX_DEPTH + 1), "nested deeper than 40 levels"),
    ("9" * 5_000, "the number 99999999999999999999... has more than 64 bits"),
    (str(MAX_INTEGER + 1), "has more than 64 bits"),
    ("[1e999]", "1e999 is not a finite number"),
    ("[NaN]", "NaN is not a finite number"),
    ("[-Infinity]", "-Infinity is not a finite number"),
    ('["\\ud800"]', "half of a surrogate pair"),
    ('{"\\udc00": 1}', "half of a surrogate pair"),
    ('{"a": 1, "b": 2, "a": 3}', "the key 'a' is there twice"),
    ("", "Expecting value"),
    ("{}{}", "Extra data"),
]


@pytest.mark.parametrize(("text", "message"), BAD, ids=range(len(BAD)))
def test_what_is_not_plain_is_one_line(text: str, message: str) -> None:
    for given in (text, text.encode()):
        with pytest.raises(FormatError) as caught:
            loads(given, source="the answer")
        assert str(caught.value).startswith("the answer is not valid JSON (")
        assert message in str(caught.value)
        assert len(str(caught.value)) < 200
        assert "\n" not in str(caught.value)


def test_plain_values_are_read() -> None:
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert loads(deep, source="x") is not None
    assert loads(f"[{MAX_INTEGER}, -{MAX_INTEGER}, 1.5, true, null]", source="x")[0] == MAX_INTEGER
    assert loads('"\\ud83d\\ude00"', source="x") == "😀"
    assert loads("\ufeff[]".encode(), source="x") == []


def test_a_text_has_a_greatest_length() -> None:
    assert loads("[1]", source="x", limit=3) == [1]
    with pytest.raises(FormatError, match="longer than 2 bytes"):
        loads("[1]", source="x", limit=2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": 1}\n{"a": \n', "rows.jsonl:2 is not valid JSON"),
        (b'{"a": 1}\n\n[1]\n', "rows.jsonl:3 is list; expected a JSON object"),
        ('{"a": "é"}'.encode("latin-1"), "rows.jsonl:1 is not valid JSON (not UTF-8)"),
        ('{"a": 1}'.encode("utf-16"), "rows.jsonl:1 is not valid JSON (not UTF-8)"),
        (
            b'{"a": "' + b"x" * MAX_LINE + b'"}',
            "rows.jsonl:1 is not valid JSON (longer than 8,388,608 bytes)",
        ),
        (b'{"a": ' + b"[" * 200_000, "rows.jsonl:1 is not valid JSON (nested deeper"),
    ],
    ids=range(6),
)
def test_a_bad_line_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "rows.jsonl").write_bytes(content)
    with pytest.raises(InputError) as caught:
        list(read_jsonl(tmp_path / "rows.jsonl"))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_line_that_never_ends_is_not_read_to_its_end() -> None:
    with pytest.raises(InputError, match="zero:1 is not valid JSON"):
        list(read_jsonl(Path("/dev/zero")))


def test_lines_are_read_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes('\ufeff{"a": 1}\r\n\r\n{"a": "é"}'.encode())
    assert list(read_jsonl(tmp_path / "rows.jsonl")) == [{"a": 1}, {"a": "é"}]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.jsonl' cannot be read \(No such file"):
        list(read_jsonl(tmp_path / "none.jsonl"))
    with pytest.raises(InputError, match=r"none.json' cannot be read .*; give the file$"):
        read_json_file(tmp_path / "none.json", remedy="give the file")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(InputError, match=r"bad.json' is not valid JSON .*; give the file$"):
        read_json_file(tmp_path / "bad.json", remedy="give the file")
    (tmp_path / "good.json").write_text('{"a": [1]}')
    assert read_json_file(tmp_path / "good.json", remedy="") == {"a": [1]}

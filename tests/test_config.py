"""YAML and JSON as dataclasses: what is plain is read, everything else is named in one line."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from lema_hub.config import MAX_BYTES, Range, parse, peek, read_json, read_yaml, to_json
from lema_hub.errors import InputError, RecipeError


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    name: str
    size: Annotated[int, Range(1, 10)] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    kind: Literal["one", "two"]
    count: int = 0
    limit: Annotated[int, Range(0, 5)] | None = None
    rate: float = 0.0
    is_on: bool = False
    parts: tuple[Part, ...] = ()
    shares: dict[str, float] = field(default_factory=dict)
    text: str | None = None

    def __post_init__(self) -> None:
        if self.kind == "two" and not self.parts:
            raise RecipeError("two needs parts")


def _read(folder: Path, text: str, *overrides: str) -> Document:
    (folder / "d.yaml").write_text(text, encoding="utf-8")
    return read_yaml(folder / "d.yaml", Document, overrides)


def test_a_document_is_read(tmp_path: Path) -> None:
    text = "kind: two\ncount: -3\nrate: 2e-4\nis_on: true\nparts: [{name: no, size: 2}]\nshares: {a: 1}\ntext: null\n"
    assert _read(tmp_path, text) == Document(
        kind="two", count=-3, rate=2e-4, is_on=True, parts=(Part(name="no", size=2),), shares={"a": 1.0}
    )
    assert peek(tmp_path / "d.yaml", "kind") == "two"
    assert peek(tmp_path / "d.yaml", "none") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: one\ncuont: 1", "line 2: unknown key 'cuont'; did you mean 'count'?"),
        ("kind: one\nzzz: 1", "line 2: unknown key 'zzz'; expected kind, count,"),
        ("kind: two\nparts:\n  - name: a\n  - name: b\n    sise: 1", "line 5: unknown key 'parts.1.sise'"),
        ("kind: two\nparts:\n  - {size: 1}", "line 3: key 'parts.0.name' is missing; add it"),
        ("count: 1", "key 'kind' is missing"),
        ("kind: three", "line 1: kind is 'three'; expected one of one, two"),
        ("kind: two", "two needs parts"),
        ("kind: one\ncount: 1.5", "line 2: count is 1.5; expected a whole number"),
        ("kind: one\ncount: true", "count is True; expected a whole number"),
        ("kind: one\ncount: 0x10", "count is '0x10'; expected a whole number"),
        ("kind: one\ncount: 1:59:59", "count is '1:59:59'; expected a whole number"),
        ("kind: one\ncount: " + "9" * 10_000, "expected a whole number"),
        ("kind: one\nrate: 1e999", "rate is inf; expected a finite number"),
        ("kind: one\nrate: .nan", "rate is nan; expected a finite number"),
        ("kind: one\nis_on: yes", "is_on is 'yes'; expected true or false"),
        ("kind: one\nlimit: 6", "line 2: limit is 6; expected a whole number from 0 to 5"),
        ("kind: two\nparts: [{name: a, size: 0}]", "parts.0.size is 0; expected a whole number from 1 to 10"),
        ("kind: one\nshares: {a: b}", "shares.a is 'b'; expected a number"),
        ("kind: one\nshares: [1]", "shares is [1]; expected keys with values"),
        ("kind: one\nparts: a", "parts is 'a'; expected a list"),
        ("kind: one\nkind: two", "key 'kind' is there twice"),
        ("kind: one\n? [a]\n: 1", "a key is not text"),
        ("kind: &a one\ntext: *a", "aliases are not read"),
        ("kind: one\n<<: {count: 1}", "unknown key '<<'"),
        ("kind: !!python/name:os.system", "could not determine a constructor for the tag"),
        ("kind: !!timestamp 2020-01-01", "could not determine a constructor for the tag"),
        ("kind: !mine one", "could not determine a constructor for the tag"),
        ("kind: !!set {one}", "could not determine a constructor for the tag"),
        ("kind: !!binary aGk=", "could not determine a constructor for the tag"),
        ("kind: !!int one", "not YAML that is read here"),
        ("kind: one\ntext: " + "[" * 100_000, "nested deeper than 40 levels"),
        ("kind: one\ntext: " + "{a: " * 100, "nested deeper than 40 levels"),
        ("- " * 5_000 + "a", "nested deeper than 40 levels"),
        ('kind: one\ntext: "a\\0b"', "text with a NUL or a lone surrogate"),
        ('kind: one\ntext: "\\ud800"', "text with a NUL or a lone surrogate"),
        ("kind: one\n--- \nkind: two", "expected a single document"),
        ("kind: [", "not YAML that is read here"),
        ("- a", "the document is ['a']; expected the keys kind"),
        ("", "the document is empty; expected the keys kind"),
        ("#" * (MAX_BYTES + 1), "expected a YAML file of at most 131,072"),
    ],
)  # fmt: skip
def test_a_slip_is_one_line_with_its_file(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        _read(tmp_path, text)
    said = str(caught.value)
    assert message in said
    assert str(tmp_path / "d.yaml") in said
    assert "\n" not in said
    assert len(said) < 600


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "d.yaml").write_bytes("kind: é".encode("latin-1"))
    with pytest.raises(RecipeError, match=r"cannot be read .UnicodeDecodeError.; give a YAML file in UTF-8"):
        read_yaml(tmp_path / "d.yaml", Document)
    with pytest.raises(RecipeError, match="cannot be read"):
        peek(tmp_path / "none.yaml", "kind")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("count", "has no '='"),
        ("=1", "has no '='"),
        ("count=[", "the value is not YAML"),
        ("count=!!set {}", "the value is not YAML"),
        ("cuont=1", "unknown key 'cuont'"),
        ("parts.1.name=b", "there is no '1' to go into"),
        (
            "parts.0.size=99999999999999",
            "parts.0.size is 99999999999999; expected a whole number from 1 to 10",
        ),
        ("kind.x=1", "there is no 'kind' to go into"),
        ("text" + ".x" * 2_000 + "=1", "nested deeper than 40 levels"),
        ("parts.x=1", "there is no 'x' to go into"),
    ],
)
def test_a_bad_override_is_named(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        _read(tmp_path, "kind: one\nparts: [{name: a}]", override)
    assert message in str(caught.value)


def test_overrides_reach_into_lists_and_new_keys(tmp_path: Path) -> None:
    read = _read(tmp_path, "kind: one\nparts: [{name: a}]", "parts.0.name=b", "shares.x=0.5", "limit=null")
    assert (read.parts, read.shares, read.limit) == ((Part(name="b"),), {"x": 0.5}, None)


def test_plain_values_are_parsed() -> None:
    assert parse({"kind": "one"}, Document) == Document(kind="one")
    with pytest.raises(
        RecipeError, match="count is 1267650600228229401496703205376; expected a whole number that 64"
    ):
        parse({"kind": "one", "count": 2**100}, Document)


def test_json_is_what_was_written() -> None:
    document = Document(kind="two", parts=(Part(name="a"),), text="é\n")
    assert read_json(to_json(document), Document, source="d.json") == document


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "d.json is not valid JSON (Expecting"),
        ('{"kind": "one", "kind": "two"}', "the key 'kind' is there twice"),
        ('{"kind": "one", "rate": NaN}', "NaN is not a finite number"),
        ('{"kind": "one", "cuont": 1}', "d.json: unknown key 'cuont'; did you mean 'count'?"),
        ("[" * 5_000, "nested deeper than 40 levels"),
    ],
)
def test_bad_json_says_to_build_again(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_json(text, Document, source="d.json")
    assert message in str(caught.value)
    assert str(caught.value).endswith("; build it again")


def test_a_type_is_any_value() -> None:
    @dataclass(frozen=True)
    class Loose:
        value: Any

    assert parse({"value": [1, {"a": None}]}, Loose) == Loose(value=[1, {"a": None}])

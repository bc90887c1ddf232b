"""The YAML header of a README, read with care."""

from __future__ import annotations

import time

import pytest

from lema_hub.localhub import frontmatter


def card(header: str) -> str:
    return f"---\n{header}\n---\n# Title\n"


def test_read_gives_json_safe_data() -> None:
    found = frontmatter.read(card("a: 2024-01-31\nb: .inf\nc: [x, 1, null]\n1: {y: true}"))
    assert found == {"a": "2024-01-31", "b": "inf", "c": ["x", 1, None], "1": {"y": True}}


def test_what_json_or_the_database_cannot_hold_is_replaced() -> None:
    assert frontmatter.json_safe({"\ud800": ["\udfffx", float("nan"), 2**100]}) == {
        "?": ["?x", "nan", 2**100]
    }


@pytest.mark.parametrize("readme", ["", "# no header", "---\n---\n# empty", "text\n---\na: 1\n---\n"])
def test_a_readme_without_a_header_is_empty(readme: str) -> None:
    assert frontmatter.read(readme) == {}


def test_a_rule_inside_a_line_does_not_end_the_header() -> None:
    assert frontmatter.read("---\na: x---\nb: 2\n---\n") == {"a": "x---", "b": 2}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("a: [1, 2", "invalid YAML"),
        ("a: b: c", "invalid YAML"),
        ("- a list", "must be a mapping, got list"),
        ("just words", "must be a mapping, got str"),
        ("a: 1\na: 2", "duplicated mapping key 'a', line 2"),
        ("a: !!python/object/apply:os.system [id]", "invalid YAML"),
        ("a: 2024-99-99", "invalid YAML"),
        ("a: &x [*x]", "alias"),
        ("a: " + "[" * 100 + "]" * 100, "nested more than"),
        ("a: *nowhere", "alias"),
        ("a: 0x" + "f" * 100, "128 bits"),
        ("a: " + "9" * 5000, "invalid YAML|128 bits"),  # the latter where a library lifted Python's own limit
        ("0x" + "f" * 9000 + ": 1", "invalid YAML"),
        ("? [a, b]\n: 1", "invalid YAML"),
        ("a: !!omap [[a]]", "tag"),
        ("a: !!int ''", "tag"),
        ("a: !!timestamp x", "tag"),
        ("a: !!bool {}", "tag"),
        ("a: !!binary YQ==", "tag"),
        ("a: !local x", "tag"),
        ("a: !!str [x]", "invalid YAML"),
        ("a: 0b_", "invalid YAML"),
        ("a: 2001-12-14t21:59:43.10-99:99", "invalid YAML"),
        ("<<: [1]", "invalid YAML"),
        ("a: " + "1" * 100 + ".5", "128 bits"),
    ],
)
def test_headers_that_cannot_be_read(header: str, message: str) -> None:
    with pytest.raises(frontmatter.CardError, match=message) as caught:
        frontmatter.read(card(header))
    assert "\n" not in str(caught.value)


def test_digits_with_colons_are_texts() -> None:
    # As numbers in base 60 they take the square of their length: a minute for this one.
    endless = "1" + ":59" * 333_000
    assert frontmatter.read(card(f"a: {endless}\nb: 1:59.5\nc: 12:30")) == {
        "a": endless,
        "b": "1:59.5",
        "c": "12:30",
    }


def test_keys_are_texts() -> None:
    # As numbers they could all be given the same hash.
    assert frontmatter.read(card("0x10: a\n1.0: b\ntrue: c\n2305843009213693951: d")) == {
        "0x10": "a",
        "1.0": "b",
        "true": "c",
        "2305843009213693951": "d",
    }


def test_merged_keys_and_plain_tags() -> None:
    header = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: !!str 5\ne: !!seq [1]\nf: !!map {g: h}"
    assert frontmatter.read(card(header)) == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 3},
        "c": "5",
        "e": [1],
        "f": {"g": "h"},
    }


def test_a_billion_laughs_are_refused_at_once() -> None:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    started = time.process_time()
    with pytest.raises(frontmatter.CardError, match="stands for more than"):
        frontmatter.read(card("\n".join(lines)))
    assert time.process_time() - started < 5


def test_merge_keys_are_counted_at_full_size() -> None:
    lines = ["b0: &b0 {x: 1}"]
    lines += [f"b{n}: &b{n} {{<<: [{', '.join([f'*b{n - 1}'] * 9)}]}}" for n in range(1, 12)]
    with pytest.raises(frontmatter.CardError, match="stands for more than"):
        frontmatter.read(card("\n".join(lines)))

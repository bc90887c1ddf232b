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
    ],
)
def test_headers_that_cannot_be_read(header: str, message: str) -> None:
    with pytest.raises(frontmatter.CardError, match=message) as caught:
        frontmatter.read(card(header))
    assert "\n" not in str(caught.value)


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

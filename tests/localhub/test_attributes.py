"""What git-lfs takes, and what is not uploaded."""

from __future__ import annotations

import pytest

from lema_hub.localhub import attributes
from lema_hub.localhub.errors import ApiError

DEFAULT = attributes.lfs_rules(attributes.DEFAULT_GITATTRIBUTES)


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        ("model.safetensors", "lfs"),
        ("a/b/train.parquet", "lfs"),
        ("x.tar.gz", "lfs"),
        ("x.tar.part1", "lfs"),
        ("logs/events.out.tfevents.1", "lfs"),
        ("saved_model/a/b", "lfs"),
        ("README.md", "regular"),
        ("data.jsonl", "regular"),
        ("parquet", "regular"),
        ("safetensors.md", "regular"),
    ],
)
def test_default_patterns(path: str, mode: str) -> None:
    assert attributes.upload_mode(path, 100, b"text", DEFAULT) == mode


def test_size_and_content_decide_where_patterns_do_not() -> None:
    assert attributes.upload_mode("a.txt", 10_000_000, b"text", DEFAULT) == "regular"
    assert attributes.upload_mode("a.txt", 10_000_001, b"text", DEFAULT) == "lfs"
    assert attributes.upload_mode("a.txt", 4, b"a\0bc", DEFAULT) == "lfs"
    assert attributes.upload_mode("a.parquet", 0, b"", DEFAULT) == "regular"


def test_later_lines_win_and_other_attributes_do_not_count() -> None:
    lines = [
        "# comment",
        "*.txt filter=lfs diff=lfs",
        "keep.txt -filter",
        "*.md text",
        "[attr]big filter=lfs",
        "",
    ]
    rules = attributes.lfs_rules("\n".join([*lines, "dir/** filter=lfs"]))
    found = [rules.matches(path) for path in ("a.txt", "keep.txt", "a.md", "big", "dir/x/y", "other/dir/x")]
    assert found == [True, False, False, False, True, False]


def test_ignored_paths() -> None:
    ignored = attributes.ignore_rules("*.log\n!keep.log\nbuild/\n/top.txt\n")
    found = [
        ignored.matches(path)
        for path in ("a.log", "keep.log", "build/x", "a/build/x", "top.txt", "a/top.txt")
    ]
    assert found == [True, False, True, True, True, False]


@pytest.mark.parametrize(
    ("lines", "path", "ignored"),
    [
        (
            "build/\n!build/keep.txt",
            "build/keep.txt",
            True,
        ),  # what is below an ignored directory stays ignored
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("a/**", "a", False),
        ("**/a*/**/*.py", "x/ab/c/d.py", True),
        ("[z-a]", "b", False),
        ("[[:digit:]]?", "7x", True),
        ("[a", "[a", False),
        ("a\\", "a", False),
        ("*.log\\ ", "x.log ", True),
        ("a//b", "a/b", False),
        ("\\!a", "!a", True),
        ("[!a-c]x", "dx", True),
    ],
)
def test_the_rules_of_git(lines: str, path: str, ignored: bool) -> None:
    assert attributes.ignore_rules(lines).matches(path) is ignored


@pytest.mark.parametrize("pattern", ["*a" * 100 + "b", "**/" + "a/**/" * 100 + "b", "*a*/**/" * 100 + "b"])
def test_no_pattern_takes_for_ever(pattern: str) -> None:
    # Each of them would keep a backtracking matcher busy until the sun is cold.
    path = "/".join(["a" * 120, *["a"] * 400])
    assert not attributes.ignore_rules(pattern).matches(path)
    assert not attributes.lfs_rules(f"{pattern} filter=lfs").matches(path)


@pytest.mark.parametrize(
    "text",
    ["a\n" * 1001, "a" * 1001, ("a" * 999 + "\n") * 65, "\n" * 600_000],
    ids=["many", "long", "all", "raw"],
)
def test_there_is_a_limit_on_patterns(text: str) -> None:
    with pytest.raises(ApiError, match="Too many patterns") as caught:
        attributes.ignore_rules(text)
    assert caught.value.status == 400


def test_the_work_of_all_comparisons_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lema_hub.localhub.bounds.MATCH_STEPS", 100_000)
    rules = attributes.ignore_rules("*" + "a" * 99)
    rules.matches("a" * 90)
    with pytest.raises(ApiError, match="send fewer files"):
        [rules.matches("b" * 90) for _ in range(20)]

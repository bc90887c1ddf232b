"""What git-lfs takes, and what is not uploaded."""

from __future__ import annotations

import pytest

from lema_hub.localhub import attributes
from lema_hub.localhub.errors import ApiError

DEFAULT = attributes.lfs_patterns(attributes.DEFAULT_GITATTRIBUTES)


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
    patterns = attributes.lfs_patterns("\n".join([*lines, "dir/** filter=lfs"]))
    found = [
        patterns.match_file(path) for path in ("a.txt", "keep.txt", "a.md", "big", "dir/x/y", "other/dir/x")
    ]
    assert found == [True, False, False, False, True, False]


def test_ignored_paths() -> None:
    ignored = attributes.ignored_paths("*.log\n!keep.log\nbuild/\n/top.txt\n")
    found = [
        ignored.match_file(path)
        for path in ("a.log", "keep.log", "build/x", "a/build/x", "top.txt", "a/top.txt")
    ]
    assert found == [True, False, True, True, True, False]


def test_patterns_that_take_for_ever_are_refused() -> None:
    with pytest.raises(ApiError, match="more than 4 wildcards"):
        attributes.ignored_paths("*a*a*a*a*a*a*a*a*b")
    assert attributes.ignored_paths("**/a*/**/*.py").match_file("x/ab/c/d.py")

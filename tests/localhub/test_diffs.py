"""Diffs that git takes, in time that grows with the texts."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from lema_hub.localhub import diffs


def lines(text: str) -> list[str]:
    return [f"{char}\n" for char in text]


def shown(old: str, new: str) -> str:
    return "".join(diffs.unified(lines(old), lines(new), "a/x", "b/x"))


def test_a_change_in_the_middle() -> None:
    assert shown("abcdefghi", "abcdXfghi") == (
        "--- a/x\n+++ b/x\n@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+X\n f\n g\n h\n"
    )


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("", "", 0),
        ("abc", "abc", 0),
        ("", "a", 1),
        ("a", "", 1),
        ("abcabc", "abcXabc", 1),
        ("axbxcxd", "aybycyd", 6),  # between lines that stand once
        ("ababab", "babab", 1),
        ("abcdef", "defabc", 6),
    ],
)
def test_few_lines_change(old: str, new: str, changed: int) -> None:
    body = shown(old, new).splitlines()[2:]
    assert sum(line[0] in "+-" for line in body) == changed


def test_git_makes_the_new_text_of_the_old_one(tmp_path: Path) -> None:
    chance = random.Random(7)
    for number in range(40):
        alphabet = "abcdefghijklmnopqrstuvwxyz"[: chance.randint(1, 26)]
        old = "".join(chance.choices(alphabet, k=chance.randint(0, 60)))
        new = "".join(chance.choice(alphabet) if chance.random() < 0.2 else char for char in old)
        if old == new:
            continue
        path = tmp_path / str(number) / "x"
        path.parent.mkdir()
        path.write_text("".join(lines(old)))
        subprocess.run(["git", "apply", "-p1"], input=shown(old, new).encode(), cwd=path.parent, check=True)
        assert path.read_text() == "".join(lines(new))


class Line(str):
    """A line that counts how often it is compared or hashed."""

    __slots__ = ()
    looked_at = 0

    def __eq__(self, other: object) -> bool:
        Line.looked_at += 1
        return str.__eq__(self, other)  # type: ignore[arg-type]

    def __hash__(self) -> int:
        Line.looked_at += 1
        return str.__hash__(self)


@pytest.mark.parametrize("kind", ["two", "few", "alternate", "shuffled"])
def test_the_work_grows_with_the_length(kind: str) -> None:
    chance, n = random.Random(3), 4000
    if kind == "alternate":
        old = [f"{i // 2}" if i % 2 else f"old {i}" for i in range(n)]
        new = [f"{i // 2}" if i % 2 else f"new {i}" for i in range(n)]
    elif kind == "shuffled":
        old = [str(i) for i in range(n)]
        new = chance.sample(old, n)
    else:
        words = [str(i) for i in range(2 if kind == "two" else 120)]
        old, new = (chance.choices(words, k=n) for _ in range(2))
    Line.looked_at = 0
    for _ in diffs.unified([Line(line) for line in old], [Line(line) for line in new], "a", "b"):
        pass
    assert Line.looked_at < 100 * n

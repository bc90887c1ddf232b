"""The difference of two texts, as git shows it, found in time that grows with their length.

`difflib` compares every line with its equals: seconds for a file of 200 KB, minutes if somebody chooses its lines
well. Here lines that stand once in either text are matched first, in the longest order that both
share, then the same between them (Bram Cohen's patience diff, https://bramcohen.livejournal.com/73318.html), a few
levels deep. What has no such line is shown as removed and added.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import Match, SequenceMatcher
from typing import Final

_LEVELS: Final = 6


class _Matcher(SequenceMatcher[str]):
    """A SequenceMatcher that is told what matches."""

    def __init__(self, old: Sequence[str], new: Sequence[str]) -> None:
        super().__init__()
        self._blocks = [*_matches(old, new), Match(len(old), len(new), 0)]

    def get_matching_blocks(self) -> list[Match]:
        return self._blocks


def unified(old: Sequence[str], new: Sequence[str], before: str, after: str) -> Iterator[str]:
    """The lines of a unified diff with three lines around each change; nothing if there is no change.

    Args:
        old: Lines with their ends.
        new: Lines with their ends.
        before: What the old text is called.
        after: What the new text is called.
    """
    hunks = [group for group in _Matcher(old, new).get_grouped_opcodes() if group]
    if hunks:
        yield f"--- {before}\n"
        yield f"+++ {after}\n"
    for hunk in hunks:
        first, last = hunk[0], hunk[-1]
        yield f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@\n"
        for tag, from_old, to_old, from_new, to_new in hunk:
            if tag == "equal":
                yield from (f" {line}" for line in old[from_old:to_old])
            else:
                yield from (f"-{line}" for line in old[from_old:to_old])
                yield from (f"+{line}" for line in new[from_new:to_new])


def _range(start: int, stop: int) -> str:
    length = stop - start
    # An empty range names the line before it.
    return str(start + 1) if length == 1 else f"{start + (length > 0)},{length}"


def _matches(old: Sequence[str], new: Sequence[str]) -> list[Match]:
    """Blocks of equal lines, in order, none overlapping."""
    found: list[Match] = []
    waiting = [(0, len(old), 0, len(new), 0)]
    while waiting:
        i, i_end, j, j_end, level = waiting.pop()
        start = i
        while i < i_end and j < j_end and old[i] == new[j]:
            i, j = i + 1, j + 1
        if i > start:
            found.append(Match(start, j - (i - start), i - start))
        stop = i_end
        while i < i_end and j < j_end and old[i_end - 1] == new[j_end - 1]:
            i_end, j_end = i_end - 1, j_end - 1
        if i_end < stop:
            found.append(Match(i_end, j_end, stop - i_end))
        if level == _LEVELS or i == i_end or j == j_end:
            continue
        anchors = _anchors(old, new, range(i, i_end), range(j, j_end))
        for at, other in anchors:
            # Up to the anchor; the anchor itself begins what comes next.
            waiting.append((i, at, j, other, level + 1))
            i, j = at, other
        if anchors:
            waiting.append((i, i_end, j, j_end, level + 1))
    return _joined(sorted(found))


def _joined(blocks: Iterable[Match]) -> list[Match]:
    """The same blocks, those that touch made one."""
    joined: list[Match] = []
    for block in blocks:
        last = joined[-1] if joined else Match(0, 0, 0)
        if (last.a + last.size, last.b + last.size) == (block.a, block.b) and joined:
            joined[-1] = Match(last.a, last.b, last.size + block.size)
        else:
            joined.append(block)
    return joined


def _anchors(old: Sequence[str], new: Sequence[str], left: range, right: range) -> list[tuple[int, int]]:
    """Pairs of places of lines that stand once in either range, the longest run that rises in both."""
    old_counts = Counter(old[place] for place in left)
    new_counts = Counter(new[place] for place in right)
    single = {new[place]: place for place in right if new_counts[new[place]] == 1}
    pairs = [
        (place, single[old[place]]) for place in left if old_counts[old[place]] == 1 and old[place] in single
    ]
    # The longest rising run by patience sorting: `tops` are the smallest ends of runs of each length.
    tops: list[int] = []
    best: list[int] = []
    previous: list[int] = []
    for number, (_, place) in enumerate(pairs):
        length = bisect_left(tops, place)
        tops[length : length + 1] = [place]
        best[length : length + 1] = [number]
        previous.append(best[length - 1] if length else -1)
    run: list[tuple[int, int]] = []
    number = best[-1] if best else -1
    while number >= 0:
        run.append(pairs[number])
        number = previous[number]
    return run[::-1]

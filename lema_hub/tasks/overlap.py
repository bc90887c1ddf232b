r"""Which texts hold which test questions: whole, or a run of n words of them.

    index = Index(["Natalia sold clips to 48 of her friends in April, and then ..."])
    next(index.find(["... NATALIA sold clips  to 48 of her friends in April ..."]))    # [Overlap(...)]

Texts are compared as words: runs of letters and runs of digits, in lower case (Unicode NFKC), so case, spacing and
punctuation do not matter; in LaTeX `\left`, `\quad`, `\,`, `\text` and their like are passed over, and `\dfrac` is
`\frac`. The drawing code of a figure (`[asy] ... [/asy]`) is left out where the prose has n words of its own: figures
share their code, and one problem may be drawn in two ways.

A question of n words or more is found by its runs of n words (13 in GPT-3's paper, arXiv 2005.14165, appendix C); a
shorter one only whole, with the operators between its words, else "Compute 1 + 2" would be found in "compute 1 - 2". A
question of one or two words is found only where it is the whole text.

The trap: problem sets are written in templates. 655 of MATH's 7,500 training questions share 13 words with a test
question, and in 461 of these the numbers are others: another problem. So a run counts as a hit where the question's
numbers all stand in the text, in their order; what else is shared is a phrase (docs/building.md has the figures).

Runs are looked up by 64-bit hashes (a polynomial over random values of the words, modulo 2**64) and every match is then
compared word by word: a collision costs time, never a false hit. Words that no test question has cannot match, so only
those of the questions are numbered.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lema_hub.errors import InputError

N = 13
"""Words in a run."""
MIN_N = 3
"""Shorter runs stand in every text."""

_FIGURE = re.compile(r"\[asy\].*?(?:\[/asy\]|\Z)", re.DOTALL)
_LAYOUT = re.compile(
    r"\\(?:(?:left|right|q?quad|displaystyle|textstyle|text(?:bf|it|rm)?|math(?:rm|bf|it)|mbox|operatorname)"
    r"(?![a-z])|[,;:!> ]|[dt](?=frac|binom))"
)
_WORD = re.compile(r"[^\W\d_]+|\d+")
_ASCII_WORD = re.compile(r"[a-z]+|[0-9]+")  # the same for ASCII in lower case, in half the time
_WORD_OR_OPERATOR = re.compile(r"[^\W\d_]+|\d+|[-+*/=<>^%!|]")
_DASHES = str.maketrans("‐‑‒–—−×÷", "------*/")
_BATCH = 1 << 19  # characters whose words are hashed at once
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so it has an inverse modulo 2**64
_INVERSE = np.uint64(pow(0x9E3779B97F4A7C15, -1, 1 << 64))
_TABLE_BITS = 20
_TABLE_SHIFT = np.uint64(64 - _TABLE_BITS)
_HEAD = 3  # words of a short question by which it is looked up first

Hashes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Overlap:
    """What a text shares with a test question.

    Attributes:
        question: The question's position among those that the index was made of.
        kind: `whole` if all of the question's words stand in the text in one run.
        words: The length of the longest shared run, in words.
        share: The share of the question's words that stand in shared runs, 0 to 1.
        same_numbers: Whether the question's numbers all stand in the text, in their order.
        text: The longest shared run as it stands in the text (in its normal form).
    """

    question: int
    kind: Literal["whole", "ngram"]
    words: int
    share: float
    same_numbers: bool
    text: str

    @property
    def is_hit(self) -> bool:
        """Whether the text gives the question away; else the two only share a phrase."""
        return self.kind == "whole" or self.same_numbers


def normal(text: str) -> str:
    """The text in lower case, with LaTeX layout and Unicode variants folded; words and operators are left."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_DASHES)
    text = text.lower()
    return _LAYOUT.sub(_folded, text) if "\\" in text else text


def words(text: str) -> list[str]:
    r"""The words by which texts are compared.

    >>> words("Compute $\\dfrac{1}{2}\\, + 3x$.")
    ['compute', 'frac', '1', '2', '3', 'x']
    """
    return _split(normal(text))


def _split(plain: str) -> list[str]:
    return (_ASCII_WORD if plain.isascii() else _WORD).findall(plain)


class Index:
    """Test questions, prepared for being looked for in many texts."""

    def __init__(self, questions: Sequence[str], *, n: int = N) -> None:
        """Prepare the questions.

        Args:
            questions: Their texts.
            n: Words in a run.

        Raises:
            InputError: n is below MIN_N, or a question has no word.
        """
        if n < MIN_N:
            raise InputError(f"n must be >= {MIN_N} words, got {n}; shorter runs stand in every text")
        self.n = n
        self._numbers: dict[str, int] = {}
        self._questions: list[NDArray[np.int32]] = []
        self._digits: list[list[str]] = []  # of each question, in their order
        self._operators: dict[int, list[str]] = {}
        for position, question in enumerate(questions):
            found = self._words_of(question)
            if not found:
                raise InputError(f"test question {position} has no word: {question[:60]!r}; drop it")
            for word in found:
                self._numbers.setdefault(word, len(self._numbers) + 1)
            self._questions.append(np.array([self._numbers[word] for word in found], dtype=np.int32))
            self._digits.append([word for word in found if word[0].isdigit()])
            if len(found) < n:
                self._operators[position] = _WORD_OR_OPERATOR.findall(normal(question))
        dice = np.random.default_rng(0)
        self._values = dice.integers(0, 1 << 64, len(self._numbers) + 1, dtype=np.uint64)
        self._powers = self._inverses = np.ones(0, dtype=np.uint64)
        self._runs = self._indexed()
        self._tables = self._likely()

    def __len__(self) -> int:
        """The number of questions."""
        return len(self._questions)

    def find(self, texts: Iterable[str]) -> Iterator[list[Overlap]]:
        """For every text what it shares with which questions, by the order of the questions."""
        batch: list[str] = []
        size = 0
        for text in texts:
            batch.append(text)
            size += len(text)
            if size >= _BATCH:
                yield from self._find(batch)
                batch, size = [], 0
        yield from self._find(batch)

    def _words_of(self, question: str) -> list[str]:
        """The question's words, without its figure if n are left."""
        if "[asy]" in (plain := normal(question)):
            prose = _split(_FIGURE.sub(" ", plain))
            if len(prose) >= self.n:
                return prose
        return _split(plain)

    def _indexed(self) -> dict[int, tuple[Hashes, NDArray[np.int32], NDArray[np.int32]]]:
        """Length of a run -> the hashes of the questions' runs, sorted, with question and position of each."""
        by_length: dict[int, list[tuple[Hashes, int]]] = {}
        for position, numbers in enumerate(self._questions):
            length = min(self.n, len(numbers))
            by_length.setdefault(length, []).append((self._hashes(self._sums(numbers), length), position))
        runs = {}
        for length, parts in sorted(by_length.items()):
            hashes = np.concatenate([part for part, _ in parts])
            owners = np.concatenate([np.full(len(part), owner, dtype=np.int32) for part, owner in parts])
            places = np.concatenate([np.arange(len(part), dtype=np.int32) for part, _ in parts])
            order = np.argsort(hashes, kind="stable")
            runs[length] = (hashes[order], owners[order], places[order])
        return runs

    def _likely(self) -> dict[int, NDArray[np.bool_]]:
        """Length -> the leading bits of the hashes with which a match may begin: n words, or a short question's
        head.
        """
        tables: dict[int, NDArray[np.bool_]] = {}
        for numbers in self._questions:
            short = len(numbers) < self.n
            length = min(_HEAD, len(numbers)) if short else self.n
            hashes = self._hashes(self._sums(numbers[:length] if short else numbers), length)
            if length not in tables:
                tables[length] = np.zeros(1 << _TABLE_BITS, dtype=bool)
            tables[length][hashes >> _TABLE_SHIFT] = True
        return tables

    def _sums(self, numbers: NDArray[np.int32]) -> Hashes:
        """value[i] * base**i, summed up to every position."""
        size = len(numbers)
        if len(self._powers) < size:
            room = max(size, 1 << 12)
            self._powers = np.cumprod(np.full(room, _BASE), dtype=np.uint64)
            self._inverses = np.cumprod(np.full(room, _INVERSE), dtype=np.uint64)
        sums = np.zeros(size + 1, dtype=np.uint64)
        np.cumsum(self._values[numbers] * self._powers[:size], out=sums[1:])
        return sums

    def _hashes(self, sums: Hashes, length: int) -> Hashes:
        """The hashes of all runs of a length: sum of value[i + k] * base**k."""
        last = max(0, len(sums) - length)
        return (sums[length:] - sums[:last]) * self._inverses[:last]

    def _find(self, batch: Sequence[str]) -> Iterator[list[Overlap]]:
        """The overlaps of some texts, whose words are hashed as one sequence with a gap after each text.

        A text with a figure stands in it twice, the second time without.
        """
        forms: list[str] = []
        owners: list[int] = []
        for owner, text in enumerate(batch):
            plain = normal(text)
            forms.append(plain)
            owners.append(owner)
            if "[asy]" in plain:
                forms.append(_FIGURE.sub(" ", plain))
                owners.append(owner)
        flat: list[int] = []
        starts = [0]
        for plain in forms:
            flat.extend(map(self._numbers.get, _split(plain), repeat(0)))
            flat.append(0)  # no word of a question
            starts.append(len(flat))
        matches = self._matches(np.array(flat, dtype=np.int32))
        by_form: dict[int, list[tuple[int, int, int, int]]] = {}
        for match in matches:
            by_form.setdefault(bisect_right(starts, match[1]) - 1, []).append(match)
        found: list[list[Overlap]] = [[] for _ in batch]
        for form, there in by_form.items():
            overlaps = self._overlaps(forms[form], starts[form], there)
            found[owners[form]] = _merged(found[owners[form]], overlaps)
        yield from found

    def _matches(self, numbers: NDArray[np.int32]) -> list[tuple[int, int, int, int]]:
        """All equal runs: of which question, where in the sequence, where in the question, how long."""
        sums = self._sums(numbers)
        starts = {
            length: np.flatnonzero(table[self._hashes(sums, length) >> _TABLE_SHIFT])
            for length, table in self._tables.items()
        }
        matches = []
        for length, (known, owners, places) in self._runs.items():
            likely = starts[length if length == self.n else min(length, _HEAD)]
            likely = likely[likely <= len(numbers) - length]
            hashes = (sums[likely + length] - sums[likely]) * self._inverses[likely]
            first = np.searchsorted(known, hashes, side="left")
            last = np.searchsorted(known, hashes, side="right")
            for item in np.flatnonzero(last > first):
                at = int(likely[item])
                there = numbers[at : at + length].tobytes()
                for entry in range(int(first[item]), int(last[item])):
                    question, place = int(owners[entry]), int(places[entry])
                    if self._questions[question][place : place + length].tobytes() == there:
                        matches.append((question, at, place, length))
        return matches

    def _overlaps(
        self, plain: str, start: int, matches: Sequence[tuple[int, int, int, int]]
    ) -> list[Overlap]:
        """The matches of one text, whose words begin at `start`, put together by question."""
        spans = [match.span() for match in _WORD.finditer(plain)]
        digits = [plain[begin:end] for begin, end in spans if plain[begin].isdigit()]
        overlaps = []
        grouped: dict[int, list[tuple[int, int, int]]] = {}
        for question, at, place, length in matches:
            grouped.setdefault(question, []).append((at - start, place, length))
        for question, runs in sorted(grouped.items()):
            size = len(self._questions[question])
            if question in self._operators:
                runs = [run for run in runs if self._is_whole(question, plain, spans, run[0])]
                if not runs:
                    continue
            at, longest = _longest(runs)
            covered = {word for _, place, length in runs for word in range(place, place + length)}
            overlaps.append(
                Overlap(
                    question=question,
                    kind="whole" if longest >= size else "ngram",
                    words=longest,
                    share=len(covered) / size,
                    same_numbers=_in_order(self._digits[question], digits),
                    text=plain[spans[at][0] : spans[at + longest - 1][1]],
                )
            )
        return overlaps

    def _is_whole(self, question: int, plain: str, spans: Sequence[tuple[int, int]], at: int) -> bool:
        """Whether a short question stands there with its operators."""
        size = len(self._questions[question])
        if size < 3 and size != len(spans):
            return False
        there = _WORD_OR_OPERATOR.findall(plain[spans[at][0] : spans[at + size - 1][1]])
        return there == _between_words(self._operators[question])


def _longest(runs: Sequence[tuple[int, int, int]]) -> tuple[int, int]:
    """Where the longest run begins and its length, after joining runs that continue each other."""
    best = (0, 0)
    open_runs: dict[int, tuple[int, int]] = {}  # place - at, which stays the same along a run -> begin, end
    for at, place, length in sorted(runs):
        begin, end = open_runs.get(place - at, (at, at))
        begin = begin if at <= end else at
        open_runs[place - at] = (begin, at + length)
        if at + length - begin > best[1]:
            best = (begin, at + length - begin)
    return best


def _in_order(wanted: Sequence[str], there: Sequence[str]) -> bool:
    rest = iter(there)
    return all(item in rest for item in wanted)


def _merged(one: Sequence[Overlap], other: Sequence[Overlap]) -> list[Overlap]:
    """For every question the weightier of two overlaps."""
    best: dict[int, Overlap] = {}
    for overlap in (*one, *other):
        earlier = best.get(overlap.question)
        if earlier is None or _weight(overlap) > _weight(earlier):
            best[overlap.question] = overlap
    return [best[question] for question in sorted(best)]


def _weight(overlap: Overlap) -> tuple[bool, float, int]:
    return overlap.is_hit, overlap.share, overlap.words


def _between_words(tokens: Sequence[str]) -> list[str]:
    """The tokens from the first word to the last."""
    places = [number for number, token in enumerate(tokens) if _WORD.fullmatch(token)]
    return list(tokens[places[0] : places[-1] + 1])


def _folded(match: re.Match[str]) -> Any:
    return "\\" if match[0] in ("\\d", "\\t") else " "

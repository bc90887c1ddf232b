"""Numbers in English words, as answers to word problems have them.

>>> read_number_words("one hundred twenty-five")
Fraction(125, 1)
>>> read_number_words("half past six") is None
True
"""

from __future__ import annotations

from fractions import Fraction

_SMALL_TEXT = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen
"""
_TENS_TEXT = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = {word: value for value, word in enumerate(_SMALL_TEXT.split())}
_TENS = {word: value * 10 for value, word in enumerate(_TENS_TEXT.split(), 2)}
_GROUPS = {"thousand": 10**3, "million": 10**6, "billion": 10**9}
_FRACTIONS = {
    "half": 2, "halves": 2, "third": 3, "thirds": 3, "fourth": 4, "fourths": 4, "quarter": 4, "quarters": 4,
    "fifth": 5, "fifths": 5, "sixth": 6, "sixths": 6, "eighth": 8, "eighths": 8, "tenth": 10, "tenths": 10,
}  # fmt: skip


def _whole(words: list[str]) -> int | None:
    total = group = 0
    previous = ""
    for word in words:
        if word in _SMALL and previous not in ("small", "teen"):
            if previous == "tens" and not 1 <= _SMALL[word] <= 9:
                return None
            group += _SMALL[word]
            previous = "small"
        elif word in _TENS and previous not in ("small", "tens"):
            group += _TENS[word]
            previous = "tens"
        elif word == "hundred" and 1 <= group <= 9:
            group *= 100
            previous = "hundred"
        elif word in _GROUPS and group:
            total += group * _GROUPS[word]
            group = 0
            previous = "group"
        elif word == "and" and previous in ("hundred", "group"):
            previous = "and"
        else:
            return None
    return total + group


def read_number_words(text: str) -> Fraction | None:
    """The number that a phrase spells out, None if it is anything else."""
    words = text.lower().replace("-", " ").split()
    negative = bool(words) and words[0] in ("minus", "negative")
    words = words[negative:]
    if not words or len(words) > 12:
        return None
    if len(words) >= 2 and words[-1] in _FRACTIONS:
        top = _whole(words[:-1])
        value = None if not top else Fraction(top, _FRACTIONS[words[-1]])
    else:
        whole = _whole(words)
        value = None if whole is None else Fraction(whole)
    return -value if negative and value is not None else value

r"""Patterns of `.gitignore` and `.gitattributes`, matched in bounded time.

    Rules(["*.log", "!keep.log", "build/"], nested=True).matches("build/a.txt")    # True

The rules are git's (https://git-scm.com/docs/gitignore): the last pattern that matches wins, and what is below
an ignored directory is ignored whatever later patterns say. A pattern becomes a regular expression
without anything to go back to: after a wildcard the leftmost place where the literal text fits is as good as
any other, so each wildcard but the last is an atomic group. Time then grows with the product of
pattern and path, and that product is counted: `MATCH_STEPS` in all, after which the request is refused.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from lema_hub.localhub import bounds
from lema_hub.localhub.errors import ApiError

# What a comparison costs beside its characters, in steps.
_STEPS_PER_MATCH: Final = 256
_STARS = re.compile(r"\*+")
_POSIX_CLASSES: Final = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r" \t",
    "digit": "0-9",
    "lower": "a-z",
    "space": r" \t\n\r\f\v",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


class _BadPatternError(ValueError):
    """A pattern that matches nothing in git: an open bracket, or a backslash at its end."""


@dataclass(frozen=True, slots=True)
class _Glob:
    """One pattern; one without a slash is matched against the last segment of a path."""

    regex: re.Pattern[str]
    negated: bool
    folders_only: bool
    by_name: bool
    size: int


class Rules:
    """An ordered list of patterns.

    Args:
        lines: The patterns, without comments of their own syntax; what git cannot read matches nothing.
        nested: A pattern that matches a directory also takes what is below it (`.gitignore`, not
            `.gitattributes`).

    Raises:
        ApiError: 400 if there are too many patterns, or they are too long.
    """

    def __init__(self, lines: Iterable[str], *, nested: bool) -> None:
        self._nested = nested
        self._steps = 0
        self._folders: dict[str, bool] = {"": False}
        self._globs: list[_Glob] = []
        chars = 0
        for number, line in enumerate(lines, start=1):
            chars += len(line)
            if number > bounds.PATTERNS or chars > bounds.PATTERNS_CHARS or len(line) > bounds.PATTERN_CHARS:
                raise _too_many()
            glob = _read(line)
            if glob is not None:
                self._globs.append(glob)

    def matches(self, path: str) -> bool:
        """Whether the last pattern that matches a file's path is not negated.

        Raises:
            ApiError: 400 once the patterns have taken too many steps.
        """
        if not self._nested:
            return self._decide(path, folder=False)
        parent = path.rpartition("/")[0]
        return self._ignored_folder(parent) or self._decide(path, folder=False)

    def _ignored_folder(self, path: str) -> bool:
        """Whether a directory or one above it is ignored; each is looked at once."""
        if path not in self._folders:
            above = ""
            for segment in path.split("/"):
                below = f"{above}/{segment}" if above else segment
                if below not in self._folders:
                    self._folders[below] = self._folders[above] or self._decide(below, folder=True)
                above = below
        return self._folders[path]

    def _decide(self, path: str, *, folder: bool) -> bool:
        name = path.rpartition("/")[2]
        for glob in reversed(self._globs):
            if glob.folders_only and not folder:
                continue
            text = name if glob.by_name else path
            self._steps += _STEPS_PER_MATCH + glob.size * len(text)
            if self._steps > bounds.MATCH_STEPS:
                raise ApiError(
                    400, "Too many patterns for so many files: send fewer files, or shorten the patterns"
                )
            if glob.regex.fullmatch(text):
                return not glob.negated
        return False


def _too_many() -> ApiError:
    return ApiError(
        400,
        f"Too many patterns in .gitattributes or .gitignore: at most {bounds.PATTERNS} of "
        f"{bounds.PATTERN_CHARS} characters each and {bounds.PATTERNS_CHARS} together",
    )


def split_lines(text: str) -> list[str]:
    """The lines of a file of patterns.

    Raises:
        ApiError: 400 if it is far too long to be split.
    """
    if len(text) > bounds.PATTERN_FILE_CHARS:
        raise _too_many()
    return text.splitlines()


def _read(line: str) -> _Glob | None:
    """The pattern of a line; None for an empty line, a comment, and what matches nothing."""
    line = _trimmed(line)
    if not line or line.startswith("#"):
        return None
    negated = line.startswith("!")
    text = line[negated:]
    folders_only = text.endswith("/")
    text = text.removesuffix("/")
    if not text or "//" in line:
        return None
    by_name = "/" not in text
    try:
        regex = re.compile(_translate(text.removeprefix("/")), re.DOTALL)
    except _BadPatternError:
        return None
    return _Glob(regex, negated, folders_only, by_name, len(text))


def _trimmed(line: str) -> str:
    """A line without the spaces at its end, save one after a backslash."""
    line = line.rstrip("\r\n")
    bare = line.rstrip(" ")
    backslashes = len(bare) - len(bare.rstrip("\\"))
    return bare + " " if backslashes % 2 and bare != line else bare


def _translate(pattern: str) -> str:
    """The regular expression of a pattern; runs of segments between `**` each match at the leftmost place."""
    runs: list[list[str]] = [[]]
    for segment in _segments(pattern):
        if len(segment) == 1 and segment[0].startswith("**"):
            runs.append([])
        else:
            runs[-1].append(_segment(segment))
    first, *rest = ("/".join(run) for run in runs)
    if not rest:
        return first
    *middle, last = rest
    regex = f"{first}/" if first else ""
    for run in filter(None, middle):
        regex += f"(?>(?:[^/]++/)*?{run}/)"
    # `a/**` takes what is below `a`, and not `a` itself.
    return regex + (f"(?:[^/]++/)*{last}" if last else ".+")


def _segments(pattern: str) -> list[list[str]]:
    """The items of each segment: stars, a bracket expression, an escape, or one character."""
    segments: list[list[str]] = [[]]
    place = 0
    while place < len(pattern):
        end = _end_of_item(pattern, place)
        item = pattern[place:end]
        if item in ("/", "\\/"):
            segments.append([])
        else:
            segments[-1].append(item)
        place = end
    return segments


def _segment(items: list[str]) -> str:
    """The regular expression of one segment, which takes a segment of the path as a whole or fails."""
    parts = [""]
    for item in items:
        if item.startswith("*"):
            parts.append("")
        else:
            parts[-1] += _one_character(item)
    first, *rest = parts
    if not rest:
        return first
    *middle, last = rest
    regex = first + "".join(f"(?>[^/]*?{part})" for part in middle)
    return f"(?>{regex}[^/]*{last}(?![^/]))"


def _one_character(item: str) -> str:
    """The regular expression of an item other than stars."""
    if item == "?":
        return "[^/]"
    return _bracket(item[1:-1]) if item[0] == "[" else re.escape(item[-1])


def _end_of_item(text: str, place: int) -> int:
    if stars := _STARS.match(text, place):
        return stars.end()
    if text[place] == "\\":
        if place + 1 == len(text):
            raise _BadPatternError(text)
        return place + 2
    return _end_of_bracket(text, place) if text[place] == "[" else place + 1


def _end_of_bracket(text: str, place: int) -> int:
    place += 2 if text[place + 1 : place + 2] in ("!", "^") else 1
    first = place
    while place < len(text):
        if text[place] == "]" and place > first:
            return place + 1
        if text.startswith("[:", place) and (close := text.find(":]", place + 2)) > 0:
            place = close + 2
        else:
            place += 2 if text[place] == "\\" else 1
    raise _BadPatternError(text)


def _bracket(text: str) -> str:
    """The regular expression of what stands in brackets; of a range from high to low git knows the low end."""
    negated = text[0] in "!^"
    text = text[negated:]
    found: list[str] = []
    place = 0
    while place < len(text):
        if text.startswith("[:", place) and (close := text.find(":]", place + 2)) > 0:
            name = text[place + 2 : close]
            if name not in _POSIX_CLASSES:
                raise _BadPatternError(text)
            found.append(_POSIX_CLASSES[name])
            place = close + 2
            continue
        low, place = _bracket_char(text, place)
        found.append(re.escape(low))
        if place + 1 < len(text) and text[place] == "-":
            high, place = _bracket_char(text, place + 1)
            if low <= high:
                found[-1] += f"-{re.escape(high)}"
    if negated:
        return f"[^/{''.join(found)}]"
    chosen = f"[{''.join(found)}]"
    return f"(?!/){chosen}" if re.match(chosen, "/") else chosen


def _bracket_char(text: str, place: int) -> tuple[str, int]:
    """The character at a place in brackets, an escape resolved, and the place after it."""
    place += text[place] == "\\" and place + 1 < len(text)
    return text[place], place + 1

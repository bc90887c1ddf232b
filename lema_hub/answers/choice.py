r"""Multiple choice: the options of a question, and the option that a sentence names.

Options stand in the question with their letters in brackets, in order from `(A)`:

    >>> question = "Where is money kept?\nCandidate Answers: (A) bank, (B) library, (C) bank vault."
    >>> options(question)
    {'A': 'bank', 'B': 'library', 'C': 'bank vault'}
    >>> choice_in("(C).", first=True, among=options(question))
    'C'
    >>> choice_in("most likely a bank", first=True, among=options(question))
    'A'

A letter counts (`B`, `(B)`, `(b)`, `B) library`), and so does an option's own text where it names one option
and no other. Negated options (`not A`) and the article `A` don't count; two options in one answer (`A or B`,
`(A) library`) and "none of the choices" are no answer, which is `UNDECIDED` and never a guess.

The trap: `vitamin C` may be the text of option A, so a whole text wins over a letter in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from lema_hub.answers.text import clean
from lema_hub.records import Verdict

UNDECIDED: Final = ""
"""What `choice_in` returns for a sentence that names two options, or rejects all of them."""

_LABEL = re.compile(r"(?<![\w)])\(([A-J])\)(?=\s)")
_MAX_QUESTION = 20_000

_LETTER = re.compile(r"(?:(?<![\w'’\\])|(?<=hoice_)|(?<=ption_))\(?\s*([A-J])\s*\)?(?![\w'’])")
_LOWER = re.compile(r"\(([a-j])\)|(?:\A|\boption\s|\bchoice\s)[\s*\"']*([a-j])(?=[).:]?[\s*\"']*\Z|[):]\s)")
_DENIED = re.compile(
    r"(?:\bnot|n['’]t|\bnor|\bneither|不是|instead of|rather than|\bexcept)\s+(?:be\s+)?(?:the\s+|an?\s+)?"
    r"(?:option\s+|choice\s+)?$",
    re.IGNORECASE,
)
_SECOND = re.compile(
    r"\s*(?:/|&|,?\s*(?:\bor\b|\band\b)|,)\s*(?:(?:maybe|possibly|perhaps|also|even|(?i:option|choice))[\s_]+)*"
    r"\(?([A-J])\)?(?![\w'’])(?!\s+(?:is|are)\s+(?:not|wrong|incorrect|false)\b)"
)
_RANGE = re.compile(r"(?<!\w)\(?[A-J]\)?\s*(?:-|–|\bto\b|\bthrough\b)\s*\(?[A-J]\b\)?")
_NONE = re.compile(
    r"\b(?:none|neither|no)\b[^.\n]{0,40}?\b(?:choices?|options?|answers?|above|these|them)\b"
    r"|\bnot\s+(?:(?:one\s+)?(?:of|among)\b|listed|present|available|possible)"
    r"|\b(?:can\s?not|can['’]t|impossible\sto)\s[^.\n]{0,30}?(?:determin|choose|chosen|answer|decid)\w*"
    r"|\b(?:unclear|unknown|undetermined|indeterminate)\b",
    re.IGNORECASE,
)
_STILL = re.compile(r"\b(?:so|thus|therefore|hence|leaves|must be|answer is|choose|pick)\b[^.\n]*\b[A-J]\b")
_TEXT_COMMAND = re.compile(r"\\(?:text(?:bf|rm)?|mathrm|mathbf|mbox)\s*\{([^{}]*)\}")
_TOKEN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
_EDGE = frozenset("\"'`*.,:;!?()[]{}$“”‘’")
_ARTICLES = frozenset({"a", "an", "the"})
_HEAD = re.compile(r"[,;:(]|\s(?:because|since|as|so|which|where|whereas|while)\b")


@lru_cache(maxsize=4096)
def _options(question: str) -> tuple[tuple[str, str], ...]:
    labels = list(_LABEL.finditer(question))
    starts = [position for position, label in enumerate(labels) if label[1] == "A"]
    if not starts:
        return ()
    labels = labels[starts[-1] :]
    found = []
    for position, label in enumerate(labels):
        if label[1] != "ABCDEFGHIJ"[position : position + 1]:
            return ()
        end = labels[position + 1].start() if position + 1 < len(labels) else len(question)
        text = question[label.end() : end].strip()
        found.append((label[1], text.rstrip(",;\n ") if end < len(question) else text.removesuffix(".")))
    return tuple(found) if len(found) > 1 else ()


def options(question: str | None) -> dict[str, str]:
    """Letter -> text of the options at the end of a question; empty if it has no letters in brackets."""
    return dict(_options(question)) if question and len(question) <= _MAX_QUESTION else {}


def choice_in(clause: str, *, first: bool, among: Mapping[str, str] | None = None) -> str | None:
    """The letter of the option that a sentence names.

    Args:
        clause: The sentence, or the part of it that follows a marker of the answer.
        first: Whether the first letter in it counts (after a marker) or the last one (a whole sentence).
        among: The options; other letters don't count, and the options' texts do.

    Returns:
        The letter, `UNDECIDED` if two options are named or all are rejected, None if none is named.
    """
    text = _TEXT_COMMAND.sub(r"\1", clause).replace("\\_", "_")
    if among:
        whole = whole_text(text, among) or whole_text(_HEAD.split(text, maxsplit=1)[0], among)
        if whole is not None:
            return whole
    text = _RANGE.sub(" ", text)
    if rejects_all(text):
        return UNDECIDED
    letters = [match for match in _LETTER.finditer(text) if _counts(text, match, among)]
    if letters:
        chosen = letters[0] if first else letters[-1]
        pair = letters[-2] if not first and len(letters) > 1 else chosen
        second = _SECOND.match(text, pair.end())
        if second and second[1] != pair[1] and (not among or second[1] in among):
            return UNDECIDED
        if among and first and _names_another(text[chosen.end() :], chosen[1], among):
            return UNDECIDED
        return chosen[1]
    for match in _LOWER.finditer(text):
        letter = (match[1] or match[2]).upper()
        if (not among or letter in among) and not _DENIED.search(
            text[max(0, match.start() - 40) : match.start()]
        ):
            return letter
    return _text_within(_HEAD.split(text, maxsplit=1)[0], among) if among and first else None


def rejects_all(text: str) -> bool:
    """Whether a sentence says that no option is right, and then names no option."""
    none = _NONE.search(text)
    return none is not None and _STILL.search(text, none.end()) is None


def same_option(pred: str, gold: str, question: str | None = None) -> tuple[Verdict, str]:
    """Whether two bare answers are the same option: by letter, or by text if the question has the texts.

    Returns:
        The verdict (`unparsed` if the prediction names no option, or two) and what decided it.
    """
    among = options(question)
    right = choice_in(clean(gold), first=True, among=among)
    left = choice_in(clean(pred), first=True, among=among) or choice_in(
        clean(pred).upper(), first=True, among=among
    )
    if not right:
        same = _tokens(pred) == _tokens(gold)
        return "correct" if same else "wrong", "option texts"
    if left == UNDECIDED:
        return "unparsed", "two options are named, or none"
    if left is None:
        rest = _tokens(re.sub(r"^\W*[A-J]\W+", "", clean(gold)))
        if rest and rest != _tokens(gold):  # the gold answer comes with its text: `(B) library`
            return "correct" if _tokens(pred) == rest else "wrong", "option text"
        return "unparsed", "no option is named"
    if left != right and among and _tokens(among[left]) == _tokens(among[right]):
        return "correct", "options of one text"
    return "correct" if left == right else "wrong", "option letters"


def _counts(text: str, match: re.Match[str], among: Mapping[str, str] | None) -> bool:
    """Whether a letter is meant as an option: not negated, not an article or pronoun, and one of the options."""
    if among and match[1] not in among:
        return False
    bare = match[0].strip() == match[1]
    after = text[match.end() : match.end() + 40]
    if (
        bare
        and match[1] in "AI"
        and re.match(r"\s+[a-z]", after)
        and not re.match(r"\s+(?:or|and|is)\b", after)
    ):
        return False
    return _DENIED.search(text[max(0, match.start() - 40) : match.start()]) is None


def _tokens(text: str) -> tuple[str, ...]:
    """Words and signs in lower case, without quotes, brackets, full stops and articles around them."""
    tokens = _TOKEN.findall(clean(text).lower()[:2000])
    while tokens and (
        tokens[0] in _EDGE or (tokens[0] in _ARTICLES and tokens[1:] and tokens[1] not in _EDGE)
    ):
        tokens = tokens[1:]  # the `a` of `(a) bank` is a label
    while tokens and tokens[-1] in _EDGE:
        tokens = tokens[:-1]
    return tuple(tokens)


def whole_text(text: str, among: Mapping[str, str]) -> str | None:
    """The first option that has this text, or None."""
    stated = _tokens(text)
    return next((letter for letter, option in among.items() if stated and _tokens(option) == stated), None)


def _names_another(rest: str, letter: str, among: Mapping[str, str]) -> bool:
    """Whether what follows a letter (`(B) library`) is the text of another option."""
    other = whole_text(rest, among)
    return other is not None and _tokens(among[other]) != _tokens(among[letter])


def _text_within(clause: str, among: Mapping[str, str]) -> str | None:
    """The only option whose words occur in a clause; an option inside a longer one that occurs does not count."""
    stated = _TOKEN.findall(clause.lower()[:2000])
    spans = [
        (start, start + len(words), words)
        for words in _word_options(among)
        for start in _places(words, stated)
    ]
    spans = [
        one
        for one in spans
        if not any(o[0] <= one[0] and one[1] <= o[1] and o[2] != one[2] for o in spans)
        and not _DENIED.search(" ".join(stated[max(0, one[0] - 5) : one[0]]) + " ")
    ]
    named = {words for _, _, words in spans}
    if not named:
        return None
    if len(named) > 1:
        return UNDECIDED
    return next(letter for letter, text in among.items() if _tokens(text) in named)


def _word_options(among: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Options that consist of words only: a number or formula inside a sentence may mean anything."""
    texts = dict.fromkeys(_tokens(text) for text in among.values())
    return [
        text for text in texts if text and all(re.fullmatch(r"[^\W\d_]{2,}(?:['’]\w+)*", w) for w in text)
    ]


def _places(words: tuple[str, ...], stated: list[str]) -> Iterator[int]:
    for start in range(len(stated) - len(words) + 1):
        if tuple(stated[start : start + len(words)]) == words:
            yield start

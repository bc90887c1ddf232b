"""Amounts: what follows a number, as units and degree signs."""

from __future__ import annotations

from lema_hub.answers.mathematics.tokens import FUNCTIONS, Token, UnreadableError
from lema_hub.answers.mathematics.values import Unit

_NOT_UNITS_TEXT = """
more less not than times plus minus no none cannot never every any all if where when for infinity
but only least most even odd
"""
_NOT_UNITS = frozenset(_NOT_UNITS_TEXT.split())


def degrees(tokens: list[Token]) -> tuple[list[Token], Unit | None]:
    r"""Take a final degree sign (and `C` or `F`) off, unless it belongs to a function's argument."""
    texts = [token.text for token in tokens]
    if (
        "\\circ" not in texts
        or texts.count("\\circ") > 1
        or any(t[1:] in FUNCTIONS for t in texts if t[0] == "\\")
    ):
        return tokens, None
    kind = "angle"
    end = len(texts)
    if texts[-1] in ("C", "F", "Celsius", "Fahrenheit"):
        kind = "celsius" if texts[-1][0] == "C" else "fahrenheit"
        end -= 1
    if texts[end - 4 : end] == ["^", "{", "\\circ", "}"]:
        return tokens[: end - 4], Unit(((kind, 1),))
    if texts[end - 2 : end] == ["^", "\\circ"]:
        return tokens[: end - 2], Unit(((kind, 1),))
    return tokens, None


def unit_words(tokens: list[Token]) -> tuple[list[tuple[str, int]], bool, int]:
    """Unit words with powers, whether they look like a unit throughout, and where they stop."""
    words: list[tuple[str, int]] = []
    known = True
    direction, next_power = 1, 1
    index = 0
    while index < len(tokens):
        token = tokens[index]
        lower = token.text.lower()
        if token.kind == "word" or (token.kind == "letter" and (token.upright or index > 0)):
            if lower in _NOT_UNITS:
                raise UnreadableError(f"{token.text!r} follows a number")
            if lower == "per":
                direction = -1
            elif lower in ("square", "sq", "cubic", "cu"):
                next_power = 2 if lower[0] == "s" else 3
            else:
                words.append((token.text, direction * next_power))
                next_power = 1
        elif token.text == "/" and words:
            direction = -1
        elif token.text == "^" and words and index + 1 < len(tokens):
            step = 3 if tokens[index + 1].text == "{" else 1
            digits = tokens[index + (2 if step == 3 else 1)].text if index + step < len(tokens) else ""
            if digits not in ("2", "3"):
                raise UnreadableError("an odd power of a unit")
            words[-1] = (words[-1][0], words[-1][1] * int(digits))
            index += step
        elif token.text in ("-", "*", "(", ")", "{", "}", "'"):
            pass
        elif token.kind == "number" and words:
            break
        else:
            raise UnreadableError(f"{token.text!r} follows a unit")
        index += 1
    if len(words) > 6:
        raise UnreadableError("prose after a number")
    return words, known and bool(words), index

"""One spelling for answers that Unicode and LaTeX write in many ways.

    >>> clean("１８ ｅｇｇｓ\u200f")
    '18 eggs'
    >>> clean("$10{,}080$")
    '10080'

`clean` only respells; it never computes and never drops a digit, a sign, a bracket or a unit. It keeps
spaces, because `3 1/2` and `31/2` differ.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

MAX_LENGTH = 20_000
"""Characters of a bare answer that are read as mathematics; longer ones are only compared as strings."""

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")

_RESPELT = {
    "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "﹣": "-", "×": "\\times ", "⋅": "\\cdot ",
    "·": "\\cdot ", "∗": "*", "÷": "/", "⁄": "/", "∕": "/", "≤": "\\le ", "≥": "\\ge ", "⩽": "\\le ",
    "⩾": "\\ge ", "≠": "\\ne ", "≈": "\\approx ", "≡": "\\equiv ", "∪": "\\cup ", "∩": "\\cap ",
    "∈": "\\in ", "∅": "\\emptyset ", "∖": "\\setminus ", "±": "\\pm ", "∓": "\\mp ", "∞": "\\infty ",
    "√": "\\sqrt ", "∛": "\\sqrt[3]", "°": "^\\circ ", "º": "^\\circ ", "˚": "^\\circ ", "∠": "\\angle ",
    "′": "'", "″": "''", "’": "'", "‘": "'", "“": '"', "”": '"', "…": "...", "⟨": "\\langle ",
    "⟩": "\\rangle ", "ℝ": "\\mathbb{R}", "ℤ": "\\mathbb{Z}", "ℚ": "\\mathbb{Q}", "ℕ": "\\mathbb{N}",
    "ℂ": "\\mathbb{C}", "π": "\\pi ", "θ": "\\theta ", "α": "\\alpha ", "β": "\\beta ", "γ": "\\gamma ",
    "δ": "\\delta ", "λ": "\\lambda ", "μ": "\\mu ", "φ": "\\phi ", "ω": "\\omega ", "σ": "\\sigma ",
    "ρ": "\\rho ", "Δ": "\\Delta ", "Ω": "\\Omega ", "。": ".", "、": ",", "《": "<", "》": ">",
    "€": " euros ", "£": " pounds sterling ", "¥": " yen ", "₹": " rupees ", "¢": " cents ", "％": "%", "½": " 1/2",
    "⅓": " 1/3", "⅔": " 2/3", "¼": " 1/4", "¾": " 3/4", "⅕": " 1/5", "⅖": " 2/5", "⅗": " 3/5", "⅘": " 4/5",
    "⅙": " 1/6", "⅚": " 5/6", "⅛": " 1/8", "⅜": " 3/8", "⅝": " 5/8", "⅞": " 7/8",
}  # fmt: skip


def _respell_character(character: str) -> str:
    """One non-ASCII character in the spelling that the readers know; marks of direction and width are dropped."""
    if character in _RESPELT:
        return _RESPELT[character]
    code = ord(character)
    if 0xFF01 <= code <= 0xFF5E:  # full-width ASCII: text like any other, since nothing here is ever executed
        return chr(code - 0xFEE0)
    category = unicodedata.category(character)
    if category == "Zs":
        return " "
    if category in ("Cf", "Mn", "Cc"):
        return ""
    digit = unicodedata.decimal(character, None)
    return str(digit) if digit is not None else character


_SUPER_RUN = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ]+")
_SUB_RUN = re.compile("[₀₁₂₃₄₅₆₇₈₉]+")
_NON_ASCII = re.compile(r"[^\x20-\x7e\n\t]")


def ascii_spelling(text: str) -> str:
    """Respell Unicode mathematics, full-width letters and foreign digits in ASCII and LaTeX."""
    if text.isascii() and text.isprintable():
        return text
    text = _SUPER_RUN.sub(lambda m: "^{" + m[0].translate(_SUPERSCRIPTS) + "}", text)
    text = _SUB_RUN.sub(lambda m: "_{" + m[0].translate(_SUBSCRIPTS) + "}", text)
    return _NON_ASCII.sub(lambda m: _respell_character(m[0]), text)


_DECORATION = re.compile(
    r"""\\(?:displaystyle|textstyle|scriptstyle|limits|nolimits|noindent|hfill|large|Large|normalsize)\b
      | \\(?:left|right|[bB]igg?[lrm]?)
        (?=\s*(?:[()\[\]|./]|\\[{}|]|\\[lr](?:vert|angle|brace|ceil|floor|brack)))(?:\s*\.)?
      | \\phantom\s*(?:\{[^{}]*\}|-|\d)
      | \\color\s*\{[^{}]*\} | \\textcolor\s*\{[^{}]*\} | \\label\{[^{}]*\} | \\hspace\*?\{[^{}]*\}
      | ~ """,
    re.VERBOSE,
)
_THOUSANDS = re.compile(r"(?<![\d.,])([1-9]\d{0,2})((?:\s?(?:,\s?\\!|\{\s?,\s?\}|\\,|,)\s?\d{3}(?!\d))+)")
_OPENED = re.compile(r"(?<!\\)[(\[]$|\\\{$")  # but not by the math delimiter `\\(`
_SPACED_THOUSANDS = re.compile(r"(?<![\d.,/^_{])([1-9]\d{0,2})((?: \d{3})+)(?![\d/,]| \d)")
_MATH_DELIMITERS = re.compile(r"\\[()\[\]]|(?<!\\)\$\$?")
_MONEY = re.compile(r"\\\$|(?<![\w}])\$(?=\s?-?[.\d][\d,.]*(?:[^$]*$))")
_MACRO_SPELLINGS = {
    "\\dfrac": "\\frac", "\\tfrac": "\\frac", "\\dbinom": "\\binom",
    "\\tbinom": "\\binom", "\\cfrac": "\\frac", "\\leq": "\\le", "\\leqslant": "\\le",
    "\\geq": "\\ge", "\\geqslant": "\\ge", "\\neq": "\\ne", "\\lt": "<", "\\gt": ">", "\\degree": "^\\circ",
    "\\times": "*", "\\cdot": "*", "\\div": "/", "\\ast": "*", "\\colon": ":", "\\quad": " ",
    "\\qquad": " ", "\\thinspace": " ", "\\enspace": " ", "\\lbrace": "\\{", "\\rbrace": "\\}",
    "\\lbrack": "[", "\\rbrack": "]", "\\dots": "...", "\\ldots": "...", "\\cdots": "...",
}  # fmt: skip
_MACROS = re.compile("(?:" + "|".join(map(re.escape, _MACRO_SPELLINGS)) + ")(?![A-Za-z])")
_SPACES = re.compile(r"\\[,;:! ]|\s+")
_ROW_BREAK = re.compile(r"(?:\\\\|\\cr(?![A-Za-z]))(?:\s?\[-?[\d.]+\s*(?:pt|ex|em|mm|cm)\])?")
_GLUED_JOIN = re.compile(r"(?<=[\d)\]}])(or|and)(?=[A-Za-z(\d\\-])")
_LETTER_U = re.compile(r"(?<=[)\]}])\s?U\s?(?=[(\[{\\])")
_ESCAPED_TWICE = re.compile(r"\\\\(?=[A-Za-z]{2,})")


def _join_thousands(match: re.Match[str]) -> str:
    groups = match[2]
    if "{" not in groups and "\\" not in groups and re.search(r",\s", groups):
        return match[0]  # `32, 349` is a list of two numbers, `32,349` is one
    if "{" not in groups and "\\" not in groups:
        before = match.string[: match.start()].rstrip(" -")
        if _OPENED.search(before):
            return match[0]  # `(12,102)` is a pair
    return match[1] + re.sub(r"\D", "", groups)


@lru_cache(maxsize=8192)
def clean(answer: str) -> str:
    r"""Respell a bare answer: ASCII, no math delimiters, no spacing commands, no thousands separators.

    Args:
        answer: A bare answer as a model or a data set wrote it, of any length.

    Returns:
        The same answer, respelt; `\$` stays as `$` before an amount of money.
    """
    text = ascii_spelling(answer).strip()
    if "\\\\" in text or "\\cr" in text:
        text = _ROW_BREAK.sub("\x01", text) if "\\begin" in text else _ESCAPED_TWICE.sub(r"\\", text)
    text = _THOUSANDS.sub(_join_thousands, text)
    text = _MONEY.sub("\x00", text)
    text = _MATH_DELIMITERS.sub(" ", text).replace("\x00", "$")
    text = _DECORATION.sub("", text)
    text = _MACROS.sub(
        lambda m: _MACRO_SPELLINGS[m[0]] + ("" if m[0].endswith(("frac", "binom")) else " "), text
    )
    text = text.replace("\\%", "%").replace("\\#", "#").replace("\\_", "_").replace("\\&", "&")
    text = _SPACES.sub(" ", text).replace("\x01", "\\\\ ")  # row breaks are not escaped spaces
    text = _LETTER_U.sub(" \\\\cup ", text)
    text = _GLUED_JOIN.sub(r" \1 ", text)
    text = _SPACED_THOUSANDS.sub(lambda m: m[1] + m[2].replace(" ", ""), text)
    text = text.strip().strip("\"'").strip()
    while text and (text[-1] in ".,;:!?\\" and not text.endswith(("...", "\\\\"))):
        if text[-1] == "!" and len(text) > 1 and (text[-2].isalnum() or text[-2] in ")}"):
            break  # a factorial
        text = text[:-1].rstrip()
    return text


def plain_words(text: str) -> str:
    """A text in lower case without LaTeX's text commands, articles and punctuation."""
    text = re.sub(
        r"\\(?:text(?:bf|it|rm|normal|sf)?|mbox|mathrm|mathbf|mathit|operatorname|quad)\b\*?|[{}$]", " ", text
    )
    words = re.sub(r"[^\w\s\\/+-]", " ", text.lower()).split()
    return " ".join(word for word in words if word not in ("the", "a", "an")) or " ".join(words)

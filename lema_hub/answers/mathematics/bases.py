r"""Numbers in a base other than ten, as answers write them: `52_8`, `1010_{two}`, `A3 (base 16)`.

>>> read_based("52_8")
Based(digits='52', base=8)
"""

from __future__ import annotations

import re

from lema_hub.answers.mathematics.values import Based

_BASES = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "sixteen": 16,
}  # fmt: skip
_BASED = re.compile(
    r"\(?\s*(?:\\(?:text|mathrm|mathbf)\s*\{)?\s*(?P<digits>-?(?:[0-9A-Z]+(?:\.[0-9A-Z]+)?|\.[0-9A-Z]+))\s*\}?\s*\)?\s*"
    r"(?:_\s*(?:\{\s*(?:\\text\s*\{)?\s*(?:base\s*)?\}?\s*(?:\\(?:text|mathrm)\s*\{)?(?P<group>\d+|[a-z]+)\s*\}?\s*\}?"
    r"|(?P<digit>\d+))"
    r"|(?:\\text\s*\{)?\s*\(?\s*(?:in\s+)?base[\s-]*\}?\s*(?P<word>\d+|[a-z]+)\s*\)?\}?)"
)


def read_based(text: str) -> Based | None:
    """The digits and the base, if the text is nothing else."""
    match = _BASED.fullmatch(text)
    if match is None:
        return None
    name = match["group"] or match["digit"] or match["word"]
    base = int(name[:9]) if name.isdigit() else _BASES.get(name)
    digits = match["digits"].replace("-", "").lstrip("0") or "0"
    digits = "0" + digits if digits[0] == "." else digits
    if base is None or base < 2 or not (digits.replace(".", "").isdigit() or base > 10):
        return None
    return Based(("-" if match["digits"][0] == "-" else "") + digits, base)

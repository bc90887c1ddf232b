"""Plain numbers as GSM8K writes them: `18`, `-1,200`, `$3.50`, `.5`, `7.00`; compared as decimal strings,
exactly.

    >>> plain("$1,200.00")
    '1200'
    >>> plain("1.5 million") is None
    True

The trap that this module avoids: `float` makes 100000000000000000001 and 100000000000000000000 equal.
"""

from __future__ import annotations

import re

_PLAIN = re.compile(
    r"(?:\\?\$\s?)?([-+]?)\s?(?:\\?\$\s?)?([1-9]\d{0,2}(?:,\d{3})+|\d+)?(?:\.(\d*))?\.?", re.ASCII
)


def plain(text: str) -> str | None:
    """The canonical decimal of a plain number, or None for everything else.

    Args:
        text: A bare answer. Sign, dollar sign, thousands commas and trailing zeros may vary.

    Returns:
        Digits without leading or trailing zeros, `-` in front if negative; None if `text` is not a plain
        number.
    """
    if text.isdecimal() and text.isascii() and text[0] != "0":
        return text
    match = _PLAIN.fullmatch(text.strip())
    if match is None:
        return None
    sign, whole, fraction = match[1], match[2], match[3]
    if whole is None and not fraction:
        return None
    digits = (whole or "").replace(",", "").lstrip("0") or "0"
    decimals = (fraction or "").rstrip("0")
    value = f"{digits}.{decimals}" if decimals else digits
    return "-" + value if sign == "-" and value != "0" else value

r"""Equivalent rewritings and near misses of gold answers, made from their text alone (no parser of the judge
is used).

Each rule looks at one shape of gold answer (an integer, a fraction, an interval, ...) and yields `Variant`s.
A rewriting says the same in another notation; a near miss differs in what a lenient grader overlooks: a
sign, a bracket, a base, a factor of 100, one unit in the last place, the case of a letter.

    >>> [variant.text for variant in variants("52_8") if variant.same][:2]
    ['52_{8}', '52 \\text{ base } 8']
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Variant:
    """A text to be judged against the gold answer it was made from."""

    text: str
    same: bool
    rule: str


_INTEGER = re.compile(r"-?\d+")
_FRACTION = re.compile(
    r"(-?)\\[dt]?frac\s?(?:\{(\d+)\}\{(\d+)\}|(\d)(\d)|\s(\d)(\d)|\{(\d+)\}(\d)|(\d)\{(\d+)\})"
)
_ROOT = re.compile(r"(\d*)\s?\\sqrt\s?\{?(\d+)\}?")
_PI = re.compile(r"(\d*)\s?\\pi")
_DEGREES = re.compile(r"(-?\d+)\^\{?\\circ\}?")
_BASED = re.compile(r"(\d+)_\{?(\d+)\}?")
_PAIR = re.compile(r"(?:\\left)?([(\[])\s*([^()\[\],]+?)\s*,\s*([^()\[\],]+?)\s*(?:\\right)?([)\]])")
_MONEY = re.compile(r"\\\$\s?([\d.]+)")
_POLYNOMIAL = re.compile(r"-?\d*[a-z](?:\^\d)?(?:\s?[+-]\s?\d*[a-z]?(?:\^\d)?)+")
_WORD = re.compile(r"\\text\{([A-Za-z]{3,})\}")
_OPTION = re.compile(r"\\text\{\(([A-F])\)\}")
_COMPLEX = re.compile(r"(-?\d+)\s?([+-])\s?(\d*)i")
_COLUMN = re.compile(r"\\begin\{pmatrix\}([^&]+)\\end\{pmatrix\}")
_MATRIX = re.compile(r"\\begin\{pmatrix\}(.+&.+)\\end\{pmatrix\}")
_LIST = re.compile(r"-?\d{1,2}(?:,\s?-?\d{1,2})+")
_PLUS_MINUS = re.compile(r"(\d+)\s?\\pm\s?(\d*\s?\\sqrt\{\d+\})")
_EQUATION = re.compile(r"([a-z])\s?=\s?(-?\d*)([a-z]?)\s?(?:([+-])\s?(\d+))?")
_UNIT = re.compile(r"([\d.]+)\s?\\(?:text|mbox)\s?\{\s?([a-z]+)\s?\}(\^2)?")
_PERCENT = re.compile(r"(\d+)\\?%")
_TUPLE3 = re.compile(r"\((-?\d+),\s?(-?\d+),\s?(-?\d+)\)")
_UNION = re.compile(r"(\([^()\[\]]*\)|[(\[][^()\[\]]*[)\]])\s*\\cup\s*([(\[][^()\[\]]*[)\]])")


def _integer(gold: str) -> Iterator[tuple[str, bool, str]]:
    if not _INTEGER.fullmatch(gold):
        return
    n = int(gold)
    yield f"{n}.0", True, "trailing zero"
    yield f"${n}$", True, "delimiters"
    yield f"\\frac{{{2 * n}}}{{2}}", True, "unreduced"
    yield f"x = {n}", True, "assignment"
    yield f"{n}\\text{{ units}}", True, "unit"
    yield "".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in gold), True, "full width"
    yield f"\\mathbf{{{n}}}", True, "bold"
    yield f"{n + 7} - 7", True, "sum"
    if n >= 0:
        yield f"\\sqrt{{{n * n}}}", True, "root"
        yield f"+{n}", True, "plus sign"
    if n >= 1000:
        yield f"{n:,}", True, "comma"
        yield f"{n:,}".replace(",", "{,}"), True, "braced comma"
        yield f"{n:,}".replace(",", ",\\!"), True, "negative space"
        yield f"{n:,}".replace(",", "\\,"), True, "thin space"
        yield f"{n:,}".replace(",", " "), True, "space"
    if n and n % 10 == 0:
        zeros = len(gold) - len(gold.rstrip("0"))
        yield f"{n // 10**zeros} \\times 10^{{{zeros}}}", True, "scientific"
        yield f"{n // 10**zeros}e{zeros}", True, "e notation"
    for near in {n + 1, n - 1, -n, n * 100, n * 10, -n - 1} - {n}:
        yield str(near), False, "another integer"
    if n:
        yield f"{n / 100}", False, "hundredth"
        yield f"\\frac{{{n}}}{{100}}", False, "hundredth"
        yield f"{n}.5", False, "half more"
        yield f"{n}^2" if abs(n) != 1 else "2", False, "square"
        yield f"\\sqrt{{{abs(n)}}}" if abs(n) > 1 else "\\sqrt{2}", False, "root"
        yield f"\\frac{{1}}{{{n}}}" if abs(n) > 1 else "\\frac12", False, "inverse"
        yield f"{n}\\pi", False, "with pi"
        yield f"{n}i", False, "imaginary"
        yield f"{n}x", False, "with a letter"
        yield f"\\pm {abs(n)}", False, "plus-minus"
    yield f"({n}, {n + 1})", False, "pair"
    yield f"{n}, {n + 1}", False, "list"
    yield f"{n}.001", False, "thousandth more"
    if abs(n) > 10**4:
        yield str(n + 1), False, "one in ten thousand"
        yield f"{float(n + 1)}", False, "one in ten thousand"


def _fraction(gold: str) -> Iterator[tuple[str, bool, str]]:
    match = _FRACTION.fullmatch(gold)
    if not match:
        return
    sign = match[1]
    a, b = (int(group) for group in match.groups()[1:] if group is not None)
    value = Fraction(a, b) * (-1 if sign else 1)
    yield f"{sign}{a}/{b}", True, "slash"
    yield f"{sign}\\dfrac{{{a}}}{{{b}}}", True, "dfrac"
    yield f"{sign}\\tfrac{{{a}}}{{{b}}}", True, "tfrac"
    yield f"{sign}\\frac{{{3 * a}}}{{{3 * b}}}", True, "unreduced"
    yield f"\\frac{{{sign}{a}}}{{{b}}}", True, "sign inside"
    yield f"{sign}{a} \\div {b}", True, "division sign"
    yield f"{sign}({a})/({b})", True, "brackets"
    yield f"{sign}{a} \\cdot {b}^{{-1}}", True, "inverse power"
    yield f"{float(value):.12f}", True, "twelve places"
    yield f"{sign}\\left(\\frac{{{a}}}{{{b}}}\\right)", True, "left right"
    if a > b and a % b:
        yield f"{sign}{a // b}\\frac{{{a % b}}}{{{b}}}", True, "mixed"
        yield f"{sign}{a // b} {a % b}/{b}", True, "mixed"
        yield f"{sign}{a // b}{a % b}/{b}", False, "glued mixed"
    yield f"{sign}\\frac{{{b}}}{{{a}}}" if a != b else "2", False, "upside down"
    yield f"{sign}\\frac{{{a + 1}}}{{{b}}}", False, "numerator"
    yield f"{sign}\\frac{{{a}}}{{{b + 1}}}", False, "denominator"
    yield f"{'' if sign else '-'}\\frac{{{a}}}{{{b}}}", False, "sign"
    yield f"{float(value) * 100:.6g}", False, "hundredfold"
    yield f"{float(value) + 0.0101:.3f}", False, "near decimal"
    if (value * 100).denominator != 1:
        yield f"{float(value):.2f}", False, "two places"
    yield f"{sign}{a}{b}", False, "glued"
    yield f"{sign}{a}, {b}", False, "list"


def _roots(gold: str) -> Iterator[tuple[str, bool, str]]:
    match = _ROOT.fullmatch(gold)
    if match:
        k, n = int(match[1] or 1), int(match[2])
        yield f"{k}*sqrt({n})", True, "plain"
        yield f"\\sqrt{{{k * k * n}}}", True, "inside"
        yield f"{k}\\cdot\\sqrt{{{n}}}", True, "cdot"
        yield f"\\sqrt{{{n}}} \\cdot {k}", True, "reordered"
        yield f"{k}\\cdot {n}^{{1/2}}", True, "power"
        yield f"\\frac{{{k * n}}}{{\\sqrt{{{n}}}}}", True, "not rationalised"
        yield f"{k * n**0.5:.10f}", True, "ten places"
        yield f"{k}\\sqrt{{{n + 1}}}", False, "radicand"
        yield f"{k + 1}\\sqrt{{{n}}}", False, "factor"
        yield f"-{k}\\sqrt{{{n}}}", False, "sign"
        yield f"\\pm {k}\\sqrt{{{n}}}", False, "plus-minus"
        yield f"{k * n}", False, "no root"
        yield f"{k}\\sqrt[3]{{{n}}}", False, "cube root"
        yield f"{k * n**0.5:.2f}", False, "two places"
    match = _PI.fullmatch(gold)
    if match:
        k = int(match[1] or 1)
        yield f"{k} \\cdot \\pi", True, "cdot"
        yield f"{k}pi", True, "plain"
        yield f"{k}π", True, "unicode"
        yield f"\\pi \\times {k}", True, "reordered"
        yield f"{k * 3.141592653589793:.10f}", True, "ten places"
        yield f"{k}", False, "no pi"
        yield f"{k + 1}\\pi", False, "factor"
        yield f"{k}\\pi^2", False, "square"
        yield f"{k * 3.14:.2f}", False, "3.14"
        yield f"\\frac{{{k}}}{{\\pi}}", False, "inverse"


def _angles_bases_money(gold: str) -> Iterator[tuple[str, bool, str]]:
    match = _DEGREES.fullmatch(gold)
    if match:
        n = match[1]
        for text in (
            f"{n}^{{\\circ}}",
            f"{n}°",
            f"{n} degrees",
            f"{n}\\degree",
            n,
            f"{n}\\text{{ degrees}}",
            f"\\angle ABC = {n}^\\circ",
        ):
            yield text, True, "degrees"
        yield f"{int(n) + 1}^\\circ", False, "another angle"
        yield f"{180 - int(n)}^\\circ" if n != "90" else "45^\\circ", False, "supplement"
        yield f"{n} \\text{{ radians}}", False, "radians"
        yield f"-{n}^\\circ", False, "sign"
    match = _BASED.fullmatch(gold)
    if match:
        digits, base = match[1], match[2]
        for text in (
            f"{digits}_{{{base}}}",
            f"{digits} \\text{{ base }} {base}",
            f"{digits}_{base}",
            digits,
            f"({digits})_{base}",
            f"{digits}_{{\\text{{base }}{base}}}",
        ):
            yield text, True, "base"
        yield f"{digits}_{{{int(base) + 1}}}", False, "another base"
        yield f"{int(digits) + 1}_{{{base}}}", False, "another digit"
        yield f"{digits}0_{base}", False, "one more digit"
        yield f"{int(digits, int(base))}", False, "converted to ten"
    match = _MONEY.fullmatch(gold)
    if match:
        amount = match[1]
        for text in (
            amount,
            f"${amount}",
            f"{amount} dollars",
            f"\\${amount}",
            f"{amount} \\text{{ dollars}}",
            f"USD {amount}",
        ):
            yield text, True, "money"
        yield f"\\${float(amount) * 100:g}", False, "hundredfold"
        yield f"{amount} cents", False, "cents"
        yield f"\\${float(amount) + 0.01:.2f}", False, "one cent more"
    match = _PERCENT.fullmatch(gold)
    if match:
        n = match[1]
        for text in (f"{n}\\%", f"{n} percent", f"{n} %", n, f"{int(n) / 100}", f"\\frac{{{n}}}{{100}}"):
            yield text, True, "percent"
        yield f"{int(n) * 100}", False, "hundredfold"
        yield f"{int(n) + 1}\\%", False, "another percentage"
        yield f"{int(n) / 100}\\%", False, "a hundredth of it"
    match = _UNIT.fullmatch(gold)
    if match:
        number, unit, square = match.groups()
        plain = {
            "inches": ("in", "cm"),
            "cm": ("cm", "m"),
            "cents": ("cents", "dollars"),
            "feet": ("ft", "miles"),
            "miles": ("mi", "feet"),
        }
        yield number, True, "no unit"
        yield f"{number} {unit}{square or ''}", True, "plain unit"
        if unit in plain:
            yield f"{number} \\text{{ {plain[unit][0]}}}{square or ''}", True, "short unit"
            yield f"{number} \\text{{ {plain[unit][1]}}}{square or ''}", False, "another unit"
        if square:
            yield f"{number} square {unit}", True, "square in words"
            yield f"{number} {unit}²", True, "unicode square"
        yield f"{float(number) + 1:g} {unit}", False, "another amount"


def _brackets(gold: str) -> Iterator[tuple[str, bool, str]]:
    match = _PAIR.fullmatch(gold)
    if match:
        opening, a, b, closing = match.groups()
        yield f"{opening}{a},{b}{closing}", True, "spaces"
        yield f"\\left{opening} {a} , {b} \\right{closing}", True, "left right"
        yield f"x \\in {opening}{a}, {b}{closing}", True, "membership"
        interval = opening + closing != "()" or "infty" in gold
        if interval:
            below, above = "<" if opening == "(" else "\\le", "<" if closing == ")" else "\\leq"
            low = "" if "infty" in a else f"{a} {below} "
            high = "" if "infty" in b else f" {above} {b}"
            more, less = (">" if opening == "(" else "\\ge"), (">" if opening == "[" else "\\ge")
            if low and high:
                yield f"{low}x{high}", True, "inequality"
                yield f"\\{{x \\mid {low}x{high}\\}}", True, "set builder"
            elif low:
                yield f"x {more} {a}", True, "inequality"
                yield f"{low}x", True, "inequality"
                yield f"x {less} {a}", False, "inequality open for closed"
            else:
                yield f"x{high}", True, "inequality"
                yield f"x {'<' if closing == ']' else '<='} {b}", False, "inequality open for closed"
            yield gold.replace("\\infty", "inf"), True, "plain infinity"
        other_open, other_close = ("[" if opening == "(" else "("), ("]" if closing == ")" else ")")
        if "infty" not in a:
            yield f"{other_open}{a},{b}{closing}", False, "open for closed"
        if "infty" not in b:
            yield f"{opening}{a},{b}{other_close}", False, "open for closed"
        if a != b:
            yield f"{opening}{b},{a}{closing}", False, "swapped"
        yield f"{opening}{a},{b},0{closing}", False, "one more"
        yield a, False, "only the first"
        yield f"\\{{{a},{b}\\}}", False, "set for interval or point"
    match = _TUPLE3.fullmatch(gold)
    if match:
        a, b, c = match.groups()
        yield f"({a}, {b}, {c})", True, "spaces"
        yield f"(x,y,z) = ({a},{b},{c})", True, "named"
        yield f"\\begin{{pmatrix}} {a} \\\\ {b} \\\\ {c} \\end{{pmatrix}}", True, "column"
        yield f"\\langle {a}, {b}, {c} \\rangle", True, "angle brackets"
        if len({a, b}) == 2:
            yield f"({b},{a},{c})", False, "swapped"
        yield f"({a},{b})", False, "one less"
        yield f"({a},{b},{int(c) + 1})", False, "last entry"
    match = _UNION.fullmatch(gold)
    if match:
        a, b = match.groups()
        yield f"{b} \\cup {a}", True, "reordered"
        yield f"{a} ∪ {b}", True, "unicode"
        yield f"{a} U {b}", True, "letter U"
        yield f"{a}", False, "only one part"
        yield f"{a} \\cap {b}", False, "intersection"
        yield f"{a[:-1]}{']' if a[-1] == ')' else ')'} \\cup {b}", False, "open for closed"


def _algebra(gold: str) -> Iterator[tuple[str, bool, str]]:
    if _POLYNOMIAL.fullmatch(gold) and "i" not in gold:
        terms = re.findall(r"[+-]?[^+-]+", gold.replace(" ", ""))
        yield "".join(t if t[0] in "+-" else "+" + t for t in reversed(terms)).lstrip("+"), True, "reordered"
        yield gold.replace(" ", ""), True, "spaces"
        yield f"y = {gold}", True, "assignment"
        yield f"\\frac{{2({gold})}}{{2}}", True, "unreduced"
        yield f"-(-({gold}))", True, "double minus"
        yield re.sub(r"\^(\d)", r"**\1", gold), True, "plain powers"
        yield f"{gold} + 1", False, "one more"
        yield f"-({gold})", False, "sign"
        letter = re.search(r"[a-z]", gold)
        assert letter is not None
        yield gold.replace(letter[0], letter[0].upper()), False, "upper case"
        yield gold.replace(letter[0], "q" if letter[0] != "q" else "w"), False, "another letter"
        if "^" in gold:
            yield re.sub(r"\^(\d)", lambda m: f"^{int(m[1]) + 1}", gold, count=1), False, "exponent"
    match = _COMPLEX.fullmatch(gold)
    if match:
        a, sign, b = match.groups()
        yield f"{sign}{b}i + {a}".lstrip("+"), True, "reordered"
        yield f"{a}{sign}{b or 1}*i", True, "plain"
        yield f"{a} {'-' if sign == '+' else '+'} {b}i", False, "conjugate"
        yield f"{b or 1} {sign} {a}i", False, "swapped"
    match = _PLUS_MINUS.fullmatch(gold)
    if match:
        a, b = match.groups()
        yield f"{a}+{b}, {a}-{b}", True, "both"
        yield f"{a}-{b} \\text{{ and }} {a}+{b}", True, "both"
        yield f"\\{{{a}+{b}, {a}-{b}\\}}", True, "set"
        yield f"x = {a} \\pm {b}", True, "assignment"
        yield f"{a}+{b}", False, "only one"
        yield f"{int(a) + 1} \\pm {b}", False, "another centre"
        yield f"-{a} \\pm {b}", False, "sign"
    match = _EQUATION.fullmatch(gold)
    if match and match[3]:
        y, x = match[1], match[3]
        right = gold.split("=")[1].strip()
        yield f"{right} = {y}", True, "sides swapped"
        yield f"{y} - ({right}) = 0", True, "zero on the right"
        yield f"2{y} = 2({right})", True, "doubled"
        yield f"{y} = {right} + 1", False, "another line"
        yield f"{y} = -({right})", False, "sign"
        yield f"{x} = {right.replace(x, y)}", False, "letters swapped"


def _texts_and_lists(gold: str) -> Iterator[tuple[str, bool, str]]:
    match = _WORD.fullmatch(gold)
    if match:
        word = match[1]
        for text in (
            word,
            word.lower(),
            word.upper(),
            word.capitalize(),
            f"\\textbf{{{word}}}",
            f"\\mathrm{{{word}}}",
            f'"{word}"',
            f"\\text{{{word}.}}",
        ):
            yield text, True, "text"
        yield word[:-1], False, "one letter less"
        yield f"\\text{{not {word}}}", False, "negated"
        yield (
            {"even": "odd", "odd": "even", "east": "west", "west": "east"}.get(word.lower(), "Robert"),
            False,
            "another word",
        )
    match = _OPTION.fullmatch(gold)
    if match:
        letter = match[1]
        for text in (
            letter,
            f"({letter})",
            f"\\text{{{letter}}}",
            f"\\textbf{{({letter})}}",
            f"\\mathrm{{{letter}}}",
        ):
            yield text, True, "option"
        yield f"({chr(ord(letter) + 1)})", False, "another option"
        yield f"{letter}, {chr(ord(letter) + 1)}", False, "two options"
    if _LIST.fullmatch(gold):
        numbers = [part.strip() for part in gold.split(",")]
        yield ", ".join(reversed(numbers)), True, "reordered"
        yield ",".join(numbers), True, "spaces"
        yield "\\{" + ",".join(numbers) + "\\}", True, "set"
        yield (
            " \\text{ and } ".join(numbers)
            if len(numbers) == 2
            else ", ".join(numbers[:-1]) + ", and " + numbers[-1],
            True,
            "and",
        )
        yield ", ".join(f"x = {number}" for number in numbers), True, "assignments"
        yield ", ".join(numbers[:-1]), False, "one less"
        yield gold + ", 97", False, "one more"
        yield ", ".join([*numbers[:-1], str(int(numbers[-1]) + 1)]), False, "last one"
        yield (
            ", ".join(str(-int(number)) for number in numbers) if sum(map(int, numbers)) else "97, 98",
            False,
            "signs",
        )
    for pattern in (_COLUMN, _MATRIX):
        match = pattern.fullmatch(gold)
        if not match:
            continue
        rows = [[cell.strip() for cell in row.split("&")] for row in match[1].split("\\\\")]

        def matrix(cells: list[list[str]], kind: str = "pmatrix") -> str:
            return f"\\begin{{{kind}}}" + "\\\\".join("&".join(row) for row in cells) + f"\\end{{{kind}}}"

        yield matrix(rows), True, "spaces"
        yield matrix(rows, "bmatrix"), True, "square brackets"
        yield (
            "\\left[\\begin{array}{"
            + "c" * len(rows[0])
            + "}"
            + " \\\\ ".join(" & ".join(row) for row in rows)
            + "\\end{array}\\right]",
            True,
            "array",
        )
        yield "[" + ",".join("[" + ",".join(row) + "]" for row in rows) + "]", True, "nested lists"
        changed = [list(row) for row in rows]
        changed[-1][-1] = f"{changed[-1][-1]} + 1"
        yield matrix(changed), False, "last entry"
        turned = [list(row) for row in zip(*rows, strict=True)]
        if turned != rows:
            yield matrix(turned), False, "transposed"
        yield matrix(rows[:-1]), False, "a row less"
        yield matrix(rows, "vmatrix"), False, "determinant"


_RULES = (_integer, _fraction, _roots, _angles_bases_money, _brackets, _algebra, _texts_and_lists)


def variants(gold: str) -> list[Variant]:
    """All rewritings and near misses that the rules find for a gold answer, without repetitions."""
    found: dict[str, Variant] = {}
    for rule in _RULES:
        for text, same, name in rule(gold.strip()):
            found.setdefault(text, Variant(text, same, f"{rule.__name__[1:]}: {name}"))
    return [variant for variant in found.values() if variant.text != gold]

"""Units of measure: which words are units, and how many of one make another.

    >>> from fractions import Fraction
    >>> UNITS["inches"] == ("length", Fraction(254, 10000))
    True

A unit counts only if both answers have one (docs/answers.md): then kinds must agree, and amounts are compared after conversion.
"""

from __future__ import annotations

from fractions import Fraction

_TABLE = """
length: m meter meters metre metres = 1; km kilometer kilometers kilometre kilometres = 1000; cm centimeter centimeters centimetre centimetres = 0.01;
 mm millimeter millimeters millimetre millimetres = 0.001; in inch inches = 0.0254; ft foot feet = 0.3048; yd yard yards = 0.9144; mi mile miles = 1609.344
mass: g gm gms gram grams = 1; kg kilogram kilograms kilo kilos = 1000; mg milligram milligrams = 0.001; lb lbs pound pounds = 453.59237; oz ounce ounces = 28.349523125; ton tons = 907184.74
time: s sec secs second seconds = 1; min mins minute minutes = 60; h hr hrs hour hours = 3600; day days = 86400; week weeks = 604800
calendar: month months = 1; yr yrs year years = 12; decade decades = 120; century centuries = 1200
money: dollar dollars usd buck bucks = 1; cent cents penny pennies = 0.01; nickel nickels = 0.05; dime dimes = 0.1; quarter quarters = 0.25
volume: l liter liters litre litres = 0.001; ml milliliter milliliters millilitre millilitres = 0.000001; gal gallon gallons = 0.003785411784; quart quarts = 0.000946352946; pint pints = 0.000473176473; cup cups = 0.0002365882365
angle: degree degrees deg = 1
radian: radian radians rad = 1
euro: euro euros eur = 1
sterling: gbp = 1
yen: yen yuan = 1
rupee: rupee rupees rs = 1
celsius: celsius = 1
fahrenheit: fahrenheit = 1
speed: mph = 0.44704; kph kmh = 0.2777777777777777777777777778
"""


def _read_table() -> dict[str, tuple[str, Fraction]]:
    units: dict[str, tuple[str, Fraction]] = {}
    kind = ""
    for entry in _TABLE.replace("\n ", " ").strip().replace("\n", ";").split(";"):
        words, size = entry.split("=")
        if ":" in words:
            kind, words = words.split(":")
        for word in words.split():
            units[word] = (kind.strip(), Fraction(size.strip()))
    units["kph"] = units["kmh"] = ("speed", Fraction(1000, 3600))
    return units


UNITS = _read_table()
"""Word -> (kind, size in the kind's base unit)."""

UNIT_WORDS = frozenset(word for word in UNITS if len(word) > 1)

SCALES = {
    "hundred": 10**2, "thousand": 10**3, "million": 10**6, "millions": 10**6, "billion": 10**9, "billions": 10**9, "trillion": 10**12, "dozen": 12, "dozens": 12,
}  # fmt: skip

_SPEEDS = {(("length", 1), ("time", -1)): "speed"}


def measure(words: list[tuple[str, int]]) -> tuple[tuple[tuple[str, int], ...], Fraction] | None:
    """The dimension and size of a product of units.

    Args:
        words: Unit words with their powers, `[("miles", 1), ("hour", -1)]`.

    Returns:
        Sorted kinds with powers, and the size in base units; None if a word is no unit.
    """
    powers: dict[str, int] = {}
    size = Fraction(1)
    for word, power in words:
        unit = UNITS.get(word) or UNITS.get(word.lower())
        if unit is None:
            return None
        kind, one = unit
        if kind == "speed":
            powers["length"] = powers.get("length", 0) + power
            powers["time"] = powers.get("time", 0) - power
        elif kind == "volume":
            powers["length"] = powers.get("length", 0) + 3 * power
        else:
            powers[kind] = powers.get(kind, 0) + power
        size *= one**power
    return tuple(sorted((kind, power) for kind, power in powers.items() if power)), size

"""Units of measure: which words are units, and how many of one make another.

    >>> from fractions import Fraction
    >>> UNITS["inches"] == ("length", Fraction(254, 10000))
    True

A unit counts only if both answers have one (docs/answers.md): then kinds must agree, and amounts are
compared after conversion.
"""

from __future__ import annotations

from fractions import Fraction

_TABLE = """
length: m meter meters metre metres = 1
length: km kilometer kilometers kilometre kilometres = 1000
length: cm centimeter centimeters centimetre centimetres = 0.01
length: mm millimeter millimeters millimetre millimetres = 0.001
length: in inch inches = 0.0254
length: ft foot feet = 0.3048
length: yd yard yards = 0.9144
length: mi mile miles = 1609.344
mass: g gm gms gram grams = 1
mass: kg kilogram kilograms kilo kilos = 1000
mass: mg milligram milligrams = 0.001
mass: lb lbs pound pounds = 453.59237
mass: oz ounce ounces = 28.349523125
mass: ton tons = 907184.74
time: s sec secs second seconds = 1
time: min mins minute minutes = 60
time: h hr hrs hour hours = 3600
time: day days = 86400
time: week weeks = 604800
calendar: month months = 1
calendar: yr yrs year years = 12
calendar: decade decades = 120
calendar: century centuries = 1200
money: dollar dollars usd buck bucks = 1
money: cent cents penny pennies = 0.01
money: nickel nickels = 0.05
money: dime dimes = 0.1
money: quarter quarters = 0.25
volume: l liter liters litre litres = 0.001
volume: ml milliliter milliliters millilitre millilitres = 0.000001
volume: gal gallon gallons = 0.003785411784
volume: quart quarts = 0.000946352946
volume: pint pints = 0.000473176473
volume: cup cups = 0.0002365882365
angle: degree degrees deg = 1
radian: radian radians rad = 1
euro: euro euros eur = 1
sterling: gbp = 1
yen: yen = 1
yuan: yuan = 1
rupee: rupee rupees rs = 1
celsius: celsius = 1
fahrenheit: fahrenheit = 1
speed: mph = 1609.344 / 3600
speed: kph kmh = 1000 / 3600
"""


def _read_table() -> dict[str, tuple[str, Fraction]]:
    units: dict[str, tuple[str, Fraction]] = {}
    for line in _TABLE.strip().split("\n"):
        kind, _, rest = line.partition(": ")
        words, _, size = rest.partition(" = ")
        top, _, bottom = size.partition(" / ")
        for word in words.split():
            units[word] = (kind, Fraction(top) / Fraction(bottom or 1))
    return units


UNITS = _read_table()
"""Word -> (kind, size in the kind's base unit)."""

UNIT_WORDS = frozenset(word for word in UNITS if len(word) > 1)

SCALES = {
    "hundred": 10**2, "thousand": 10**3, "million": 10**6, "millions": 10**6, "billion": 10**9,
    "billions": 10**9, "trillion": 10**12,
}  # fmt: skip


def measure(words: list[tuple[str, int]]) -> tuple[tuple[tuple[str, int], ...], Fraction] | None:
    """The dimension and size of a product of units.

    Args:
        words: Unit words with their powers, `[("miles", 1), ("hour", -1)]`.

    Returns:
        Sorted kinds with powers, and the size in base units; None if a word is not a unit.
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

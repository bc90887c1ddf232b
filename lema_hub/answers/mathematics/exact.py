r"""Exact algebra on trees: sums of rational multiples of roots, pi, e, i and symbols, in a canonical form.

A polynomial is a dict from monomials to Fractions; a monomial is a frozenset of (generator, exponent) pairs,
where a generator is a prime (with an exponent in [0, 1), the rest of a root), a symbol, a constant, or a
subtree in canonical form that has no simpler one. Products of different roots of primes are linearly
independent over the rationals (Besicovitch 1940), so two equal numbers of this kind have the same dict, and
a comparison needs no tolerance.

    >>> from lema_hub.answers.mathematics.syntax import parse
    >>> from lema_hub.answers.mathematics.tokens import tokenize
    >>> one, other = parse(tokenize(r"\frac{1}{\sqrt{3}}")), parse(tokenize(r"\frac{\sqrt{3}}{3}"))
    >>> equal_forms(evaluate(one), evaluate(other))
    True

Roots of symbols are taken for positive symbols (`\sqrt{x^2}` is `x`), as answers mean them.
"""

from __future__ import annotations

from fractions import Fraction
from math import comb, gcd
from typing import Any

from lema_hub.answers.mathematics.trees import Tree

Monomial = frozenset[tuple[Any, Fraction]]
Polynomial = dict[Monomial, Fraction]

ONE: Monomial = frozenset()
MAX_TERMS = 400
MAX_BITS = 32_000
_MAX_PRODUCTS = 40_000
_HALF = Fraction(1, 2)


class TooLargeError(Exception):
    """The exact form would not fit the limits; never leaves `lema_hub.answers`."""


class _Budget:
    """Products of terms that one comparison may still take."""

    def __init__(self) -> None:
        self.left = _MAX_PRODUCTS

    def spend(self, products: int) -> None:
        self.left -= products
        if self.left < 0:
            raise TooLargeError("too many terms")


def _factorize(number: int) -> dict[int, int]:
    """Prime factors by trial division to 10,000; a larger cofactor stays whole, or the root of a perfect
    power.
    """
    factors: dict[int, int] = {}
    divisor = 2
    while divisor * divisor <= number and divisor < 10_000:
        while number % divisor == 0:
            factors[divisor] = factors.get(divisor, 0) + 1
            number //= divisor
        divisor += 1 if divisor == 2 else 2
    for power in (6, 5, 4, 3, 2):
        root = round(number ** (1 / power)) if number < 2**900 else 1
        if number > 1 and root**power == number:
            return {**factors, root: factors.get(root, 0) + power}
    if number > 1:
        factors[number] = factors.get(number, 0) + 1
    return factors


def _check(value: Fraction) -> Fraction:
    if value.numerator.bit_length() + value.denominator.bit_length() > MAX_BITS:
        raise TooLargeError("too many digits")
    return value


def _constant(value: Fraction | int) -> Polynomial:
    return {ONE: Fraction(value)} if value else {}


def _term(exponents: dict[Any, Fraction], coefficient: Fraction) -> Polynomial:
    """A monomial in canonical form: whole powers of primes and of i go into the coefficient."""
    kept: dict[Any, Fraction] = {}
    for generator, exponent in exponents.items():
        if not exponent:
            continue
        if isinstance(generator, int):
            whole = exponent.numerator // exponent.denominator
            if whole and abs(whole) * generator.bit_length() < MAX_BITS:
                coefficient *= Fraction(generator) ** whole
                exponent -= whole
        elif generator == "i" and exponent.denominator == 1:
            turns = exponent.numerator % 4
            if turns >= 2:
                coefficient = -coefficient
            exponent = Fraction(turns % 2)
        if exponent:
            kept[generator] = exponent
    return {frozenset(kept.items()): _check(coefficient)} if coefficient else {}


def _add(left: Polynomial, right: Polynomial) -> Polynomial:
    return _add_into(dict(left), right)


def _add_into(total: Polynomial, terms: Polynomial) -> Polynomial:
    for monomial, coefficient in terms.items():
        value = total.get(monomial, 0) + coefficient
        if value:
            total[monomial] = Fraction(value)
        else:
            total.pop(monomial, None)
    if len(total) > MAX_TERMS:
        raise TooLargeError("too many terms")
    return total


def _multiply(left: Polynomial, right: Polynomial, budget: _Budget) -> Polynomial:
    if len(left) == 1 and ONE in left:
        left, right = right, left
    if len(right) == 1 and ONE in right:
        factor = right[ONE]
        return {monomial: _check(coefficient * factor) for monomial, coefficient in left.items()}
    budget.spend(len(left) * len(right))
    total: Polynomial = {}
    for monomial, coefficient in left.items():
        for other, factor in right.items():
            exponents = dict(monomial)
            for generator, exponent in other:
                exponents[generator] = exponents.get(generator, Fraction(0)) + exponent
            total = _add_into(total, _term(exponents, coefficient * factor))
    return total


def _power_whole(base: Polynomial, exponent: int, budget: _Budget) -> Polynomial:
    if len(base) == 1:
        [(monomial, coefficient)] = base.items()
        bits = (coefficient.numerator.bit_length() + coefficient.denominator.bit_length()) * exponent
        exponents = {generator: power * exponent for generator, power in monomial}
        if bits <= MAX_BITS:
            return _term(exponents, coefficient**exponent)
        if coefficient < 0 and exponent % 2:
            raise TooLargeError("too many digits")
        for sign, number in ((1, abs(coefficient.numerator)), (-1, coefficient.denominator)):
            for prime, count in _factorize(number).items():
                exponents[prime] = exponents.get(prime, Fraction(0)) + sign * count * exponent
        return _term(exponents, Fraction(1))
    if exponent > 64:
        raise TooLargeError(f"a sum to the power of {exponent}")
    result = _constant(1)
    while exponent:
        if exponent & 1:
            result = _multiply(result, base, budget)
        exponent >>= 1
        if exponent:
            base = _multiply(base, base, budget)
    return result


class Rational:
    """A quotient of two polynomials; the denominator is 1 unless it has several terms."""

    __slots__ = ("bottom", "top")

    def __init__(self, top: Polynomial, bottom: Polynomial | None = None) -> None:
        self.top = top
        self.bottom = bottom or _constant(1)

    def constant(self) -> Fraction | None:
        """The value if it is a rational number."""
        if len(self.bottom) != 1 or ONE not in self.bottom:
            return None
        if not self.top:
            return Fraction(0)
        return self.top[ONE] / self.bottom[ONE] if len(self.top) == 1 and ONE in self.top else None

    def key(self) -> tuple[Any, ...]:
        """A hashable form, equal for equal tops and bottoms."""
        return (frozenset(self.top.items()), frozenset(self.bottom.items()))


def _product(left: Rational, right: Rational, budget: _Budget) -> Rational:
    return Rational(_multiply(left.top, right.top, budget), _multiply(left.bottom, right.bottom, budget))


def _total(left: Rational, right: Rational, budget: _Budget) -> Rational:
    if left.bottom == right.bottom:
        return Rational(_add(left.top, right.top), left.bottom)
    top = _add(_multiply(left.top, right.bottom, budget), _multiply(right.top, left.bottom, budget))
    return Rational(top, _multiply(left.bottom, right.bottom, budget))


def _inverse(value: Rational, budget: _Budget) -> Rational:
    if not value.top:
        raise ZeroDivisionError
    if len(value.top) > 1:
        return Rational(value.bottom, value.top)
    [(monomial, coefficient)] = value.top.items()
    one_over = _term({generator: -exponent for generator, exponent in monomial}, 1 / coefficient)
    return Rational(_multiply(value.bottom, one_over, budget))


def _content(polynomial: Polynomial) -> Fraction:
    """The positive rational that makes the coefficients coprime integers when divided out."""
    top, bottom = 0, 1
    for coefficient in polynomial.values():
        top = gcd(top, coefficient.numerator)
        bottom = bottom * coefficient.denominator // gcd(bottom, coefficient.denominator)
    return Fraction(top, bottom)


def _root_power(base: Polynomial, exponent: Fraction, budget: _Budget) -> Polynomial:
    """A polynomial to a power that is not whole."""
    if not base:
        if exponent < 0:
            raise ZeroDivisionError
        return {}
    if len(base) > 1:
        content = _content(base)
        primitive = {monomial: coefficient / content for monomial, coefficient in base.items()}
        outside = _root_power(_constant(content), exponent, budget)
        generator = ("sum", frozenset(primitive.items()))
        return _multiply(outside, {frozenset({(generator, exponent)}): Fraction(1)}, budget)
    [(monomial, coefficient)] = base.items()
    exponents: dict[Any, Fraction] = {}
    for generator, power in monomial:
        if generator == "i":
            raise TooLargeError("a root of an imaginary number")
        exponents[generator] = power * exponent
    sign = Fraction(1)
    if coefficient < 0:
        if exponent.denominator % 2:
            sign = Fraction(-1) ** (exponent.numerator % 2)
        elif exponent.denominator == 2:
            exponents["i"] = Fraction(exponent.numerator)
        else:
            raise TooLargeError("an even root of a negative number")
    for direction, number in ((1, abs(coefficient.numerator)), (-1, coefficient.denominator)):
        if number.bit_length() > 400:
            raise TooLargeError("a root of a very large number")
        for prime, count in _factorize(number).items():
            exponents[prime] = exponents.get(prime, Fraction(0)) + direction * count * exponent
    return _term(exponents, sign)


def _power(base: Rational, exponent: Rational, budget: _Budget) -> Rational:
    number = exponent.constant()
    if number is None:
        generator = ("power", base.key(), exponent.key())
        return Rational({frozenset({(generator, Fraction(1))}): Fraction(1)})
    if number.denominator == 1:
        whole = number.numerator
        if whole < 0:
            base, whole = _inverse(base, budget), -whole
        return Rational(_power_whole(base.top, whole, budget), _power_whole(base.bottom, whole, budget))
    bottom = _root_power(base.bottom, number, budget)
    return _product(
        Rational(_root_power(base.top, number, budget)), _inverse(Rational(bottom), budget), budget
    )


def _function(name: str, values: list[Rational], budget: _Budget) -> Rational:
    numbers = [value.constant() for value in values]
    first = numbers[0]
    if name == "root":
        if numbers[1] is None or not numbers[1]:
            raise TooLargeError("a root whose degree is not a number")
        return _power(values[0], Rational(_constant(1 / numbers[1])), budget)
    if first is not None:
        whole = [number.numerator for number in numbers if number is not None and number.denominator == 1]
        if name == "factorial" and len(whole) == 1 and 0 <= whole[0] <= 2500:
            product = 1
            for factor in range(2, whole[0] + 1):
                product *= factor
            return Rational(_constant(_check(Fraction(product))))
        if name == "binomial" and len(whole) == 2 and 0 <= whole[1] <= whole[0] <= 5000:
            return Rational(_constant(_check(Fraction(comb(whole[0], whole[1])))))
    generator = ("function", name, tuple(value.key() for value in values))
    return Rational({frozenset({(generator, Fraction(1))}): Fraction(1)})


def evaluate(tree: Tree, budget: _Budget | None = None) -> Rational:
    """The canonical form of a tree without plus-minus.

    Raises:
        TooLargeError: It would not fit the limits.
        ZeroDivisionError: The formula divides by zero.
    """
    budget = budget or _Budget()
    kind = tree[0]
    if kind == "n":
        return Rational(_constant(_check(tree[1])))
    if kind in ("s", "c"):
        if tree[1] == "infty":
            raise TooLargeError("infinity")
        return Rational({frozenset({(tree[1], Fraction(1))}): Fraction(1)})
    if kind == "pm":
        raise TooLargeError("plus-minus stands for two values")
    if kind == "deg":
        value = evaluate(tree[1], budget)
        half_turn = Rational({frozenset({("pi", Fraction(1))}): Fraction(1, 180)})
        return _product(value, half_turn, budget)
    parts = [evaluate(part, budget) for part in (tree[2:] if kind == "f" else tree[1:])]
    if kind == "f":
        return _function(tree[1], parts, budget)
    if kind == "/":
        return _product(parts[0], _inverse(parts[1], budget), budget)
    if kind == "^":
        return _power(parts[0], parts[1], budget)
    result = parts[0]
    for part in parts[1:]:
        result = _total(result, part, budget) if kind == "+" else _product(result, part, budget)
    return result


def equal_forms(left: Rational, right: Rational) -> bool:
    """Whether two canonical forms are provably the same."""
    if left.bottom == right.bottom:
        return left.top == right.top
    budget = _Budget()
    return _multiply(left.top, right.bottom, budget) == _multiply(right.top, left.bottom, budget)


def same_zeros(left: Rational, right: Rational) -> bool:
    """Whether two forms are the same up to a constant factor other than zero: the same equation."""
    if not left.top or not right.top:
        return not left.top and not right.top
    scaled = []
    for polynomial in (left.top, right.top):
        leading = min(polynomial, key=lambda monomial: sorted(map(repr, monomial)))
        scaled.append({monomial: value / polynomial[leading] for monomial, value in polynomial.items()})
    return scaled[0] == scaled[1]

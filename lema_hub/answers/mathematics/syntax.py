r"""A scalar formula as a tree: precedence, implicit products, LaTeX's short arguments.

    >>> from lema_hub.answers.mathematics.tokens import tokenize
    >>> parse(tokenize(r"2x^{-1}"))
    ('*', ('n', Fraction(2, 1), 0), ('^', ('s', 'x'), ('n', Fraction(-1, 1), 0)))

Traps: `\frac12` is one half but `x^12` is a power of twelve (as models mean it); `1\frac{4}{5}` is a mixed
number, not a product.
"""

from __future__ import annotations

from fractions import Fraction

from lema_hub.answers.mathematics.tokens import FUNCTIONS, Token, UnreadableError
from lema_hub.answers.mathematics.trees import MINUS_ONE, Tree, negated
from lema_hub.answers.mathematics.units import UNITS

MAX_DEPTH = 60
MAX_DIGITS = 4000

_GREEK_TEXT = """
alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi chi
psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega ell hbar
"""
_GREEK = frozenset(_GREEK_TEXT.split())
_NO_FACTORS = frozenset(
    ("\\pm", "\\mp", "\\cup", "\\cap", "\\in", "\\approx", "\\setminus", "\\rangle", "\\equiv")
)


def number_tree(text: str) -> Tree:
    r"""A decimal, an integer or a repeating decimal (`0.\overline{3}`), exactly."""
    if "\\overline" in text:
        head, block = text.replace(" ", "").rstrip("}").split("\\overline{")
        whole, decimals = head.split(".")
        repeated = Fraction(int(block), (10 ** len(block) - 1) * 10 ** len(decimals))
        return ("n", Fraction((whole or "0") + "." + (decimals or "0")) + repeated, 0)
    if len(text) > MAX_DIGITS:
        raise UnreadableError(f"a number of {len(text)} characters")
    decimals = text.lower().split("e")[0].partition(".")[2]
    return ("n", Fraction(text), len(decimals) if "e" not in text.lower() else 0)


class _Parser:
    """Recursive descent over tokens; `position` is the next token."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.position = 0
        self.depth = 0

    def peek(self) -> Token | None:
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def text(self) -> str:
        return self.tokens[self.position].text if self.position < len(self.tokens) else ""

    def take(self, expected: str) -> None:
        if self.text() != expected:
            raise UnreadableError(f"{expected!r} expected, found {self.text()!r}")
        self.position += 1

    def sum(self) -> Tree:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise UnreadableError(f"nested deeper than {MAX_DEPTH}")
        terms: list[Tree] = []
        first = True
        while True:
            sign = self.text()
            if sign in ("+", "-", "\\pm", "\\mp"):
                self.position += 1
            elif not first:
                break
            minus = sign == "-"
            while self.text() in ("+", "-"):  # `3 - -2`
                minus ^= self.text() == "-"
                self.position += 1
            term = self.product()
            if minus:
                term = negated(term)
            if sign in ("\\pm", "\\mp"):
                term = ("*", ("pm", 1 if sign == "\\pm" else -1), term)
            terms.append(term)
            first = False
        self.depth -= 1
        return terms[0] if len(terms) == 1 else ("+", *terms)

    def product(self) -> Tree:
        factors = [self.power()]
        while True:
            operator = self.text()
            if operator in ("*", "/"):
                self.position += 1
                minus = False
                while self.text() in ("+", "-"):
                    minus ^= self.text() == "-"
                    self.position += 1
                factor = self.power()
                if minus:
                    factor = negated(factor)
                if operator == "/":
                    left = factors[0] if len(factors) == 1 else ("*", *factors)
                    factors = [("/", left, factor)]
                else:
                    factors.append(factor)
            elif self.starts_factor():
                token = self.peek()
                if (
                    token is not None
                    and token.kind == "number"
                    and self.tokens[self.position - 1].kind == "number"
                ):
                    raise UnreadableError("two numbers side by side")
                factors.append(self.power())
            else:
                break
        return factors[0] if len(factors) == 1 else ("*", *factors)

    def starts_factor(self) -> bool:
        token = self.peek()
        if token is None:
            return False
        if token.upright and token.text in UNITS and self.tokens[self.position - 1].kind == "number":
            return False  # `15 \\text{ m}`
        if token.kind in ("number", "letter"):
            return True
        if token.kind == "command":
            return token.text not in _NO_FACTORS
        return token.text in ("(", "[", "{")

    def power(self) -> Tree:
        base = self.atom()
        while True:
            mark = self.text()
            if mark == "!":
                self.position += 1
                base = ("f", "factorial", base)
            elif mark == "%":
                self.position += 1
                base = ("/", base, ("n", Fraction(100), 0))
            elif mark == "^":
                self.position += 1
                if self.text() == "\\circ":
                    self.position += 1
                    base = ("deg", base)
                elif self.text() == "{" and [
                    t.text for t in self.tokens[self.position + 1 : self.position + 3]
                ] == ["\\circ", "}"]:
                    self.position += 3
                    base = ("deg", base)
                else:
                    base = ("^", base, self.exponent())
            else:
                return base

    def exponent(self) -> Tree:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise UnreadableError(f"nested deeper than {MAX_DEPTH}")
        minus = False
        while self.text() in ("-", "+"):
            minus ^= self.text() == "-"
            self.position += 1
        tree = self.atom()
        if self.text() == "^":
            self.position += 1
            tree = ("^", tree, self.exponent())
        self.depth -= 1
        return ("*", MINUS_ONE, tree) if minus else tree

    def group(self, close: str) -> Tree:
        self.position += 1
        tree = self.sum()
        self.take(close)
        return tree

    def argument(self) -> Tree:
        r"""An argument of `\frac`, `\sqrt` or `\binom`: a group, or one digit or letter."""
        token = self.peek()
        if token is None:
            raise UnreadableError("an argument is missing")
        if token.text == "{":
            return self.group("}")
        if token.kind == "number" and len(token.text) > 1 and token.text.isdigit():
            self.tokens = self.tokens.copy()
            digits = [Token("number", token.text[0], token.spaced), Token("number", token.text[1:], False)]
            self.tokens[self.position : self.position + 1] = digits
        return self.atom()

    def atom(self) -> Tree:
        token = self.peek()
        if token is None:
            raise UnreadableError("the formula ends too early")
        if token.kind == "number":
            return self.number(token)
        if token.kind == "letter":
            self.position += 1
            return self.symbol(token.text)
        if token.kind == "command":
            return self.command(token)
        if token.text == "(":
            return self.group(")")
        if token.text == "[":
            return self.group("]")
        if token.text == "{":
            return self.group("}")
        if token.text == "|":
            self.position += 1
            tree = self.sum()
            self.take("|")
            return ("f", "abs", tree)
        if token.text in ("-", "+"):  # `{-3}^2` never comes here, `2^-3` and `\sin -x` do
            self.position += 1
            tree = self.power()
            return negated(tree) if token.text == "-" else tree
        raise UnreadableError(f"{token.text!r} starts no formula")

    def number(self, token: Token) -> Tree:
        tree = number_tree(token.text)
        self.position += 1
        if not token.text.isdigit():
            return tree
        following = self.tokens[self.position : self.position + 3]
        if (
            len(following) == 3
            and following[0].spaced
            and following[1].text == "/"
            and following[0].text.isdigit()
            and following[2].text.isdigit()
        ):
            part = self.proper(int(following[0].text[:20]), int(following[2].text[:20]))
            if part is not None:
                self.position += 3
                return ("n", tree[1] + part, 0)
        if following and following[0].text == "\\frac":
            start = self.position
            self.position += 1
            try:
                numerator, denominator = self.argument(), self.argument()
            except UnreadableError:
                self.position = start
                raise
            if numerator[0] == "n" and denominator[0] == "n":
                part = self.proper(numerator[1], denominator[1])
                if part is not None:
                    return ("n", tree[1] + part, 0)
            self.position = start
        return tree

    @staticmethod
    def proper(numerator: Fraction | int, denominator: Fraction | int) -> Fraction | None:
        if (
            0 < numerator < denominator
            and Fraction(numerator).denominator == 1 == Fraction(denominator).denominator
        ):
            return Fraction(numerator) / Fraction(denominator)
        return None

    def symbol(self, name: str) -> Tree:
        primes = 0
        if self.text() == "_":
            self.position += 1
            name += "_" + self.subscript()
        while self.text() == "'":
            primes += 1
            self.position += 1
        name += "'" * primes
        if name in ("e", "i"):
            return ("c", name)
        return ("s", name)

    def subscript(self) -> str:
        if self.text() != "{":
            token = self.peek()
            if token is None:
                raise UnreadableError("a subscript is missing")
            self.position += 1
            return token.text
        self.position += 1
        parts = []
        while self.text() != "}":
            token = self.peek()
            if token is None or token.text == "{":
                raise UnreadableError("an odd subscript")
            parts.append(token.text)
            self.position += 1
        self.position += 1
        return "".join(parts)

    def command(self, token: Token) -> Tree:
        name = token.text[1:]
        self.position += 1
        if name == "frac":
            numerator = self.argument()
            return ("/", numerator, self.argument())
        if name == "sqrt":
            return self.root()
        if name == "binom":
            upper = self.argument()
            return ("f", "binomial", upper, self.argument())
        if name in ("pi", "infty"):
            return ("c", name)
        if name in _GREEK:
            return self.symbol("\\" + name)
        if name in FUNCTIONS:
            return self.function(name)
        if name in ("overline", "overrightarrow", "vec", "hat", "bar", "angle", "triangle", "widehat"):
            return ("s", f"\\{name} {self.subscript()}")
        raise UnreadableError(f"{token.text} is not a formula that we read")

    def root(self) -> Tree:
        degree: Tree = ("n", Fraction(2), 0)
        if self.text() == "[":
            degree = self.group("]")
        token = self.peek()
        if token is not None and token.kind == "number":  # `\sqrt10` is meant as the root of ten
            self.position += 1
            radicand = number_tree(token.text)
        elif token is not None and token.text == "(":
            radicand = self.group(")")
        else:
            radicand = self.argument()
        return ("f", "root", radicand, degree)

    def function(self, name: str) -> Tree:
        power: Tree | None = None
        base: list[Tree] = []
        while self.text() in ("^", "_"):
            mark = self.text()
            self.position += 1
            if mark == "^":
                power = self.exponent()
            else:
                base = [self.argument() if self.text() == "{" else self.atom_without_power()]
        token = self.peek()
        if token is not None and token.text in ("(", "{", "["):
            arguments = [self.sum_list({"(": ")", "{": "}", "[": "]"}[token.text])]
        else:
            arguments = [[self.bare_argument()]]
        tree: Tree = ("f", name, *arguments[0], *base)
        if power is not None:
            if power == ("*", MINUS_ONE, ("n", Fraction(1), 0)) or power == ("n", Fraction(-1), 0):
                return ("f", "arc" + name, *arguments[0])
            tree = ("^", tree, power)
        return tree

    def atom_without_power(self) -> Tree:
        token = self.peek()
        if token is None:
            raise UnreadableError("a base is missing")
        self.position += 1
        if token.kind == "number":
            return number_tree(token.text)
        return ("c", token.text) if token.text == "e" else ("s", token.text)

    def sum_list(self, close: str) -> list[Tree]:
        self.position += 1
        trees = [self.sum()]
        while self.text() == ",":
            self.position += 1
            trees.append(self.sum())
        self.take(close)
        return trees

    def bare_argument(self) -> Tree:
        r"""`2x` in `\sin 2x \cos x`: factors up to an operator or another function."""
        factors = [self.power()]
        while self.starts_factor():
            token = self.peek()
            if token is None:
                break
            if (token.kind == "command" and token.text[1:] in FUNCTIONS) or token.text in ("(", "["):
                break
            factors.append(self.power())
        return factors[0] if len(factors) == 1 else ("*", *factors)


def parse_prefix(tokens: list[Token]) -> tuple[Tree, int]:
    """The formula at the start of the tokens, and how many tokens it takes.

    Raises:
        UnreadableError: They do not start with a formula.
    """
    parser = _Parser(tokens)
    tree = parser.sum()
    return tree, len(tokens) - (len(parser.tokens) - parser.position)


def parse(tokens: list[Token]) -> Tree:
    """The formula that the tokens make up.

    Raises:
        UnreadableError: They are no formula, or one that is nested deeper than `MAX_DEPTH`.
    """
    tree, used = parse_prefix(tokens)
    if used != len(tokens):
        raise UnreadableError(f"{tokens[used].text!r} follows a formula")
    return tree

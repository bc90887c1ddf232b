"""The families of nano problems: each tells a story of `n` steps with everything that is true of it.

In the wordings of a step, `@` stands for its equation (`5 + 3 = 8`). A family draws its structure with `story.mark`
so that the template's name says which operations the problem needs.

Trap: a wording must hold for every number that can be drawn; whatever depends on the numbers is structure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lema_hub.nano.program import Op, Operand, OutOfRange, Person, Story, constant

_SHE = [
    Person(name, "she", "her", "her")
    for name in ("Mia", "Anna", "Lucy", "Nora", "Ella", "Ruth", "Jane", "Sara")
]
_HE = [
    Person(name, "he", "him", "his") for name in ("Tom", "Ben", "Leo", "Sam", "Max", "Paul", "Omar", "Jack")
]
PEOPLE = tuple(_SHE + _HE)
ITEMS = (
    "pens",
    "marbles",
    "shells",
    "stickers",
    "cards",
    "coins",
    "stamps",
    "beads",
    "books",
    "toys",
    "apples",
    "cookies",
)
CONTAINERS = ("boxes", "bags", "baskets", "jars")
GOODS = (
    ("cups", "a plate"),
    ("shirts", "a hat"),
    ("pencils", "a ruler"),
    ("candles", "a lamp"),
    ("tickets", "a drink"),
)
_ORDINALS = ("first", "second", "third")


@dataclass(frozen=True, slots=True)
class Cast:
    """Who and what a story is about, drawn once per problem: three people and two kinds of things."""

    a: Person
    b: Person
    c: Person
    items: str
    others: str


def holdings(s: Story, n: int, cast: Cast) -> None:
    """Things come and go: add and subtract along the story."""
    a, b, items = cast.a, cast.b, cast.items
    have: Operand = s.fact(3, 30)
    s.tell(f"{a.name} has {have.value} {items}.", f"At first {a.name} has {have.value} {items}.")
    for k in range(n):
        gain = s.rng.random() < 0.5
        s.mark("gain" if gain else "loss")
        d = s.fact(2, 20)
        again = "Then " if k else ""
        she = a.she if again else a.she.capitalize()
        if gain:
            s.tell(
                f"{again}{she} buys {d.value} more {items}.",
                f"{again}{she} finds {d.value} more {items}.",
                f"{again}{b.name} gives {a.her} {d.value} more {items}."
                if again
                else f"{b.name} gives {a.her} {d.value} more {items}.",
            )
            have = s.step(
                have, "+", d, f"{a.name} has @ {items} now.", f"Then {a.name} has @ {items}.",
                what=f"the {items} that {a.name} has after getting {d.value} more",
            )  # fmt: skip
        else:
            s.tell(
                f"{again}{she} gives {d.value} {items} to {b.name}.",
                f"{again}{she} loses {d.value} of them.",
                f"{again}{she} sells {d.value} {items}.",
            )
            have = s.step(
                have, "-", d, f"{a.name} has @ {items} left.", f"Then {a.name} has @ {items} left.",
                what=f"the {items} that {a.name} has after {d.value} are gone",
            )  # fmt: skip
    s.ask(f"How many {items} does {a.name} have in the end?", f"How many {items} does {a.name} have now?")


def comparison(s: Story, n: int, cast: Cast) -> None:
    """Several people, each compared with another; then a total or a difference."""
    a, b, c, items = cast.a, cast.b, cast.c, cast.items
    first: Operand = s.fact(3, 20)
    s.tell(f"{a.name} has {first.value} {items}.", f"{a.name} owns {first.value} {items}.")

    def relate(person: Person, to: Person, base: Operand) -> Operand:
        op: Op = s.rng.choice(("+", "-", "*"))
        s.mark({"+": "more", "-": "fewer", "*": "times", "/": ""}[op])
        d = s.fact(2, 4) if op == "*" else s.fact(2, 12)
        phrase = {
            "+": f"{d.value} more {items} than",
            "-": f"{d.value} fewer {items} than",
            "*": f"{d.value} times as many {items} as",
            "/": "",
        }[op]
        s.tell(f"{person.name} has {phrase} {to.name}.")
        return s.step(base, op, d, f"{person.name} has @ {items}.", what=f"the {items} of {person.name}")

    second = relate(b, a, first)
    if n == 1:
        s.ask(f"How many {items} does {b.name} have?")
        return
    if n == 2:
        s.mark("two")
        _total_or_difference(s, cast.items, (a, first), (b, second))
        return
    third = relate(c, b, second)
    if n == 3:
        if s.rng.random() < 0.5:
            s.mark("ends")
            _total_or_difference(s, items, (a, first), (c, third))
        else:
            s.mark("last")
            _total_or_difference(s, items, (b, second), (c, third))
        return
    s.mark("all")
    both = s.step(
        first,
        "+",
        second,
        f"{a.name} and {b.name} have @ {items}.",
        what=f"the {items} of {a.name} and {b.name}",
    )
    s.step(
        both,
        "+",
        third,
        f"Together the three have @ {items}.",
        f"All three have @ {items}.",
        what="the total of all three",
    )
    s.ask(
        f"How many {items} do the three have together?",
        f"How many {items} do {a.name}, {b.name} and {c.name} have in total?",
    )


def _total_or_difference(
    s: Story, items: str, one: tuple[Person, Operand], two: tuple[Person, Operand]
) -> None:
    """Asks for the sum or the difference of what two people have; the other one is the misreading."""
    (p, x), (q, y) = one, two
    if x.value == y.value:
        raise OutOfRange
    if s.rng.random() < 0.6:
        s.mark("total")
        s.ask(
            f"How many {items} do {p.name} and {q.name} have together?",
            f"How many {items} do {p.name} and {q.name} have in total?",
        )
        s.step(
            x,
            "+",
            y,
            f"Together {p.name} and {q.name} have @ {items}.",
            what=f"the total of {p.name} and {q.name}",
        )
        if x.value > y.value:
            (p, x), (q, y) = (q, y), (p, x)
        s.misread(
            y, "-", x, f"{q.name} has @ more {items} than {p.name}.", error_type="QM",
            why="the question asks for the total, not for the difference",
        )  # fmt: skip
        return
    if x.value > y.value:
        (p, x), (q, y) = (q, y), (p, x)
        s.mark("swap")
    s.mark("difference")
    s.ask(f"How many more {items} does {q.name} have than {p.name}?")
    s.step(
        y, "-", x, f"{q.name} has @ more {items} than {p.name}.", what=f"how many more {items} {q.name} has"
    )
    s.misread(
        x, "+", y, f"Together {p.name} and {q.name} have @ {items}.", error_type="QM",
        why="the question asks for the difference, not for the total",
    )  # fmt: skip


def groups(s: Story, n: int, cast: Cast) -> None:
    """Equal groups, more and fewer, then shared out."""
    a, items = cast.a, cast.items
    boxes = s.rng.choice(CONTAINERS)
    k, m = s.fact(2, 9), s.fact(2, 12)
    s.tell(
        f"{a.name} has {k.value} {boxes} with {m.value} {items} in each.",
        f"There are {k.value} {boxes} and each holds {m.value} {items}.",
    )
    have = s.step(
        k,
        "*",
        m,
        f"The {boxes} hold @ {items}.",
        f"There are @ {items} in the {boxes}.",
        what=f"the {items} in all {boxes}",
    )
    s.misread(
        k, "+", m, f"There are @ {items} in the {boxes}.", error_type="CC",
        why=f"{m.value} is the number in each of the {boxes}, so it is taken {k.value} times",
    )  # fmt: skip
    plan = {
        1: "",
        2: s.rng.choice("+-/"),
        3: s.rng.choice(("+-", "+/", "-/", "-+")),
        4: s.rng.choice(("+-/", "-+/")),
    }[n]
    s.mark(plan)
    for op in plan:
        if op == "+":
            d = s.fact(2, 15)
            s.tell(f"{d.value} more {items} lie on the table.", f"{a.name} buys {d.value} more {items}.")
            have = s.step(
                have,
                "+",
                d,
                f"With the others there are @ {items}.",
                what=f"the {items} with the {d.value} others",
            )
        elif op == "-":
            d = s.fact(2, 15)
            s.tell(f"{d.value} of the {items} are broken.", f"{a.name} throws {d.value} of the {items} away.")
            have = s.step(
                have,
                "-",
                d,
                f"That leaves @ {items}.",
                f"Without those there are @ {items}.",
                what=f"the {items} that are left",
            )
        else:
            d = s.divisor(have, 2, 9)
            s.tell(
                f"The {items} are shared equally by {d.value} children.",
                f"{d.value} children share the {items} equally.",
            )
            have = s.step(have, "/", d, f"Each child gets @ {items}.", what="the share of each child")
            s.ask(f"How many {items} does each child get?")
            return
    s.ask(
        f"How many {items} are there in total?" if n == 1 else f"How many {items} are there in the end?",
        f"How many {items} are there now?",
    )


def shopping(s: Story, n: int, cast: Cast) -> None:
    """Prices times numbers, a total, and change."""
    a = cast.a
    goods, extra = s.rng.choice(GOODS)
    k, p = s.fact(2, 8), s.fact(2, 9)
    s.tell(
        f"{a.name} buys {k.value} {goods} for {p.value} dollars each.",
        f"{a.name} buys {k.value} {goods} that cost {p.value} dollars each.",
    )
    cost = s.step(k, "*", p, f"The {goods} cost @ dollars.", what=f"the price of the {goods}")
    s.misread(
        k,
        "+",
        p,
        f"The {goods} cost @ dollars.",
        error_type="CC",
        why=f"{p.value} dollars is the price of each, so it is taken {k.value} times",
    )
    change = n >= 2 and (n != 3 or s.rng.random() < 0.5)
    if n == 4:
        s.mark("two")
        things = s.rng.choice([other for other, _ in GOODS if other != goods])
        j, q = s.fact(2, 6), s.fact(2, 9)
        s.tell(f"{a.she.capitalize()} also buys {j.value} {things} for {q.value} dollars each.")
        other = s.step(j, "*", q, f"The {things} cost @ dollars.", what=f"the price of the {things}")
        cost = s.step(
            cost,
            "+",
            other,
            "Together they cost @ dollars.",
            "In total that is @ dollars.",
            what="the price of everything",
        )
    elif n == 3 and not change:
        s.mark("both")
        things = s.rng.choice([other for other, _ in GOODS if other != goods])
        j, q = s.fact(2, 6), s.fact(2, 9)
        s.tell(f"{a.she.capitalize()} also buys {j.value} {things} for {q.value} dollars each.")
        other = s.step(j, "*", q, f"The {things} cost @ dollars.", what=f"the price of the {things}")
        cost = s.step(
            cost,
            "+",
            other,
            "Together they cost @ dollars.",
            "In total that is @ dollars.",
            what="the price of everything",
        )
    elif n == 3 or (n == 2 and s.rng.random() < 0.5):
        s.mark("extra")
        e = s.fact(2, 20)
        s.tell(f"{a.she.capitalize()} also buys {extra} for {e.value} dollars.")
        cost = s.step(
            cost,
            "+",
            e,
            "Together they cost @ dollars.",
            "In total that is @ dollars.",
            what="the price of everything",
        )
        change = n == 3
    if not change or n == 1:
        s.ask(f"How many dollars does {a.name} pay?", "How many dollars does that cost?")
        return
    s.mark("change")
    paid = s.given(min(99, cost.value + s.rng.randint(2, 20)))
    s.tell(
        f"{a.name} pays with {paid.value} dollars.",
        f"{a.she.capitalize()} gives the seller {paid.value} dollars.",
    )
    s.ask(f"How many dollars does {a.name} get back?", "How much change is there in dollars?")
    s.step(paid, "-", cost, f"{a.name} gets @ dollars back.", "The change is @ dollars.", what="the change")
    if paid.value + cost.value <= 99:
        s.misread(
            paid, "+", cost, "That is @ dollars.", error_type="QM", why="the question asks for the change"
        )


def selling(s: Story, n: int, cast: Cast) -> None:
    """Making, selling, and what is left of the money."""
    a = cast.a
    cakes = s.rng.choice(("cakes", "baskets", "scarves", "pots"))
    have = s.fact(2, 6 if n >= 3 else 12)
    if n >= 3:
        d = s.fact(2, 4)
        s.tell(
            f"{a.name} makes {have.value} {cakes} a day for {d.value} days.",
            f"For {d.value} days {a.name} makes {have.value} {cakes} every day.",
        )
        daily = have
        have = s.step(daily, "*", d, f"{a.name} makes @ {cakes}.", what=f"the {cakes} that {a.name} makes")
        s.misread(
            daily,
            "+",
            d,
            f"{a.name} makes @ {cakes}.",
            error_type="CC",
            why="it is the number for each day, so it is taken once a day",
        )
    else:
        s.tell(f"{a.name} makes {have.value} {cakes}.", f"{a.name} has {have.value} {cakes} to sell.")
    p = s.fact(2, 9)
    s.tell(
        f"{a.she.capitalize()} sells them for {p.value} dollars each.",
        f"{a.she.capitalize()} sells each for {p.value} dollars.",
    )
    money = s.step(
        have,
        "*",
        p,
        f"{a.name} gets @ dollars for them.",
        f"They bring @ dollars.",
        what=f"the money for the {cakes}",
    )
    if n == 1:
        s.ask(f"How many dollars does {a.name} get?")
        return
    if n == 2 and s.rng.random() < 0.4:
        s.mark("share")
        k = s.divisor(money, 2, 6)
        s.tell(f"{k.value} friends share the money equally.")
        s.step(money, "/", k, "Each friend gets @ dollars.", what="the share of each friend")
        s.ask("How many dollars does each friend get?")
        return
    c = s.fact(2, 20)
    s.tell(
        f"The material costs {c.value} dollars.",
        f"{a.she.capitalize()} pays {c.value} dollars for the material.",
    )
    profit = s.step(
        money,
        "-",
        c,
        f"After the costs {a.name} keeps @ dollars.",
        f"The profit is @ dollars.",
        what="the profit",
    )
    s.misread(
        money,
        "+",
        c,
        "The profit is @ dollars.",
        error_type="CC",
        why="costs are taken away from the money to get the profit",
    )
    if n == 4:
        s.mark("share")
        k = s.divisor(profit, 2, 6)
        s.tell(
            f"{k.value} friends share the profit equally.",
            f"The profit is shared equally by {k.value} friends.",
        )
        s.step(profit, "/", k, "Each friend gets @ dollars.", what="the share of each friend")
        s.ask("How many dollars does each friend get?")
        return
    s.ask(f"How many dollars of profit does {a.name} make?", f"What is the profit of {a.name} in dollars?")


def trips(s: Story, n: int, cast: Cast) -> None:
    """Speed times hours, legs of a way, what remains of it."""
    a = cast.a
    verb = s.rng.choice(("rides", "walks", "drives"))
    v, h = s.fact(3, 15), s.fact(2, 5)
    s.tell(
        f"{a.name} {verb} {v.value} miles an hour for {h.value} hours.",
        f"For {h.value} hours {a.name} {verb} {v.value} miles an hour.",
    )
    way = s.step(
        v,
        "*",
        h,
        f"{a.name} {verb} @ miles.",
        f"In that time {a.name} {verb} @ miles.",
        what=f"the miles of the {_ORDINALS[0]} part",
    )
    s.misread(
        v,
        "+",
        h,
        f"{a.name} {verb} @ miles.",
        error_type="CC",
        why=f"a speed must be taken {h.value} times for {h.value} hours",
    )
    legs = n >= 3
    if n == 2 and s.rng.random() < 0.5:
        s.mark("more")
        d = s.fact(2, 20)
        s.tell(f"Then {a.she} {verb} {d.value} more miles.")
        s.step(way, "+", d, "The whole way is @ miles.", what="the whole way")
        s.ask(f"How many miles does {a.name} go in total?")
        return
    if legs:
        s.mark("legs")
        w, g = s.fact(3, 12), s.fact(2, 4)
        s.tell(f"Then {a.she} {verb} {w.value} miles an hour for {g.value} hours.")
        second = s.step(
            w, "*", g, f"Then {a.she} {verb} @ miles.", what=f"the miles of the {_ORDINALS[1]} part"
        )
        way = s.step(
            way,
            "+",
            second,
            "That makes @ miles together.",
            "Together that is @ miles.",
            what="the miles of both parts",
        )
    if n in (2, 4):
        s.mark("rest")
        total = s.given(min(99, way.value + s.rng.randint(3, 30)))
        s.tell(
            f"The whole way is {total.value} miles.",
            f"{a.she.capitalize()} wants to go {total.value} miles in all.",
        )
        s.step(
            total,
            "-",
            way,
            "There are @ miles left.",
            f"{a.name} still has @ miles to go.",
            what="the miles that are left",
        )
        s.ask("How many miles are left?", f"How many miles does {a.name} still have to go?")
    else:
        s.ask(f"How many miles does {a.name} go in total?" if legs else f"How many miles does {a.name} go?")


def ages(s: Story, n: int, cast: Cast) -> None:
    """Ages compared, and years going by."""
    a, b, c = cast.a, cast.b, cast.c
    age: Operand = s.fact(4, 30)
    s.tell(f"{a.name} is {age.value} years old.")
    who, last = a, age
    for person in (b, c)[: min(n, 2 if n > 2 else 1)]:
        kind = s.rng.choice(("older", "younger", "times"))
        s.mark(kind)
        d = s.fact(2, 4) if kind == "times" else s.fact(2, 12)
        s.tell(
            f"{person.name} is {d.value} times as old as {who.name}."
            if kind == "times"
            else f"{person.name} is {d.value} years {kind} than {who.name}."
        )
        op: Op = {"older": "+", "younger": "-", "times": "*"}[kind]  # type: ignore[assignment]
        last = s.step(last, op, d, f"{person.name} is @ years old.", what=f"the age of {person.name}")
        who = person
    if n == 1:
        s.ask(f"How old is {who.name}?")
        return
    if n == 4 or (n == 2 and s.rng.random() < 0.4):
        s.mark("sum")
        last = s.step(
            age,
            "+",
            last,
            f"The ages of {a.name} and {who.name} add up to @ years.",
            what="the sum of both ages",
        )
        if n == 2:
            s.ask(f"What is the sum of the ages of {a.name} and {who.name}?")
            return
        d = s.fact(2, 15)
        s.tell(
            f"{s.rng.choice(('Their teacher', 'Their coach'))} is {d.value} years younger than {a.name} and {who.name} together."
        )
        s.step(
            last,
            "-",
            d,
            "The teacher is @ years old." if "teacher" in s.sentences[-1] else "The coach is @ years old.",
            what="the age that is asked for",
        )
        s.ask("How old is the teacher?" if "teacher" in s.sentences[-1] else "How old is the coach?")
        return
    s.mark("years")
    t = s.fact(2, 20)
    later = s.rng.random() < 0.6
    s.mark("later" if later else "ago")
    if later:
        s.ask(f"How old will {who.name} be in {t.value} years?")
        s.step(
            last,
            "+",
            t,
            f"In {t.value} years {who.name} will be @ years old.",
            what=f"the age of {who.name} in {t.value} years",
        )
    else:
        s.ask(f"How old was {who.name} {t.value} years ago?")
        s.step(
            last,
            "-",
            t,
            f"{t.value} years ago {who.name} was @ years old.",
            what=f"the age of {who.name} {t.value} years ago",
        )


_UNITS = (
    ("dozen eggs", "eggs", constant(12, "there are 12 eggs in a dozen"), "has", 7),
    ("weeks of holidays", "days", constant(7, "a week has 7 days"), "plans", 12),
    ("pairs of socks", "socks", constant(2, "a pair is 2 socks"), "has", 30),
    ("feet of ribbon", "inches", constant(12, "a foot has 12 inches"), "has", 7),
)


def units(s: Story, n: int, cast: Cast) -> None:
    """A unit to convert first."""
    a = cast.a
    big, small, factor, verb, most = s.rng.choice(_UNITS)
    s.mark(small)
    k = s.fact(2, most)
    s.tell(f"{a.name} {verb} {k.value} {big}.")
    have = s.step(
        k,
        "*",
        factor,
        f"That is @ {small}.",
        f"{k.value} {big} are @ {small}.",
        what=f"the number of {small}",
    )
    plan = {
        1: "",
        2: s.rng.choice("+-/"),
        3: s.rng.choice(("-/", "+/", "-+", "+-")),
        4: s.rng.choice(("-+/", "+-/")),
    }[n]
    s.mark(plan)
    for op in plan:
        if op == "+":
            d = s.fact(2, 20)
            s.tell(f"{cast.b.name} adds {d.value} {small}.", f"Then {d.value} more {small} are added.")
            have = s.step(
                have,
                "+",
                d,
                f"With {d.value} more there are @ {small}.",
                what=f"the {small} with the added ones",
            )
        elif op == "-":
            d = s.fact(2, 20)
            s.tell(f"{d.value} of the {small} are used up.", f"{a.name} needs {d.value} {small} at once.")
            have = s.step(
                have,
                "-",
                d,
                f"There are @ {small} left.",
                f"That leaves @ {small}.",
                what=f"the {small} that are left",
            )
        else:
            d = s.divisor(have, 2, 9)
            s.tell(f"The {small} are divided into {d.value} equal parts.")
            s.step(have, "/", d, f"Each part has @ {small}.", what=f"the {small} of each part")
            s.ask(f"How many {small} are in each part?")
            return
    s.ask(f"How many {small} are there in the end?" if plan else f"How many {small} is that?")


def garden(s: Story, n: int, cast: Cast) -> None:
    """A rectangle and its fence."""
    a = cast.a
    place = s.rng.choice(("garden", "field", "yard"))
    w = s.fact(3, 15)
    if n == 1:
        s.mark("area")
        length = s.fact(3, 9)
        s.tell(f"The {place} of {a.name} is {w.value} feet wide and {length.value} feet long.")
        s.step(w, "*", length, f"The area of the {place} is @ square feet.", what="the area")
        s.misread(
            w,
            "+",
            length,
            f"The area of the {place} is @ square feet.",
            error_type="FC",
            why="an area is the length times the width",
        )
        s.ask(f"What is the area of the {place} in square feet?")
        return
    if n >= 3:
        d = s.fact(2, 10)
        s.tell(f"The {place} of {a.name} is {w.value} feet wide and {d.value} feet longer than wide.")
        length = s.step(w, "+", d, f"The {place} is @ feet long.", what=f"the length of the {place}")
    else:
        length = s.fact(3, 20)
        s.tell(f"The {place} of {a.name} is {w.value} feet wide and {length.value} feet long.")
    both = s.step(
        length,
        "+",
        w,
        "Length and width together are @ feet.",
        "Two sides are @ feet.",
        what="length and width together",
    )
    if length.value * w.value <= 99:
        s.misread(
            length,
            "*",
            w,
            f"The {place} has @ feet.",
            error_type="FC",
            why="a fence follows the sides, so lengths are added, not multiplied",
        )
    around = s.step(
        both,
        "*",
        constant(2, "a rectangle has every side 2 times"),
        f"The way around is @ feet.",
        "All sides together are @ feet.",
        what=f"the way around the {place}",
    )
    if n == 4:
        s.mark("gate")
        g = s.fact(2, 8)
        s.tell(
            f"There is a fence around it with a gate of {g.value} feet.",
            f"A fence goes around it except for a gate of {g.value} feet.",
        )
        s.step(
            around, "-", g, "Without the gate the fence is @ feet long.", what="the fence without the gate"
        )
        s.ask("How many feet long is the fence without the gate?")
    else:
        s.tell("A fence goes all around it.")
        s.ask("How many feet long is the fence?")


def saving(s: Story, n: int, cast: Cast) -> None:
    """Weekly savings toward a price."""
    a = cast.a
    thing = s.rng.choice(("bike", "tent", "drum", "kite"))
    r, w = s.fact(2, 9), s.fact(2, 8)
    s.tell(
        f"{a.name} saves {r.value} dollars a week for {w.value} weeks.",
        f"For {w.value} weeks {a.name} saves {r.value} dollars every week.",
    )
    money = s.step(
        r,
        "*",
        w,
        f"{a.name} saves @ dollars.",
        f"In {w.value} weeks {a.she} saves @ dollars.",
        what="the dollars that are saved",
    )
    s.misread(
        r,
        "+",
        w,
        f"{a.name} saves @ dollars.",
        error_type="CC",
        why=f"the dollars are saved every week, so they are taken {w.value} times",
    )
    if n == 1:
        s.ask(f"How many dollars does {a.name} save?")
        return
    if n >= 3:
        b = s.fact(2, 15)
        s.tell(
            f"{a.she.capitalize()} had {b.value} dollars before.",
            f"{cast.b.name} gives {a.her} {b.value} dollars.",
        )
        money = s.step(
            money,
            "+",
            b,
            f"With the {b.value} dollars {a.name} has @ dollars.",
            what=f"all the dollars of {a.name}",
        )
    if n == 4:
        e = s.fact(2, 15)
        s.tell(f"Then {a.she} spends {e.value} dollars.", f"But {a.she} loses {e.value} dollars.")
        money = s.step(
            money, "-", e, f"After that {a.name} has @ dollars left.", what="the dollars that are left"
        )
    price = s.given(min(99, money.value + s.rng.randint(2, 30)))
    s.tell(
        f"A {thing} costs {price.value} dollars.",
        f"{a.she.capitalize()} wants a {thing} for {price.value} dollars.",
    )
    s.step(price, "-", money, f"{a.name} still needs @ dollars.", what="the dollars that are still missing")
    s.ask(
        f"How many more dollars does {a.name} need for the {thing}?",
        f"How many dollars are still missing for the {thing}?",
    )
    if price.value + money.value <= 99:
        s.misread(
            price,
            "+",
            money,
            f"{a.name} needs @ dollars.",
            error_type="QM",
            why="the question asks how much is still missing",
        )


def reading(s: Story, n: int, cast: Cast) -> None:
    """Pages read, pages left, days to go."""
    a = cast.a
    p, d = s.fact(3, 12), s.fact(2, 6)
    s.tell(
        f"{a.name} reads {p.value} pages a day for {d.value} days.",
        f"For {d.value} days {a.name} reads {p.value} pages every day.",
    )
    done = s.step(
        p,
        "*",
        d,
        f"{a.name} reads @ pages.",
        f"In {d.value} days {a.she} reads @ pages.",
        what="the pages of those days",
    )
    s.misread(
        p,
        "+",
        d,
        f"{a.name} reads @ pages.",
        error_type="CC",
        why=f"the pages are read every day, so they are taken {d.value} times",
    )
    if n == 1:
        s.ask(f"How many pages does {a.name} read?")
        return
    if n == 4:
        e = s.fact(2, 12)
        s.tell(
            f"On Sunday {a.she} reads {e.value} more pages.",
            f"Then {a.she} reads {e.value} more pages in bed.",
        )
        done = s.step(done, "+", e, f"Together {a.name} reads @ pages.", what="all the pages so far")
    q = s.rng.randint(2, 9)
    rest = q * s.rng.randint(2, 5) if n >= 3 else s.rng.randint(3, 30)
    pages = s.given(done.value + rest)
    s.tell(f"The book has {pages.value} pages.", f"There are {pages.value} pages in the book.")
    left = s.step(
        pages,
        "-",
        done,
        "There are @ pages left.",
        f"{a.name} has @ pages left to read.",
        what="the pages that are left",
    )
    if n == 2:
        s.ask(f"How many pages does {a.name} still have to read?", "How many pages are left?")
        return
    each = s.given(q)
    s.tell(
        f"From now on {a.she} reads {each.value} pages a day.",
        f"After that {a.she} reads {each.value} pages every day.",
    )
    s.step(
        left,
        "/",
        each,
        f"{a.name} needs @ more days.",
        "That takes @ more days.",
        what="the days for the rest",
    )
    s.ask(f"How many more days does {a.name} need?")


def teams(s: Story, n: int, cast: Cast) -> None:
    """A class, its teams, and what they get."""
    kind = s.rng.choice(("class", "club", "camp"))
    g = s.fact(4, 20)
    if n == 4:
        more = s.rng.random() < 0.5
        s.mark("more" if more else "fewer")
        d = s.fact(2, 9)
        s.tell(f"A {kind} has {g.value} girls and {d.value} {'more' if more else 'fewer'} boys than girls.")
        b = s.step(g, "+" if more else "-", d, f"There are @ boys.", what="the number of boys")
    else:
        b = s.fact(4, 20)
        s.tell(
            f"A {kind} has {g.value} girls and {b.value} boys.",
            f"There are {g.value} girls and {b.value} boys in a {kind}.",
        )
    total = s.step(
        g,
        "+",
        b,
        f"The {kind} has @ children.",
        f"There are @ children in the {kind}.",
        what="the number of children",
    )
    if n == 1:
        s.ask(f"How many children are in the {kind}?")
        return
    if n == 2 and s.rng.random() < 0.5:
        s.mark("each")
        k = s.fact(2, 4)
        s.tell(f"Every child gets {k.value} balls.")
        s.step(total, "*", k, "They need @ balls.", what="the number of balls")
        s.ask("How many balls do they need?")
        return
    t = s.divisor(total, 2, 9)
    s.tell(f"They make teams of {t.value} children.", f"The children play in teams of {t.value}.")
    count = s.step(total, "/", t, "That makes @ teams.", "There are @ teams.", what="the number of teams")
    if n == 2:
        s.ask("How many teams are there?")
        return
    k = s.fact(2, 9)
    s.tell(f"Each team gets {k.value} balls.")
    s.step(count, "*", k, "The teams need @ balls.", "They need @ balls.", what="the number of balls")
    s.misread(
        total, "*", k, "They need @ balls.", error_type="QM", why="each team gets the balls, not each child"
    )
    s.ask("How many balls do the teams need?")


def bus(s: Story, n: int, cast: Cast) -> None:
    """People get on and off, then a price each."""
    a = cast.a
    kind = s.rng.choice(("bus", "train", "boat"))
    people: Operand = s.fact(5, 30)
    s.tell(f"A {kind} starts with {people.value} people.", f"There are {people.value} people on a {kind}.")
    pay = n >= 2 and s.rng.random() < 0.4
    count = n - 1 if pay else n
    order = s.rng.random() < 0.5
    for k in range(count):
        on = (k % 2 == 0) == order
        s.mark("on" if on else "off")
        d = s.fact(2, 15)
        stop = f"At the {_ORDINALS[k // 2]} stop" if k < 6 else "Then"
        s.tell(f"{stop} {d.value} people get {'on' if on else 'off'}.")
        people = s.step(
            people, "+" if on else "-", d, f"Then there are @ people on the {kind}.", f"Now @ people are on the {kind}.",
            what=f"the people after {d.value} get {'on' if on else 'off'}",
        )  # fmt: skip
    if not pay:
        s.ask(f"How many people are on the {kind} now?", f"How many people are on the {kind} in the end?")
        return
    s.mark("pay")
    p = s.fact(2, 5)
    s.tell(
        f"At last everybody on the {kind} pays {p.value} dollars.",
        f"Then each person on the {kind} pays {p.value} dollars to {a.name}.",
    )
    s.step(
        people, "*", p, "They pay @ dollars.", "Together they pay @ dollars.", what="the dollars that all pay"
    )
    s.ask("How many dollars do they pay together?")


FAMILIES: tuple[Callable[[Story, int, Cast], None], ...] = (
    holdings, comparison, groups, shopping, selling, trips, ages, units, garden, saving, reading, teams, bus,
)  # fmt: skip

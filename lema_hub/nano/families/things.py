"""Stories of things: they come and go, are compared, put in boxes, and counted in other units."""

from __future__ import annotations

from lema_hub.nano.families.cast import Cast
from lema_hub.nano.program import Op, Operand, OutOfRange, Person, Story, constant

CONTAINERS = ("boxes", "bags", "baskets", "jars")


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

"""Stories of people: their ages, their teams, their bus."""

from __future__ import annotations

from lema_hub.nano.families.cast import ORDINALS, Cast
from lema_hub.nano.program import Op, Operand, Story


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
            f"{s.rng.choice(('Their teacher', 'Their coach'))} is {d.value} years younger "
            f"than {a.name} and {who.name} together."
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


def teams(s: Story, n: int, _cast: Cast) -> None:
    """A class, its teams, and what they get."""
    kind = s.rng.choice(("class", "club", "camp"))
    g = s.fact(4, 20)
    if n == 4:
        more = s.rng.random() < 0.5
        s.mark("more" if more else "fewer")
        d = s.fact(2, 9)
        s.tell(f"A {kind} has {g.value} girls and {d.value} {'more' if more else 'fewer'} boys than girls.")
        b = s.step(g, "+" if more else "-", d, "There are @ boys.", what="the number of boys")
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
        stop = f"At the {ORDINALS[k // 2]} stop" if k < 6 else "Then"
        s.tell(f"{stop} {d.value} people get {'on' if on else 'off'}.")
        people = s.step(
            people, "+" if on else "-", d,
            f"Then there are @ people on the {kind}.", f"Now @ people are on the {kind}.",
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

"""Stories of measures: ways, fences and pages."""

from __future__ import annotations

from lema_hub.nano.families.cast import ORDINALS, Cast
from lema_hub.nano.program import Story, constant


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
        what=f"the miles of the {ORDINALS[0]} part",
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
            w, "*", g, f"Then {a.she} {verb} @ miles.", what=f"the miles of the {ORDINALS[1]} part"
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
        constant(2, "a rectangle has every side 2 times", error_type="FC"),
        "The way around is @ feet.",
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

"""Stories of money: buying, selling and saving."""

from __future__ import annotations

from lema_hub.nano.families.cast import Cast
from lema_hub.nano.program import Story

GOODS = (
    ("cups", "a plate"),
    ("shirts", "a hat"),
    ("pencils", "a ruler"),
    ("candles", "a lamp"),
    ("tickets", "a drink"),
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
        "They bring @ dollars.",
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
        "The profit is @ dollars.",
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

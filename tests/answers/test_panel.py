from __future__ import annotations

from fractions import Fraction

import pytest

from lema_hub.answers import Item, judge_answer
from lema_hub.answers.panel import (
    convene,
    lema_formula,
    lema_number,
    lighteval,
    settled_cases,
    settlement_table,
    tally,
)

ITEMS = [
    Item("9 * 2 = 18. The answer is 18.", "18"),
    Item("9 * 2 = 18\nA: 18", "18"),  # LeMa reads only behind "The answer is"
    Item("The answer is \\frac{2}{4}.", "\\frac{1}{2}", "math"),  # the string differs, the number does not
    Item("(3,4)", "(3,4]", "math", bare=True),
    Item("no idea", "18"),
]


def test_every_grader_gives_an_opinion_of_every_item() -> None:
    rows = convene(ITEMS)
    assert [row.judgement.verdict for row in rows] == ["correct", "correct", "correct", "wrong", "unparsed"]
    assert rows[0].opinions == {
        "string": "correct",
        "lema": "correct",
        "lighteval": "correct",
        "math-verify": "correct",
    }
    assert rows[1].opinions["lema"] == "wrong"
    assert rows[2].opinions["string"] == "wrong"
    assert rows[2].opinions["math-verify"] == "correct"
    assert rows[3].opinions["math-verify"] == "wrong"
    assert rows[4].opinions == {"string": "none", "lema": "wrong", "lighteval": "none", "math-verify": "none"}
    assert tally(rows)["lema"] == {"agree": 3, "accepts_more": 0, "rejects_more": 2, "none": 0}


def test_settled_disagreements_become_cases() -> None:
    rows = convene(ITEMS)
    table = settlement_table(ITEMS, rows)
    assert len(table.splitlines()) == 2 + sum(row.disputed for row in rows)
    lines = table.splitlines()
    lines[2] = lines[2].removesuffix("|  |  |") + "| correct | the label of GSM8K |"
    [case] = settled_cases("\n".join(lines), ITEMS, source="gsm8k runs")
    assert case == {
        "pred": "18", "gold": "18", "style": "number", "same": True, "source": "gsm8k runs",
        "reason": "the label of GSM8K",
    }  # fmt: skip
    assert judge_answer(str(case["pred"]), str(case["gold"])).verdict == "correct"


def test_a_cell_cannot_break_the_table() -> None:
    items = [Item("a | b ``` \n <script>alert(1)</script> The answer is 3 | 4.", "5")]
    table = settlement_table(items, convene(items))
    assert all(line.replace("\\|", "").count("|") == 11 for line in table.splitlines())


@pytest.mark.parametrize(
    ("completion", "number"),
    [
        ("So it is 7. The answer is 7.", Fraction(7)),
        ("The answer is: $1,200.", Fraction(1200)),
        ("The answer is 3 + 4 = 7.", Fraction(7)),
        ("The answer is 1/2.", Fraction(1, 2)),
        ("The answer is 25%.", Fraction(25)),
        ("A: 7", Fraction(0)),
        ("The answer is __import__('os').getpid().", Fraction(0)),
        ("The answer is 9**9**9**9.", Fraction(0)),
        ("The answer is 3.\n\nQuestion: what?\nThe answer is 4.", Fraction(3)),
    ],
)
def test_lemas_rule_for_numbers(completion: str, number: Fraction) -> None:
    assert lema_number(completion) == number


@pytest.mark.parametrize(
    ("completion", "formula"),
    [
        ("so $\\boxed{\\dfrac12}$", "\\frac{1}{2}"),
        ("The answer is $x=5$.", "5"),
        ("The answer is 3/4.", "\\frac{3}{4}"),
        ("The answer is \\sqrt3.", "\\sqrt{3}"),
        ("The answer is 0.5.", "\\frac{1}{2}"),
        ("The answer is 90^\\circ.", "90"),
        ("nothing", ""),
    ],
)
def test_lemas_rule_for_formulas(completion: str, formula: str) -> None:
    assert lema_formula(completion) == formula


def test_lightevals_rule_rounds_to_six_decimals() -> None:
    assert lighteval(Item("The final answer is 0.3333333. I hope", "1/3")) == "correct"
    assert lighteval(Item("The final answer is 0.33. I hope", "1/3")) == "wrong"
    assert lighteval(Item("Answer: 1,000 eggs", "1000")) == "correct"

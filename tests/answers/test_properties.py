"""What must hold for every input, found by hypothesis."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lema_hub.answers import Item, answer_classes, equivalent, judge, judge_answer, judge_many
from lema_hub.records import VERDICTS

STYLES = st.sampled_from(["number", "math", "choice", "text"])
PIECES = st.sampled_from(
    ["\\frac", "\\sqrt", "{", "}", "(", ")", "[", "]", "1", "2", "13", "0.5", "x", "y", "+", "-", "*", "/",
    "^", "_", ",", "=", "<", " ",
     "\\pi", "\\pm", "%", "$", "\\le", "\\cup", "\\infty", "\\text{cm}", "!", "|", "and", "\\boxed{",
     "\\begin{pmatrix}", "&", "\\\\",
     "\\end{pmatrix}", "The answer is ", "####", ".", "\n", "\\sin", "\\{", "\\}", "i", "e", ":", "\x00",
     "\ud800", "\u200f", "９"]
)  # fmt: skip
LATEX = st.lists(PIECES, max_size=14).map("".join)
ANY_TEXT = st.one_of(LATEX, st.text(st.characters(), max_size=40))

NUMBERS = st.one_of(
    st.integers(-(10**30), 10**30).map(str),
    st.decimals(-(10**6), 10**6, places=3, allow_nan=False).map(str),
    st.tuples(st.integers(-99, 99), st.integers(1, 99)).map(lambda p: f"\\frac{{{p[0]}}}{{{p[1]}}}"),
    st.tuples(st.integers(1, 30), st.integers(1, 30)).map(lambda p: f"{p[0]}\\sqrt{{{p[1]}}}"),
    st.tuples(st.integers(-9, 9), st.integers(-9, 9)).map(lambda p: f"({p[0]}, {p[1]})"),
    st.tuples(st.integers(-9, 9), st.integers(1, 9)).map(lambda p: f"[{p[0]}, {p[0] + p[1]})"),
    st.tuples(st.integers(2, 9), st.integers(-9, 9)).map(lambda p: f"{p[0]}x^2 + {p[1]}"),
)
SETTINGS = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


@given(ANY_TEXT, ANY_TEXT, STYLES, st.sampled_from([None, "stop", "length"]))
@SETTINGS
def test_the_judge_never_raises_and_always_has_a_verdict(
    output: str, gold: str, style: str, finish: str | None
) -> None:
    judgement = judge(output, gold, style=style, finish_reason=finish)  # type: ignore[arg-type]
    assert judgement.verdict in VERDICTS
    assert judgement.reason
    assert (judgement.extracted is None) == (judgement.verdict in ("unparsed", "truncated"))


@given(ANY_TEXT, STYLES)
@SETTINGS
def test_an_answer_equals_itself(text: str, style: str) -> None:
    verdict = judge_answer(text, text, style=style).verdict  # type: ignore[arg-type]
    assert verdict == ("correct" if text.strip() else "unparsed")


@given(NUMBERS, NUMBERS)
@SETTINGS
def test_equality_of_numbers_points_and_polynomials_is_symmetric(a: str, b: str) -> None:
    assert judge_answer(a, b, style="math").verdict == judge_answer(b, a, style="math").verdict


@given(st.integers(-(10**40), 10**40), st.integers(-(10**40), 10**40))
@SETTINGS
def test_integers_are_equal_only_if_they_are(a: int, b: int) -> None:
    assert (judge_answer(str(a), str(b)).verdict == "correct") == (a == b)
    assert judge_answer(f"{a:,}", str(a)).verdict == "correct"
    assert judge_answer(f"\\frac{{{2 * a}}}{{2}}", str(a), style="math").verdict == "correct"
    assert judge_answer(str(a + 1), str(a), style="math").verdict == "wrong"


@given(st.lists(NUMBERS, min_size=1, max_size=6))
@SETTINGS
def test_answer_classes_are_a_partition_by_equivalence(answers: list[str]) -> None:
    classes = answer_classes(answers, style="math")
    assert sorted(index for members in classes for index in members) == list(range(len(answers)))
    for members in classes:
        assert all(equivalent(answers[members[0]], answers[index], style="math") for index in members)


def test_a_verdict_does_not_depend_on_the_process(tmp_path: Path) -> None:
    cases = [
        json.loads(line)
        for line in (Path(__file__).parents[1] / "cases/answers.jsonl").read_text("utf-8").splitlines()
    ]
    items = [Item(case["pred"], case["gold"], "math", bare=True) for case in cases[::7]]
    script = (
        "import json, sys\n"
        "from lema_hub.answers import Item, judge_many\n"
        "rows = [Item(p, g, 'math', bare=True) for p, g in json.load(sys.stdin)]\n"
        "json.dump([j.verdict for j in judge_many(rows)], sys.stdout)\n"
    )
    for seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", script],
            input=json.dumps([(item.output, item.gold) for item in items]),
            capture_output=True,
            text=True,
            check=True,
            env={
                "PYTHONHASHSEED": seed,
                "PATH": "/usr/bin:/bin",
                "PYTHONPATH": str(Path(__file__).parents[2]),
            },
        )
        assert json.loads(run.stdout) == [judgement.verdict for judgement in judge_many(items)]

"""Nothing that a model writes is executed, and nothing makes the judge hang."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from lema_hub.answers import judge, judge_answer

BIG = (
    "\\begin{pmatrix}"
    + "\\\\".join("&".join(str(30 * i + j) for j in range(30)) for i in range(30))
    + "\\end{pmatrix}"
)


def full_width(text: str) -> str:
    """The text in full-width letters, which Python's `eval` takes for the ordinary ones."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def code_that_would_write(path: Path) -> list[str]:
    plain = f"open({str(path)!r}, 'w').write('x')"
    return [
        plain,
        full_width(plain),
        f"(lambda: {plain})()",
        f"__import__('os').system('touch {path}')",
        f"[c for c in ().__class__.__base__.__subclasses__()] and {plain}",
        f"\\text{{{plain}}}",
        f"5 + {plain}",
        f"\\frac{{{plain}}}{{1}}",
        f'sympify("{plain}")',
        f'exec("{plain}")',
        f"\\input{{{path}}}",
        f"\\write18{{touch {path}}}",
    ]


@pytest.mark.parametrize("style", ["number", "math", "choice", "text"])
def test_code_is_never_executed(tmp_path: Path, style: str) -> None:
    target = tmp_path / "pwned"
    for code in code_that_would_write(target):
        for output in (code, f"The answer is {code}", f"$\\boxed{{{code}}}$", f"#### {code}"):
            assert judge(output, "5", style=style).verdict != "correct"  # type: ignore[arg-type]
            judge_answer("5", output, style=style)  # type: ignore[arg-type]
    assert not target.exists()


PATHOLOGICAL = [
    "9**9**9**9", "9^{9^{9^{9^9}}}", "100000000!", "((((9!)!)!)!)!", "(" * 2000 + "1" + ")" * 2000, "(" * 2000,
    "{" * 2000 + "1" + "}" * 2000,
    "1" * 10_000, "9" * 5000 + "!", "x" * 10_000, "1+" * 5000 + "1", "\\frac{1}{" * 500 + "2" + "}" * 500,
    "\\sqrt{" * 300 + "2" + "}" * 300,
    "-" * 10_000 + "1", "2^" * 3000 + "2", "(x+1)^{100000}", "(a+b+c+d+e)^{60}",
    "\\boxed{" * 1000 + "1" + "}" * 1000, "\\boxed{" * 1000, BIG,
    "[" * 1000, "\x00", "5\x00", "\ud800", "\u202e5\u202c", "NaN", "inf", "1e999999999", "1/0", "0^0",
    "\\infty - \\infty", "7^{1/999999999999}",
    "\\binom{10^9}{5 \\cdot 10^8}", "\\sum_{n=1}^{10^{9}} \\frac{1}{n}", "\\prod_{k=1}^{10^9} k",
    "x^{x^{x^{x}}}", "The answer is " * 2000,
    "#### " * 5000, "A: " * 5000, "$" * 10_000, "\\" * 10_000, "1," * 5000, "=" * 3000, "\\pm 1" * 40,
    "\\cup (1,2)" * 500, "\n" * 10_000,
    "(lambda f: f(f))(lambda f: f(f))", "().__class__.__bases__[0].__subclasses__()", "𝟏𝟐", "٣", "10^{-400}",
    "\\begin{pmatrix}" * 300,
]  # fmt: skip


@pytest.mark.parametrize("style", ["number", "math"])
def test_pathological_answers_get_a_verdict_soon(style: str) -> None:
    judge_answer("\\int_0^1 x", "1", style="math")  # the worker's start is not what is looked at here
    slow = []
    for text in PATHOLOGICAL:
        for output, gold in ((text, "7"), (f"so $\\boxed{{{text}}}$", "\\frac{3}{4}")):
            begin = time.monotonic()
            judgement = judge(output, gold, style=style)  # type: ignore[arg-type]
            if (
                time.monotonic() - begin > 5
            ):  # the bound of a second is measured in bench/; here: it does not hang
                slow.append(text[:40])
            assert judgement.verdict != "correct", (text[:40], gold, judgement.reason)
    assert not slow


def test_a_30_by_30_matrix_is_compared_entry_by_entry() -> None:
    other = BIG.replace("pmatrix", "bmatrix").replace("&", " & ")
    assert judge_answer(other, BIG, style="math").verdict == "correct"
    assert judge_answer(other.replace("899", "898"), BIG, style="math").verdict == "wrong"


def test_2000_parentheses_do_not_hide_the_number() -> None:
    assert judge_answer("(" * 2000 + "7" + ")" * 2000, "7", style="math").verdict == "correct"


def test_marks_of_direction_and_width_do_not_count() -> None:
    for text in ("\u200f7", "7\u202c", "\u202e7\u202c", "\ufeff7", "7\u200b", "７", "7\x00"):
        assert judge_answer(text, "7", style="math").verdict == "correct", text


def test_lone_surrogates_are_only_text() -> None:
    assert judge("The answer is 7 \ud83d", "7").verdict == "correct"
    assert judge_answer("\udfff", "7", style="math").verdict == "wrong"


def test_the_judge_imports_neither_sympy_nor_math_verify() -> None:
    import subprocess

    script = (
        "import sys; from lema_hub.answers import judge; judge('The answer is 3.', '3'); "
        "heavy = {'sympy', 'math_verify', 'mpmath', 'torch', 'numpy', 'pyarrow', 'datasets'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])

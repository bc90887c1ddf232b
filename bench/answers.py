"""The judge's figures beside math-verify's, in one run: accuracy, false accepts, speed, pathological input.

`python bench/answers.py [--json]`. Rewritings and near misses are made at run time from the golds of MATH-500
and of MATH's test set in `../shared/data` (`answer_cases/rewritings.py`); without that folder only the speed
on made-up numbers and the pathological inputs are measured. CPU seconds are user + system of this process
and of its workers, without the half second that starts a worker (nor math-verify's import).
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from answer_cases.rewritings import variants

from lema_hub.answers import gold_answer, judge, judge_answer
from lema_hub.answers.mathematics.algebra import pool

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
PATHOLOGICAL = {
    "tower of powers": "9**9**9**9",
    "tower in LaTeX": "9^{9^{9^{9^9}}}",
    "factorial": "100000000!",
    "factorials": "((((9!)!)!)!)!",
    "2,000 parentheses": "(" * 2000 + "1" + ")" * 2000,
    "2,000 open parentheses": "(" * 2000,
    "10,000 digits": "1" * 10_000,
    "10,000 letters": "x" * 10_000,
    "10,000 terms": "1+" * 5000 + "1",
    "nested fractions": "\\frac{1}{" * 500 + "2" + "}" * 500,
    "large power of a sum": "(a+b+c+d+e)^{60}",
    "30x30 matrix": "\\begin{pmatrix}"
    + "\\\\".join("&".join(str(30 * i + j) for j in range(30)) for i in range(30))
    + "\\end{pmatrix}",
    "full-width code": "".join(chr(ord(c) + 0xFEE0) for c in "__import__('os').getpid()"),
    "lambda": "(lambda f: f(f))(lambda f: f(f))",
    "dunders": "().__class__.__bases__[0].__subclasses__()",
    "NUL bytes": "5\x00" * 100,
    "lone surrogates": "\ud800" * 10,
    "right-to-left marks": "\u202e7\u202c",
    "huge exponent": "1e999999999",
    "huge root": "7^{1/999999999999}",
    "huge binomial": "\\binom{10^9}{5 \\cdot 10^8}",
    "huge product": "\\prod_{k=1}^{10^9} k",
    "huge sum": "\\sum_{n=1}^{10^9} \\frac{1}{n}",
    "10,000 line breaks": "\n" * 10_000 + "7",
    "many markers": "The answer is " * 2000,
}


def cpu() -> float:
    """CPU seconds of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def worker_cpu() -> float:
    """CPU seconds of the running algebra workers and their children."""
    ticks = 0
    for pid in pool.pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            ticks += sum(map(int, Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[11:13]))
    return ticks / 100


def rate(run: Callable[[str, str], object], pairs: Iterable[tuple[str, str]]) -> float:
    """Calls per CPU-second, workers included."""
    pairs = list(pairs)
    begin = cpu() + worker_cpu()
    for pred, gold in pairs:
        run(pred, gold)
    return len(pairs) / max(1e-9, cpu() + worker_cpu() - begin)


def math_verify_in_this_process() -> Callable[[str, str], bool] | None:
    """math-verify with its defaults, called directly (its own timeouts), or None if it is not installed."""
    try:
        from math_verify import parse, verify
    except ImportError:
        return None
    logging.disable(logging.CRITICAL)

    def run(pred: str, gold: str) -> bool:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it cannot parse
            return bool(verify(parse(f"${gold}$"), parse(f"${pred}$")))

    return run


def accuracy(golds: list[str], run: Callable[[str, str], bool]) -> dict[str, Any]:
    """Accuracy, false accepts and speed on the variants of the golds."""
    cases = [(variant, gold) for gold in golds for variant in variants(gold)]
    begin, slowest = cpu() + worker_cpu(), 0.0
    counts: Counter[tuple[bool, bool]] = Counter()
    for variant, gold in cases:
        start = time.monotonic()
        counts[variant.same, run(variant.text, gold)] += 1
        slowest = max(slowest, time.monotonic() - start)
    seconds = cpu() + worker_cpu() - begin
    near = counts[False, True] + counts[False, False]
    return {
        "rewritings": len(cases) - near,
        "near_misses": near,
        "accuracy": round((counts[True, True] + counts[False, False]) / len(cases), 4),
        "near_misses_accepted": round(counts[False, True] / near, 4),
        "calls_per_cpu_second": round(len(cases) / seconds),
        "slowest_s": round(slowest, 3),
    }


def load(name: str) -> list[dict[str, Any]]:
    """Rows of a JSONL file of the shared data."""
    return [json.loads(line) for line in (DATA / name).read_text("utf-8").splitlines()]


def main() -> None:
    """Measure everything and print it."""
    judge_answer("\\int_0^1 x", "1", style="math")  # starts a worker
    report: dict[str, Any] = {}
    dice = random.Random(0)
    numbers = [(f"{dice.randint(0, 10**6):,}", str(dice.randint(0, 10**6))) for _ in range(50_000)]
    sentences = [(f"9 * 2 = 18 of them.\nThe answer is {a}.", b) for a, b in numbers[:20_000]]
    report["plain numbers, calls per CPU-second"] = round(rate(judge_answer, numbers))
    report["plain numbers in a sentence, calls per CPU-second"] = round(rate(judge, sentences))
    peer = math_verify_in_this_process()

    def ours(pred: str, gold: str) -> bool:
        return judge_answer(pred, gold, style="math").verdict == "correct"

    if DATA.is_dir():
        solutions = [
            (value["solution"], gold_answer(row["ground_truth"]), value["is_correct"])
            for row in load("gsm8k/example_model_solutions.jsonl")
            for value in row.values()
            if isinstance(value, dict)
        ]
        agreed = sum((judge(text, gold).verdict == "correct") == right for text, gold, right in solutions)
        report["GSM8K solutions with the recorded verdict"] = f"{agreed} of {len(solutions)}"
        golds = list(dict.fromkeys(row["answer"] for row in load("math/math500.jsonl")))
        report["MATH-500 variants, ours"] = accuracy(golds, ours)
        if peer is not None:
            report["MATH-500 variants, math-verify"] = accuracy(golds[::4], peer)
        seen = set(golds)
        unseen = [
            row["answer"] for row in load("math/test.jsonl") if row["answer"] and row["answer"] not in seen
        ]
        report["other MATH test golds' variants, ours"] = accuracy(list(dict.fromkeys(unseen)), ours)
        mix = [
            (row["pred"], row["gold"])
            for row in load("model_outputs/rho-math-1b_math500.jsonl")
            if row["pred"]
        ]
        report["MATH mix (rho-math-1b), calls per CPU-second"] = {"ours": round(rate(ours, mix))}
        if peer is not None:
            theirs = rate(peer, mix[:200])
            entry = report["MATH mix (rho-math-1b), calls per CPU-second"]
            entry |= {"math-verify": round(theirs), "ratio": round(entry["ours"] / theirs, 1)}
    else:
        report["skipped"] = "no ../shared/data beside this checkout: accuracy on MATH and GSM8K not measured"
    times: dict[str, float] = {}
    for name, text in PATHOLOGICAL.items():
        for output in (text, f"so $\\boxed{{{text}}}$"):
            start = time.monotonic()
            judge(output, "\\frac{3}{4}", style="math")
            times[name] = max(times.get(name, 0.0), round(time.monotonic() - start, 3))
    report["pathological inputs"] = {
        "n": len(times),
        "slowest_s": max(times.values()),
        "over_1_s": [n for n, s in times.items() if s > 1],
    }
    if "--json" in sys.argv:
        print(json.dumps(report))
        return
    for name, value in report.items():
        shown = (
            ", ".join(f"{key} {item}" for key, item in value.items()) if isinstance(value, dict) else value
        )
        print(f"{name}: {shown}")


if __name__ == "__main__":
    main()

"""How fast the nano world is: problems, checks, injections and corrections a second, and how many structures repeat.

python bench/nano.py [--problems 3000]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from random import Random

from lema_hub import nano
from lema_hub.nano import INJECTABLE, NanoProblem
from lema_hub.nano.problems import SPLITS


def measure(name: str, items: list[NanoProblem], work: Callable[[NanoProblem], object]) -> None:
    """Prints how many items a second of CPU time does."""
    began = time.process_time()
    for made in items:
        work(made)
    print(f"{name:<24}{len(items) / (time.process_time() - began):>10,.0f} a second")


def main() -> None:
    """Measures each part of the nano world on the same problems."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problems", type=int, default=3000)
    n = parser.parse_args().problems
    nano.generate("train", 10)
    began = time.process_time()
    problems = nano.generate("train", n)
    print(f"{'generate (train)':<24}{n / (time.process_time() - began):>10,.0f} a second")
    began = time.process_time()
    nano.generate("test", n // 10)
    print(f"{'generate (test)':<24}{n // 10 / (time.process_time() - began):>10,.0f} a second")

    rng = Random(0)
    right = {made.problem.problem_id: nano.solve(made, rng) for made in problems}
    wrong = {made.problem.problem_id: nano.inject_any(made, rng)[1] for made in problems}
    measure("solve", problems, lambda made: nano.solve(made, rng))
    measure("check (right)", problems, lambda made: nano.check(made, right[made.problem.problem_id]))
    measure("check (wrong)", problems, lambda made: nano.check(made, wrong[made.problem.problem_id]))
    measure("inject_any", problems, lambda made: nano.inject_any(made, rng))
    measure("correct", problems, lambda made: nano.correct(made, wrong[made.problem.problem_id], rng))

    print("\nshare of problems with room for an error of a type")
    for kind in INJECTABLE:
        room = sum(nano.inject(made, kind, rng) is not None for made in problems[: n // 5])
        print(f"  {kind} {room / (n // 5):>6.1%}")
    print("\ndistinct (structure, numbers) among the first problems of a split")
    for split in SPLITS:
        made = nano.generate(split, n)
        print(f"  {split:<6}{len({(one.template, one.facts) for one in made}) / n:>6.1%} of {n:,}")


if __name__ == "__main__":
    main()

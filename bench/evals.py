"""What scoring costs beside generation: LightEval's start, its pipeline with our judge, paired comparisons, a report.

    OMP_NUM_THREADS=1 python bench/evals.py [--items 1000]

The engine answers at once with a worked solution, right for two items in three, so that all the time is that of
LightEval, the judge and the files.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np

from lema_hub import nano
from lema_hub.engines import Request, Response
from lema_hub.evals import score
from lema_hub.evals.report import make_report
from lema_hub.evals.report_files import write_report
from lema_hub.stats import compare_outcomes
from lema_hub.steps import join_steps


class Instant:
    """Solves nano problems from their programs."""

    name = "exact"
    revision = None

    def __init__(self, model: str, share: float) -> None:
        self.model = model
        rng = Random(model)
        self._answers = {}
        for made in nano.generate("test", 1000):
            steps = list(nano.solve(made, rng))
            if rng.random() > share:
                steps[-1] = "The answer is 0."
            self._answers[made.problem.question] = join_steps(steps)

    def cost_bound(self, request: Request) -> float:  # noqa: ARG002 - the protocol's signature
        return 0.0

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Response]]:
        for position, request in enumerate(requests):
            question = request.prompt.split("Question: ")[1].rsplit("\nAnswer:")[0]
            yield (
                position,
                Response(
                    text=self._answers[question], finish_reason="stop", prompt_tokens=1, completion_tokens=1
                ),
            )


@contextmanager
def timed(name: str, items: int | None = None) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    cpu = time.process_time() - cpu
    rate = f", {items / cpu:,.0f} items per CPU second" if items else ""
    print(f"{name}: {cpu:.2f} s of CPU, {time.perf_counter() - wall:.2f} s{rate}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=1000)
    items = parser.parse_args().items
    with tempfile.TemporaryDirectory() as folder:
        runs = [Path(folder) / name for name in ("start", "a", "b")]
        with timed("first evaluation of 1 item: LightEval starts"):
            score(Instant("start", 0.6), tasks=["nano"], out=runs[0], limit=1)
        with timed("evaluation", items):
            score(Instant("a", 0.6), tasks=["nano"], out=runs[1], limit=items)
        with timed("evaluation found in its folder"):
            score(Instant("a", 0.6), tasks=["nano"], out=runs[1], limit=items)
        score(Instant("b", 0.7), tasks=["nano"], out=runs[2], limit=items)
        with timed("report of two runs"):
            write_report(make_report(runs[1:]), Path(folder) / "report")
    rng = np.random.default_rng(0)
    for n, seeds in ((1319, 1), (5000, 1), (5000, 5)):
        a, b = ({str(i): k / seeds for i, k in enumerate(rng.binomial(seeds, p, n))} for p in (0.5, 0.52))
        with timed(f"paired comparison of {n:,} items, {seeds} seed(s)", n):
            compare_outcomes(a, b)


if __name__ == "__main__":
    main()

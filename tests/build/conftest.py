"""Nano problems with injected mistakes, and an engine that says what a test tells it to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random

import pytest

from lema_hub import nano
from lema_hub.build.mistakes import judged_path
from lema_hub.engines import Failure, Ledger, Request, Response
from lema_hub.records import Problem, ReasoningPath
from lema_hub.steps import join_steps


class Scripted:
    """Answers each request with `answer(request)`; a `Failure` is passed on."""

    name = "scripted"
    revision = None

    def __init__(self, answer: Callable[[Request], str | Failure], *, model: str = "scripted-1") -> None:
        self.answer, self.model = answer, model
        self.sent = 0
        self.finish_reason = "stop"

    def cost_bound(self, request: Request) -> float:
        return 0.0

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Response | Failure]]:
        for position, request in enumerate(requests):
            self.sent += 1
            answer = self.answer(request)
            if isinstance(answer, Failure):
                yield position, answer
            else:
                yield (
                    position,
                    Response(
                        text=answer, finish_reason=self.finish_reason, prompt_tokens=5, completion_tokens=7
                    ),
                )


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened


@pytest.fixture(scope="session")
def mistaken() -> tuple[list[Problem], list[ReasoningPath]]:
    """120 training and 12 dev problems, each with one wrong path whose error is known."""
    made = [*nano.generate("train", 120), *nano.generate("dev", 12)]
    paths = []
    for number, problem in enumerate(made):
        _, steps = nano.inject_any(problem, Random(number))
        paths.append(judged_path(problem.problem, join_steps(steps), model="injector", origin="injected"))
    return [problem.problem for problem in made], paths

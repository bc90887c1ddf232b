"""Nano problems with injected mistakes, and an engine that says what a test tells it to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from lema_hub import nano, tasks
from lema_hub.artifacts.manifest import Kind
from lema_hub.builders import build_corrections, build_cot, collect_paths, write_dataset
from lema_hub.builders.built import Built
from lema_hub.builders.contamination import decontaminate
from lema_hub.builders.mistakes import STOP, judged_path
from lema_hub.engines import Failure, Ledger, Request, Response, Sampling
from lema_hub.engines.choose import Source, choose
from lema_hub.engines.exact import ExactEngine
from lema_hub.records import Problem, ReasoningPath
from lema_hub.steps import join_steps
from lema_hub.tasks.held_out import load_held_out

if TYPE_CHECKING:
    from lema_hub.localhub import LocalHub


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
def at_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LocalHub]:
    """An empty Hub as what HF_ENDPOINT and HF_TOKEN name; the client reads the former once, at import."""
    from huggingface_hub import constants

    from lema_hub.localhub import LocalHub

    with LocalHub(tmp_path / "hub", port=0) as hub:
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, hub.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
        monkeypatch.setenv("HF_TOKEN", hub.token)
        yield hub


@pytest.fixture(scope="session")
def sources(
    mistaken: tuple[list[Problem], list[ReasoningPath]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A folder of corrections (120 train, 12 dev) and one of CoT rows: annotated ones, and sampled ones for half."""
    problems, paths = mistaken
    folder = tmp_path_factory.mktemp("sources")
    with Ledger(folder / "ledger.sqlite") as ledger:
        corrections = build_corrections(problems, paths, ExactEngine(), ledger)
    right = [
        replace(
            path,
            path_id=f"{path.path_id[:-1]}r",
            text=row.correct_solution,
            verdict="correct",
            origin="on_policy",
        )
        for path, row in list(zip(paths, corrections.rows, strict=True))[::2]
    ]
    built: dict[Kind, Built[Any]] = {"corrections": corrections, "cot": build_cot(problems, right)}
    held_out = load_held_out("nano")
    for name, rows in built.items():
        kept, record = decontaminate(rows, *held_out)
        assert kept.rows == rows.rows
        write_dataset(
            folder / name,
            kept,
            kind=name,
            task="nano",
            command=f"lema build {name}",
            inputs=(),
            contamination=record,
        )
    return folder / "corrections", folder / "cot"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened


@dataclass(frozen=True)
class Sampled:
    """Nano problems, the real student's judged paths of them, and what the sampling took."""

    problems: list[Problem]
    paths: Built[ReasoningPath]


@pytest.fixture(scope="session")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> Sampled:
    """240 training problems with two paths each by the nano backbone, at the settings of the shipped recipe."""
    problems = tasks.load_problems("nano", "train", limit=240)
    sampling = Sampling(temperature=0.7, max_tokens=160, stop=STOP, seed=0)
    with Ledger(tmp_path_factory.mktemp("sampled") / "ledger.sqlite") as opened:
        engine = choose(Source(engine="transformers", model="nano"), batch_size=128)
        return Sampled(problems, collect_paths(problems, engine, opened, paths=2, sampling=sampling))


@pytest.fixture(scope="session")
def mistaken() -> tuple[list[Problem], list[ReasoningPath]]:
    """120 training and 12 dev problems, each with one wrong path whose error is known."""
    made = [*nano.generate("train", 120), *nano.generate("dev", 12)]
    paths = []
    for number, problem in enumerate(made):
        _, steps = nano.inject_any(problem, Random(number))
        paths.append(judged_path(problem.problem, join_steps(steps), model="injector", origin="injected"))
    return [problem.problem for problem in made], paths

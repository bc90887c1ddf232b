"""Nano problems: drawn from the families, told in English, deterministic from their id.

A problem's id says how to make it again: `nano/test/s3-17` is problem 17 of the stream of 3-step test
problems. Its split is a hash of (template, facts): the same structure with the same numbers never stands in
two splits, whatever the wording, the names or the distractor.

    >>> problem = load("nano/test/s3-17")
    >>> problem == load("nano/test/s3-17")
    True
    >>> len(problem.steps)
    3
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from random import Random
from typing import Literal

from lema_hub.errors import InputError
from lema_hub.nano.families import FAMILIES, ITEMS, PEOPLE, Cast
from lema_hub.nano.program import SMALLEST, Misreading, OutOfRange, Step, Story
from lema_hub.records import Evolution, Problem, digest
from lema_hub.steps import join_steps

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")
STEPS = (2, 3, 4)
REVISION = "1"
"""The generator's version: it changes whenever an id would give another problem."""

LICENSE = "apache-2.0"
SOURCE = "lema_hub.nano"
_ID = re.compile(r"nano/(?P<split>train|dev|test)/s(?P<steps>[1-4])-(?P<index>0|[1-9][0-9]{0,11})")
_EVOLVED = re.compile(r"(?P<seed>.+)~(?P<evolution>deeper|rarer)-(?P<draw>0|[1-9][0-9]{0,5})")
_EVOLVED_FROM = 10**10
"""Evolved problems are drawn from positions that neither builders nor the backbone's training come to."""

_DISTRACTED = 1 / 3
_POINTS_BACK = re.compile(r"\b(s?he|her|him|them|it|their)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NanoProblem:
    """A problem with its program.

    Attributes:
        problem: The record that builders and evaluators use.
        template: The structure's name; with `facts` it decides the split.
        facts: The numbers of the question that matter, in order of the operands' `index`.
        distractors: Numbers of the question that do not matter.
        steps: The program; the last value is the answer.
        misreadings: Steps that a misread question would lead to.
    """

    problem: Problem
    template: str
    facts: tuple[int, ...]
    distractors: tuple[int, ...]
    steps: tuple[Step, ...]
    misreadings: tuple[Misreading, ...]


def generate(split: Split, n: int, *, start: int = 0, steps: Sequence[int] = STEPS) -> list[NanoProblem]:
    """`n` problems of a split from position `start` on, the numbers of steps taking turns.

    Raises:
        InputError: An unknown split or number of steps.
    """
    return list(islice(stream(split, start=start, steps=steps), n))


def stream(split: Split, *, start: int = 0, steps: Sequence[int] = STEPS) -> Iterator[NanoProblem]:
    """The endless stream behind `generate`."""
    if split not in SPLITS or not steps or any(k not in (1, 2, 3, 4) for k in steps):
        raise InputError(
            f"no nano problems for split={split!r}, steps={tuple(steps)}; "
            f"splits: {', '.join(SPLITS)}, steps: 1 to 4"
        )
    for position in count(start):
        yield _make(split, steps[position % len(steps)], position // len(steps))


def load(problem_id: str) -> NanoProblem:
    """The problem with that id, made again.

    Raises:
        InputError: The id is not of the form `nano/<split>/s<steps>-<index>`.
    """
    evolved = _EVOLVED.fullmatch(problem_id)
    if evolved is not None:
        return evolve(load(evolved["seed"]), evolved["evolution"], int(evolved["draw"]))  # type: ignore[arg-type]
    match = _ID.fullmatch(problem_id)
    if match is None:
        raise InputError(f"{problem_id!r} is not the id of a nano problem; expected e.g. 'nano/train/s3-17'")
    return _make(match["split"], int(match["steps"]), int(match["index"]))  # type: ignore[arg-type]


def evolve(seed: NanoProblem, evolution: Evolution, draw: int) -> NanoProblem:
    """A problem made of another one, on the same side.

    `deeper` tells a story of the same family with one step more, `rarer` one of another family with as many
    steps. The id says how to make it again:

    >>> evolve(load("nano/train/s3-17"), "deeper", 0) == load("nano/train/s3-17~deeper-0")
    True

    Args:
        seed: The problem to start from.
        evolution: `deeper` or `rarer`.
        draw: Numbers the problems that are made of one seed in this way.

    Raises:
        InputError: The evolution is another one, or no story of the seed's family is that long.
    """
    steps = len(seed.steps) + (evolution == "deeper")
    if evolution not in ("deeper", "rarer") or steps > max(STEPS):
        raise InputError(
            f"{seed.problem.problem_id} has {len(seed.steps)} steps and cannot be made {evolution!r}; the nano "
            f"world has 'deeper', up to {max(STEPS)} steps, and 'rarer'"
        )
    start = int(digest(seed.problem.problem_id, evolution, draw)[:8], 16) % 10**8
    drawn = (_make(seed.problem.split, steps, index) for index in count(_EVOLVED_FROM + 1000 * start))  # type: ignore[arg-type]
    made = next(
        made for made in drawn if (made.problem.subject == seed.problem.subject) == (evolution == "deeper")
    )
    problem_id = f"{seed.problem.problem_id}~{evolution}-{draw}"
    return replace(made, problem=replace(made.problem, problem_id=problem_id))


def solve(problem: NanoProblem, rng: Random) -> tuple[str, ...]:
    """A right solution as steps, `The answer is ...` last, each step in one of its wordings."""
    steps = [say(step, rng) for step in problem.steps]
    return (*steps, f"The answer is {problem.problem.answer}.")


def say(step: Step, rng: Random) -> str:
    """One wording of a step."""
    return rng.choice(step.says).replace("@", f"{step.x.value} {step.op} {step.y.value} = {step.value}")


def split_of(template: str, facts: Sequence[int]) -> Split:
    """The split that owns a structure with these numbers: 80 % train, 10 % dev, 10 % test."""
    bucket = (
        hashlib.blake2b(f"{template}:{','.join(map(str, facts))}".encode(), digest_size=4).digest()[0] % 10
    )
    return "test" if bucket == 0 else "dev" if bucket == 1 else "train"


def _make(split: Split, n: int, index: int) -> NanoProblem:
    rng = Random(f"nano-{REVISION}:{split}:{n}:{index}")
    while True:
        story = Story("", rng)
        family = rng.choice(FAMILIES)
        story.template = f"{family.__name__}{n}"
        a, b, c = rng.sample(PEOPLE, 3)
        items, others = rng.sample(ITEMS, 2)
        cast = Cast(a, b, c, items, others)
        try:
            family(story, n, cast)
        except OutOfRange:
            continue
        if split_of(story.template, story.facts) == split:
            return _told(story, cast, split, n, index)


def _told(story: Story, cast: Cast, split: Split, n: int, index: int) -> NanoProblem:
    distractors: tuple[int, ...] = ()
    sentences = list(story.sentences)
    if story.rng.random() < _DISTRACTED:
        number = story.rng.randint(SMALLEST, 30)
        distractors = (number,)
        # Not before a sentence whose pronoun would then point at the distractor.
        places = [k for k in range(len(sentences)) if not _POINTS_BACK.search(sentences[k])]
        sentences.insert(story.rng.choice([*places, len(sentences)]), _distractor(number, cast, story.rng))
    answer = str(story.steps[-1].value)
    rng = Random(index)
    problem = Problem(
        problem_id=f"nano/{split}/s{n}-{index}",
        task="nano",
        split=split,
        question=" ".join([*sentences, story.question]),
        answer=answer,
        gold_solution=join_steps((*(say(step, rng) for step in story.steps), f"The answer is {answer}.")),
        level=str(n),
        subject=story.template.partition(".")[0].rstrip("1234"),
        source_repo=SOURCE,
        source_revision=REVISION,
        license=LICENSE,
    )
    return NanoProblem(
        problem, story.template, tuple(story.facts), distractors, tuple(story.steps), tuple(story.misreadings)
    )


def _distractor(number: int, cast: Cast, rng: Random) -> str:
    return rng.choice(
        (
            f"{cast.c.name} has {number} {cast.others}.",
            f"{cast.a.name} is in room {number}.",
            f"The shop is {number} miles away.",
            f"All this takes {number} minutes.",
            f"The house of {cast.a.name} has number {number}.",
        )
    )

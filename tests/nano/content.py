"""What a nano problem gives its readers, as one digest: words, numbers, programs and solutions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from random import Random

from lema_hub import nano
from lema_hub.nano import NanoProblem
from lema_hub.nano.program import Misreading, Operand, Step


def _operand(operand: Operand) -> tuple[object, ...]:
    return operand.kind, operand.value, operand.index, operand.note


def _step(step: Step | Misreading) -> tuple[object, ...]:
    own = (step.value, step.what) if isinstance(step, Step) else (step.at, step.error_type, step.why)
    return step.op, _operand(step.x), _operand(step.y), step.says, own


def digest(problems: Iterable[NanoProblem]) -> str:
    """The SHA-256 of all that a change of the generator could change."""
    sha = hashlib.sha256()
    for made in problems:
        content = (
            made.problem.to_row(), made.template, made.facts, made.distractors,
            [_step(step) for step in made.steps], [_step(misreading) for misreading in made.misreadings],
            nano.solve(made, Random(made.problem.problem_id)),
        )  # fmt: skip
        sha.update(repr(content).encode())
    return sha.hexdigest()

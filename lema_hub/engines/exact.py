"""The exact corrector of the nano world behind the interface of an engine.

It reads LeMa's correction prompt as any corrector does, and answers with LeMa's correction text. What it
knows and a language model does not is the problem's program, which it makes again from
`Request.problem_id`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from random import Random

from lema_hub.engines.engine import Failure, Request, Response
from lema_hub.errors import InputError
from lema_hub.nano import NanoProblem, correct, load
from lema_hub.nano.problems import REVISION
from lema_hub.records import digest
from lema_hub.steps import format_correction, join_steps, split_steps

_SOLUTION = re.compile(r"\nOriginal Solution:\n\{\n(?P<solution>.*)\n\}\nIncorrect Step:\s*\Z", re.DOTALL)


class ExactEngine:
    """Corrects wrong solutions of nano problems, exactly and in varied words.

    It samples nothing: the wording is drawn from seed, problem, solution and `index`. It counts no tokens.
    """

    name = "exact"
    model = "nano-corrector"
    revision = REVISION

    def cost_bound(self, request: Request) -> float:  # noqa: ARG002 - the protocol's signature
        """Nothing."""
        return 0.0

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Response | Failure]]:
        """Answer correction prompts; see `Engine.generate`.

        A request fails with the reason `not_a_correction_prompt`, `not_a_nano_problem`, or `already_right`.
        """
        for position, request in enumerate(requests):
            yield position, self._answer(request)

    def _answer(self, request: Request) -> Response | Failure:
        asked = wrong_solution(request)
        if isinstance(asked, Failure):
            return asked
        problem, steps = asked
        seed = digest(request.sampling.seed or 0, request.problem_id, join_steps(steps), request.index)
        try:
            correction = correct(problem, steps, Random(seed))
        except InputError as error:
            return Failure(reason="already_right", detail=str(error))
        return Response(
            text=format_correction(correction.incorrect_step, correction.explanation, correction.steps),
            finish_reason="stop",
            prompt_tokens=0,
            completion_tokens=0,
        )


def wrong_solution(request: Request) -> tuple[NanoProblem, tuple[str, ...]] | Failure:
    """The nano problem and the steps of the solution that a correction prompt asks about."""
    match = _SOLUTION.search(request.prompt)
    if match is None:
        return Failure(reason="not_a_correction_prompt", detail="expected LeMa's 'Original Solution:'")
    try:
        problem = load(request.problem_id or "")
    except InputError as error:
        return Failure(reason="not_a_nano_problem", detail=str(error))
    return problem, split_steps(match["solution"])

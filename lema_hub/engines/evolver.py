"""The exact evolver of the nano world behind the interface of an engine.

It reads the prompt `lema-evolve` as any evolver does and answers with the new question alone. What it knows and a
language model does not is the new problem's program, which anybody makes again from its id: so the answers that a
solver gives it can be compared with the truth.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import cast

from lema_hub.engines.engine import Failure, Request, Response
from lema_hub.errors import InputError
from lema_hub.nano.problems import REVISION, evolve, load
from lema_hub.records import Evolution

_CHANGE = re.compile(r"^The change \((?P<evolution>[a-z]+)\):", re.MULTILINE)


class ExactEvolver:
    """Makes new nano problems of old ones; the draw is `Request.index`. It counts no tokens."""

    name = "exact"
    model = "nano-evolver"
    revision = REVISION

    def cost_bound(self, request: Request) -> float:  # noqa: ARG002 - the protocol's signature
        """Nothing."""
        return 0.0

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Response | Failure]]:
        """Answer evolution prompts; see `Engine.generate`.

        A request fails with the reason `not_an_evolution_prompt`, or `not_evolvable` where the nano world has no such
        problem.
        """
        for position, request in enumerate(requests):
            yield position, self._answer(request)

    def _answer(self, request: Request) -> Response | Failure:
        match = _CHANGE.search(request.prompt)
        if match is None:
            return Failure(reason="not_an_evolution_prompt", detail="expected a line 'The change (...):'")
        try:
            made = evolve(
                load(request.problem_id or ""), cast("Evolution", match["evolution"]), request.index
            )
        except InputError as error:
            return Failure(reason="not_evolvable", detail=str(error))
        return Response(
            text=made.problem.question, finish_reason="stop", prompt_tokens=0, completion_tokens=0
        )

"""The nano world's corrector that errs, behind the interface of an engine.

    engine: noisy
    noise: {wrong_step: 0.1, wrong_answer: 0.1}

It answers as the exact corrector does, except that it errs at the set rates and in the ways of
`lema_hub.nano.noisy`. Gates and votes are measured on it: what it did is known (`noise_of`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from random import Random

from lema_hub.engines.engine import Failure, Request, Response
from lema_hub.engines.exact import wrong_solution
from lema_hub.errors import InputError
from lema_hub.nano.noisy import Noise, NoisyCorrection, check_rates, correct_noisily
from lema_hub.nano.problems import REVISION
from lema_hub.records import digest


class NoisyEngine:
    """Corrects wrong solutions of nano problems, and errs at set rates.

    What it does to a request is drawn from the request's text, sampling and `index`: the same request errs in
    the same way, and another temperature is another draw. It counts no tokens.

    Args:
        rates: How often it errs in which way; the rest is exact.

    Raises:
        InputError: The rates are unknown, negative or of a sum above 1.
    """

    name = "noisy"
    model = "nano-noisy-corrector"

    def __init__(self, rates: Mapping[str, float]) -> None:
        self.rates: dict[Noise, float] = check_rates(rates)
        shares = json.dumps(self.rates, sort_keys=True)
        self.revision = f"{REVISION}-{digest(shares)[:8]}"

    def cost_bound(self, request: Request) -> float:  # noqa: ARG002 - the protocol's signature
        """Nothing."""
        return 0.0

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Response | Failure]]:
        """Answer correction prompts; see `Engine.generate`. Requests fail as the exact corrector's do."""
        for position, request in enumerate(requests):
            made = self._correct(request)
            if isinstance(made, Failure):
                yield position, made
                continue
            answer = Response(text=made.text, finish_reason="stop", prompt_tokens=0, completion_tokens=0)
            yield position, answer

    def noise_of(self, request: Request) -> Noise | None:
        """What was done to the answer to a request; None if it is exact or there is no answer."""
        made = self._correct(request)
        return None if isinstance(made, Failure) else made.noise

    def _correct(self, request: Request) -> NoisyCorrection | Failure:
        asked = wrong_solution(request)
        if isinstance(asked, Failure):
            return asked
        problem, steps = asked
        seed = digest(self.revision, request.prompt, asdict(request.sampling), request.index)
        try:
            return correct_noisily(problem, steps, Random(seed), rates=self.rates)
        except InputError as error:
            return Failure(reason="already_right", detail=str(error))

"""An engine as a LightEval model: LightEval asks, the engine answers through the ledger.

All generation is that of `lema_hub.engines`, so sampling mistakes and scoring adapters run the same code, and what the
ledger knows is not generated again. LightEval's own prediction cache is not used: it keys on the model's name and not
on its weights, and would score new weights at an old path from old predictions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lighteval.models.abstract_model import LightevalModel, ModelConfig
from lighteval.models.model_output import ModelResponse
from lighteval.tasks.prompt_manager import PromptManager
from lighteval.tasks.requests import Doc
from lighteval.utils.cache_management import SampleCache

from lema_hub.engines import Engine, Failure, Ledger, Request, Response, Sampling
from lema_hub.engines.ledger import Progress
from lema_hub.errors import EngineError

TEMPERATURE = 0.7
"""For tasks that ask for several samples of an item; all others are greedy."""


class EngineModel(LightevalModel):  # type: ignore[misc]
    """The model that LightEval's pipeline calls.

    Args:
        engine: Who answers.
        ledger: What remembers the answers.
        cache: A folder of this run; the pipeline wants a prediction cache, which stays empty.
        seed: Base of the random streams of sampled tasks.
        progress: Told of every answer.
    """

    def __init__(
        self, engine: Engine, ledger: Ledger, *, cache: Path, seed: int = 0, progress: Progress | None = None
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._seed = seed
        self._progress = progress
        self._prompts = PromptManager(use_chat_template=False)
        self.config = ModelConfig(model_name=engine.model, cache_dir=str(cache))
        self._cache = SampleCache(self.config)

    @property
    def tokenizer(self) -> Any:
        """None: engines tokenise themselves."""
        return None

    @property
    def add_special_tokens(self) -> bool:
        return True

    @property
    def max_length(self) -> int:
        """Only LightEval's own prompt truncation reads it; an engine reports what is too long."""
        return 2**31

    def greedy_until(self, docs: list[Doc]) -> list[ModelResponse]:
        """Answer every doc, `num_samples` times; why an output ended is left in `doc.specific`.

        Raises:
            EngineError: A request has no answer, other than for its length.
        """
        requests = [self._request(doc, index) for doc in docs for index in range(doc.num_samples)]
        answers = iter(self._ledger.run(self._engine, requests, stage="eval", progress=self._progress))
        responses = []
        for doc in docs:
            given = [_answered(next(answers), doc) for _ in range(doc.num_samples)]
            doc.specific["finish_reasons"] = [answer.finish_reason for answer in given]
            responses.append(ModelResponse(input=doc.query, text=[answer.text for answer in given]))
        return responses

    def loglikelihood(self, docs: list[Doc]) -> list[ModelResponse]:
        """Not offered: engines give text, no probabilities.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(f"{len(docs)} docs want log-likelihoods; engines only generate")

    loglikelihood_rolling = loglikelihood

    def _request(self, doc: Doc, index: int) -> Request:
        sampled = doc.num_samples > 1
        sampling = Sampling(
            temperature=TEMPERATURE if sampled else 0.0,
            max_tokens=doc.generation_size,
            stop=tuple(doc.stop_sequences or ()),
            seed=self._seed if sampled else None,
        )
        return Request(prompt=self._prompts.prepare_prompt(doc), sampling=sampling, index=index)


def _answered(answer: Response | Failure, doc: Doc) -> Response:
    if isinstance(answer, Response):
        return answer
    if (
        answer.reason == "prompt_too_long"
    ):  # no room for an answer: counted as truncated, not as a wrong answer
        return Response(text="", finish_reason="length", prompt_tokens=0, completion_tokens=0)
    raise EngineError(
        f"item {doc.specific['item_id']} has no answer ({answer.reason}: {answer.detail}); "
        "run it again, what is answered is kept"
    )

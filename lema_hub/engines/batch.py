"""The Batch API: the same requests and the same answers within a day, at half the price where one is listed.

    engine = BatchEngine(OpenAIEngine("gpt-4o"))

https://platform.openai.com/docs/guides/batch: a JSONL file of requests is uploaded, a batch is made of it and
polled, and its output and error files are read. The ledger's keys do not know the mode, so what was answered
live is not sent in a batch, and the other way round.

Nothing is paid twice, wherever a run is killed: the input files lie beside the ledger
(`lema_hub.engines.batch_files`) until every answer is in it, and each batch carries the name of its file in its
metadata. A run that finds such a file looks for its batch at the provider, and makes one only if there is none.

The trap: the folder belongs to the ledger. Whoever copies the ledger alone while batches are open pays for
them again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lema_hub.engines.batch_files import MOST_REQUESTS, InputFile, alone, left, write
from lema_hub.engines.completions import read
from lema_hub.engines.engine import Failure, Request, Response
from lema_hub.engines.ledger import Ledger, request_key
from lema_hub.engines.refusals import Dialect, Refusal, reason, said
from lema_hub.errors import EngineError, InputError, MissingExtraError

if TYPE_CHECKING:
    from lema_hub.engines.batch_api import Batch, BatchApi
    from lema_hub.engines.openai import OpenAIEngine

_logger = logging.getLogger(__name__)

_ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
_LONGEST_WAIT = 60.0


@dataclass(slots=True)
class _Job:
    """An input file and its batch, once it is known."""

    file: InputFile
    batch: Batch | None = None
    uploaded: str | None = None
    alone: bool = False  # whether nothing else was under way when it was submitted
    told: tuple[str, int] = ("", -1)


@dataclass(slots=True)
class _Work:
    """What one `generate` still has to answer."""

    positions: dict[str, list[int]]
    requests: dict[str, Request]
    dialect: Dialect = field(default_factory=Dialect)
    answered: int = 0
    failed: str = ""

    def settle(self, key: str, answer: Response | Failure) -> Iterator[tuple[int, Response | Failure]]:
        self.answered += isinstance(answer, Response)
        for position in self.positions.pop(key):
            yield position, answer


class BatchEngine:
    """Answers from an endpoint's Batch API.

    Args:
        live: The engine whose requests are sent; model, revision and keys are its own.
        batch_requests: Requests in one batch, 1 to 50,000. Organisations with a low limit of enqueued tokens
            need fewer.
        poll: Seconds before the first look at a batch; later looks are up to a minute apart.

    Raises:
        InputError: An argument is out of range.
        MissingExtraError: The openai package is not installed.
    """

    def __init__(
        self,
        live: OpenAIEngine,
        *,
        batch_requests: int = MOST_REQUESTS,
        poll: float = 2.0,
    ) -> None:
        if not 1 <= batch_requests <= MOST_REQUESTS:
            raise InputError(f"batch_requests must be 1 to {MOST_REQUESTS}, got {batch_requests}")
        if (samples := live.endpoint.samples_per_request) != 1:
            raise InputError(
                f"a batch asks for one sample per request, got samples_per_request {samples}; leave it out, or take "
                "the mode live"
            )
        if find_spec("openai") is None:
            raise MissingExtraError("openai", "batch")
        self.live = live
        self.endpoint = live.endpoint
        self.ledger: Path | None = None
        self.batch_requests = batch_requests
        self.poll = poll
        self.price = self.endpoint.price.batched() if self.endpoint.price else None

    @property
    def name(self) -> str:
        return self.live.name

    @property
    def model(self) -> str:
        return self.live.model

    @property
    def revision(self) -> str | None:
        return self.live.revision

    @property
    def folder(self) -> Path:
        """Where the input files of open batches lie, beside the ledger.

        Raises:
            EngineError: The engine is asked without a ledger.
        """
        if self.ledger is None:
            raise EngineError(
                "a batch outlives the run that makes it; ask through a ledger, which remembers it"
            )
        return self.ledger.with_name(f"{self.ledger.name}.batches")

    def remember_beside(self, ledger: Path) -> None:
        """Keep the input files of open batches beside this ledger."""
        self.ledger = ledger

    def cost_bound(self, request: Request) -> float | None:
        """The most that a request can cost in a batch."""
        return self.price.cost(*self.endpoint.most_tokens(request)) if self.price else None

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Response | Failure]]:
        """Answer requests as batches end; see `Engine.generate`."""
        work = _Work({}, {})
        for position, request in enumerate(requests):
            key = request_key(self, request)
            work.requests[key] = request
            work.positions.setdefault(key, []).append(position)
        if not work.requests:
            return
        from lema_hub.engines.batch_api import BatchApi

        with alone(self.folder):
            jobs: list[_Job] = []
            try:
                with BatchApi(self.endpoint, remembered=self.folder).opened() as api:
                    yield from self._answers(api, work, jobs)
            finally:
                if going := [job for job in jobs if job.batch]:
                    _logger.warning(
                        "%d %s running at %s; the same command continues and fetches the answers",
                        len(going),
                        "batch is" if len(going) == 1 else "batches are",
                        self.endpoint.base_url,
                    )

    def _answers(
        self, api: BatchApi, work: _Work, jobs: list[_Job]
    ) -> Iterator[tuple[int, Response | Failure]]:
        """Submit, poll and read; `jobs` is what is not yet read."""
        jobs += self._left(api, work)
        known = set().union(*(job.file.keys for job in jobs))
        jobs += self._write(work, (key for key in work.requests if key not in known))
        wait, freed = self.poll, True
        while jobs:
            waiting = [job for job in jobs if job.batch is None]
            if freed or len(waiting) == len(
                jobs
            ):  # what a full queue refused is tried when a batch has ended
                for job in waiting:
                    job.alone = not any(other.batch for other in jobs)
                    self._submit(api, job)
                freed = False
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
            for job in list(jobs):
                if job.batch is None:
                    continue
                job.batch = api.look(job.batch)
                _tell(job)
                if job.batch.status not in _ENDED:
                    continue
                wait = self.poll
                if job.batch.is_queue_full:
                    self._wait_for_the_queue(job, jobs)
                    continue
                freed = True
                again = yield from self._read(api, job, job.batch, work)
                jobs.remove(job)
                jobs += self._write(work, again)
        if work.failed and not work.answered:
            raise EngineError(
                f"{self.endpoint.base_url} failed the batch ({work.failed}); correct it and run again"
            )

    def _wait_for_the_queue(self, job: _Job, jobs: Sequence[_Job]) -> None:
        """Put a batch back that had no room beside others; alone it never will have."""
        if job.alone:
            for refused in jobs:
                if refused.batch is None or refused is job:
                    refused.file.remove()  # nothing was made of it: the next run may cut it smaller
            raise EngineError(
                f"{self.endpoint.base_url} takes no more tokens into its queue ({len(job.file.keys)} requests in one "
                "batch); lower batch_requests, or wait for other batches to end, and run again"
            )
        job.batch = None

    def _left(self, api: BatchApi, work: _Work) -> list[_Job]:
        """The files of earlier runs that hold what is wanted, with their batches where there are any."""
        files = left(self.folder, work.positions)
        if not files:
            return []
        batches = api.tagged(since=min(file.path.stat().st_mtime for file in files))
        return [_Job(file, batches.get(file.tag)) for file in files]

    def _write(self, work: _Work, keys: Iterable[str]) -> list[_Job]:
        """New files for these requests."""
        rows = ((key, self.endpoint.payload(work.requests[key], dialect=work.dialect)) for key in keys)
        files = write(self.folder, rows, url=f"/v1{self.endpoint.path}", most=self.batch_requests)
        return [_Job(file) for file in files]

    def _submit(self, api: BatchApi, job: _Job) -> None:
        """Upload a file and make a batch of it."""
        job.uploaded = job.uploaded or api.upload(job.file.path)
        job.batch = api.create(job.uploaded, job.file, pause=self.poll)
        _tell(job)

    def _read(
        self, api: BatchApi, job: _Job, batch: Batch, work: _Work
    ) -> Generator[tuple[int, Response | Failure], None, list[str]]:
        """Hand on what a batch that ended has answered; what has to be asked again in another dialect."""
        again: list[str] = []
        others: list[str] = []
        most = max(self.endpoint.most_bytes([request]) for request in work.requests.values())
        for file in batch.files:
            for row in api.rows(file, most_line=most):
                key = str(row.get("custom_id"))
                if key not in job.file.keys or key not in work.positions:
                    others += [key] if _is_answered(row) else []
                    continue
                answer = self._answer(row, work.requests[key], work)
                if answer is None:
                    again.append(key)
                else:
                    yield from work.settle(key, answer)
        why = "missing" if batch.status == "completed" else batch.status
        detail = batch.said or f"batch {batch.id} is {batch.status} and has no answer to it"
        if batch.status == "failed":
            work.failed = detail
        for key in job.file.keys & work.positions.keys() - set(again):
            yield from work.settle(key, Failure(reason=why, detail=detail))
        # Whoever asked for the next answer has committed the last one.
        if others and self.ledger is not None:
            with Ledger(self.ledger) as ledger:
                others = list(set(others) - ledger.answered(others))
        if not others:  # another run may want the answers that this one did not ask for
            job.file.remove()
        return again

    def _answer(self, row: Mapping[str, Any], request: Request, work: _Work) -> Response | Failure | None:
        """What a line of an output or error file says of a request; None if it has to be asked in another dialect."""
        response, error = row.get("response"), row.get("error")
        if not isinstance(response, dict):
            fields = error if isinstance(error, dict) else {"message": "a line without a response"}
            return Failure(
                reason=reason(fields.get("code")).removeprefix("batch_"), detail=said(fields.get("message"))
            )
        status, body = response.get("status_code"), response.get("body")
        if status == 200:
            answers = read(
                body,
                api=self.endpoint.api,
                model=self.model,
                price=self.price,
                most=self.endpoint.most_tokens(request),
            )
            return answers if isinstance(answers, Failure) else answers[0]
        refusal = Refusal.read(self.endpoint.base_url, status if isinstance(status, int) else 0, body)
        if (narrower := refusal.narrower(work.dialect)) is not None:
            work.dialect = work.dialect.meet(narrower)
            return None
        if refusal.narrower(Dialect()) is not None:  # another line of this batch has said so
            return None
        try:
            return refusal.failure(self.model)
        except EngineError as error_:
            return Failure(reason="refused", detail=str(error_))


def _is_answered(row: Mapping[str, Any]) -> bool:
    response = row.get("response")
    return isinstance(response, dict) and response.get("status_code") == 200


def _tell(job: _Job) -> None:
    """One line per tenth of a batch, and when its status changes."""
    batch = job.batch
    if batch is None:
        return
    total, done = batch.total or len(job.file.keys), batch.done
    if job.told != (state := (batch.status, 10 * done // max(1, total))):
        job.told = state
        _logger.warning("batch %s: %s, %d of %d done", batch.id, batch.status, done, total)

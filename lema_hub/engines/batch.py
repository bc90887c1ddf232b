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

import json
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
from lema_hub.engines.refusals import Dialect, Refusal, line, redacted
from lema_hub.errors import EngineError, InputError, MissingExtraError

if TYPE_CHECKING:
    import openai
    from openai.types import Batch

    from lema_hub.engines.openai import OpenAIEngine

_logger = logging.getLogger(__name__)

_DAY = 86_400.0
_TAG = "lema_hub"  # the metadata that names the input file
_ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
_QUEUE_FULL = "token_limit_exceeded"  # of an organisation's enqueued tokens: passes when other batches end
_LONGEST_WAIT = 60.0
_CREATIONS = 5


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
        if live.samples_per_request != 1:
            raise InputError(
                f"a batch asks for one sample per request, got samples_per_request {live.samples_per_request}; "
                "leave it out, or take the mode live"
            )
        if find_spec("openai") is None:
            raise MissingExtraError("openai", "batch")
        self.live = live
        self.ledger: Path | None = None
        self.batch_requests = batch_requests
        self.poll = poll
        self.price = live.price.batched() if live.price else None

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
        return self.price.cost(*self.live.most_tokens(request)) if self.price else None

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Response | Failure]]:
        """Answer requests as batches end; see `Engine.generate`."""
        work = _Work({}, {})
        for position, request in enumerate(requests):
            key = request_key(self, request)
            work.requests[key] = request
            work.positions.setdefault(key, []).append(position)
        if not work.requests:
            return
        import httpx2
        import openai

        with alone(self.folder):
            jobs: list[_Job] = []
            try:
                client = openai.OpenAI(
                    api_key=self.live.key() or "none", base_url=self.live.base_url, max_retries=6
                )
                with client:
                    yield from self._answers(client, work, jobs)
            except openai.APIError as error:
                raise self._error(error) from error
            except httpx2.HTTPError as error:  # in the middle of a file
                cause = openai.APIConnectionError(message=str(error), request=error.request)
                raise self._error(cause) from error
            finally:
                if going := [job for job in jobs if job.batch]:
                    _logger.warning(
                        "%d %s on at %s; the same command goes on and fetches what they answer",
                        len(going),
                        "batch goes" if len(going) == 1 else "batches go",
                        self.live.base_url,
                    )

    def _answers(
        self, client: openai.OpenAI, work: _Work, jobs: list[_Job]
    ) -> Iterator[tuple[int, Response | Failure]]:
        """Submit, poll and read; `jobs` is what is not yet read."""
        jobs += self._left(client, work)
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
                    self._submit(client, job)
                freed = False
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
            for job in list(jobs):
                if job.batch is None:
                    continue
                job.batch = client.batches.retrieve(job.batch.id)
                _tell(job)
                if job.batch.status not in _ENDED:
                    continue
                wait = self.poll
                if _is_queue_full(job.batch):
                    self._wait_for_the_queue(job, jobs)
                    continue
                freed = True
                again = yield from self._read(client, job, job.batch, work)
                jobs.remove(job)
                jobs += self._write(work, again)
        if work.failed and not work.answered:
            raise EngineError(
                f"{self.live.base_url} failed the batch ({work.failed}); correct it and run again"
            )

    def _wait_for_the_queue(self, job: _Job, jobs: Sequence[_Job]) -> None:
        """Put a batch back that had no room beside others; alone it never will have."""
        if job.alone:
            for refused in jobs:
                if refused.batch is None or refused is job:
                    refused.file.remove()  # nothing was made of it: the next run may cut it smaller
            raise EngineError(
                f"{self.live.base_url} takes no more tokens into its queue ({len(job.file.keys)} requests in one "
                "batch); lower batch_requests, or wait for other batches to end, and run again"
            )
        job.batch = None

    def _left(self, client: openai.OpenAI, work: _Work) -> list[_Job]:
        """The files of earlier runs that hold what is wanted, with their batches where there are any."""
        files = left(self.folder, work.positions)
        if not files:
            return []
        batches = _tagged(client, since=min(file.path.stat().st_mtime for file in files))
        return [_Job(file, batches.get(file.tag)) for file in files]

    def _write(self, work: _Work, keys: Iterable[str]) -> list[_Job]:
        """New files for these requests."""
        rows = ((key, self.live.payload(work.requests[key], dialect=work.dialect)) for key in keys)
        files = write(self.folder, rows, url=f"/v1{self.live.path}", most=self.batch_requests)
        return [_Job(file) for file in files]

    def _submit(self, client: openai.OpenAI, job: _Job) -> None:
        """Upload a file and make a batch of it, once: after a doubtful failure it is looked for first."""
        import openai

        job.uploaded = job.uploaded or client.files.create(file=job.file.path, purpose="batch").id
        for attempt in range(_CREATIONS):
            try:
                job.batch = client.with_options(max_retries=0).batches.create(
                    input_file_id=job.uploaded,
                    endpoint="/v1/chat/completions" if self.live.api == "chat" else "/v1/completions",
                    completion_window="24h",
                    metadata={_TAG: job.file.tag},
                )
            except (openai.APIConnectionError, openai.InternalServerError, openai.RateLimitError):
                if attempt == _CREATIONS - 1:
                    raise
                time.sleep(self.poll * 2**attempt)
                job.batch = _tagged(client, since=job.file.path.stat().st_mtime).get(job.file.tag)
            if job.batch is not None:
                break
        _tell(job)

    def _read(
        self, client: openai.OpenAI, job: _Job, batch: Batch, work: _Work
    ) -> Generator[tuple[int, Response | Failure], None, list[str]]:
        """Hand on what a batch that ended has answered; what has to be asked again in another dialect."""
        again: list[str] = []
        others: list[str] = []
        for file in (batch.output_file_id, batch.error_file_id):
            for row in _rows(client, file) if file else ():
                key = str(row.get("custom_id"))
                answer = self._answer(row, work)
                if key not in job.file.keys or key not in work.positions:
                    others += [key] if isinstance(answer, Response) else []
                elif answer is None:
                    again.append(key)
                else:
                    yield from work.settle(key, answer)
        reason = "missing" if batch.status == "completed" else batch.status
        errors = batch.errors.data if batch.errors else None
        detail = line(redacted("; ".join(str(error.message) for error in errors or [])))
        detail = detail or f"batch {batch.id} is {batch.status} and has no answer to it"
        if batch.status == "failed":
            work.failed = detail
        for key in job.file.keys & work.positions.keys() - set(again):
            yield from work.settle(key, Failure(reason=reason, detail=detail))
        # Whoever asked for the next answer has committed the last one.
        if others and self.ledger is not None:
            with Ledger(self.ledger) as ledger:
                others = list(set(others) - ledger.answered(others))
        if not others:  # another run may want the answers that this one did not ask for
            job.file.remove()
        return again

    def _answer(self, row: Mapping[str, Any], work: _Work) -> Response | Failure | None:
        """What a line of an output or error file says; None if it has to be asked in another dialect."""
        response, error = row.get("response"), row.get("error")
        if not isinstance(response, dict):
            code = str(error.get("code")) if isinstance(error, dict) else "malformed"
            message = (
                line(str(error.get("message"))) if isinstance(error, dict) else "a line without a response"
            )
            return Failure(reason=code.removeprefix("batch_"), detail=redacted(message))
        status, body = response.get("status_code"), response.get("body")
        if status == 200:
            answers = read(body, api=self.live.api, model=self.model, price=self.price)
            return answers if isinstance(answers, Failure) else answers[0]
        refusal = Refusal.of(self.live.base_url, int(status or 0), json.dumps(body).encode())
        if (narrower := refusal.narrower(work.dialect)) is not None:
            work.dialect = work.dialect.meet(narrower)
            return None
        if refusal.narrower(Dialect()) is not None:  # another line of this batch has said so
            return None
        try:
            return refusal.failure(self.model)
        except EngineError as error_:
            return Failure(reason="refused", detail=line(str(error_)))

    def _error(self, error: openai.APIError) -> EngineError:
        """The openai package's exception in one line."""
        import openai

        where, said = self.live.base_url, line(redacted(error.message))
        if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
            return EngineError(f"{where} refused the key ({said}); set OPENAI_API_KEY to a valid one")
        if isinstance(error, openai.NotFoundError):
            return EngineError(
                f"{where} has no Batch API, or not a batch or file that it had ({said}); take the mode live, or "
                f"remove {str(self.folder)!r} where what it remembers is too old"
            )
        if isinstance(error, openai.APIConnectionError):
            return EngineError(f"no answer from {where} ({said}); start the server or correct the URL")
        return EngineError(f"{where} refused a batch ({said}); correct what it names and run again")


def _tagged(client: openai.OpenAI, *, since: float) -> dict[str, Batch]:
    """The newest batch of every file of ours that still can answer, from those made after `since`, give or take
    a day of clocks that differ.
    """
    found: dict[str, Batch] = {}
    for batch in client.batches.list(limit=100):  # newest first, page after page
        if batch.created_at < since - _DAY:
            break
        tag = (batch.metadata or {}).get(_TAG)
        if tag is not None and not _is_queue_full(batch):
            found.setdefault(tag, batch)
    return found


def _is_queue_full(batch: Batch) -> bool:
    errors = batch.errors.data if batch.errors else None
    return batch.status == "failed" and any(error.code == _QUEUE_FULL for error in errors or [])


def _rows(client: openai.OpenAI, file: str) -> Iterator[Mapping[str, Any]]:
    """The lines of an output or error file; one that is no JSON answers nothing."""
    with client.files.with_streaming_response.content(file) as reply:
        for text in reply.iter_lines():
            try:
                row = json.loads(text)
            except ValueError:
                row = None
            if isinstance(row, dict):
                yield row
            elif text.strip():
                _logger.warning("file %s has a line that is no answer: %.60r", file, text)


def _tell(job: _Job) -> None:
    """One line per tenth of a batch, and when its status changes."""
    batch = job.batch
    if batch is None:
        return
    counts = batch.request_counts
    total = counts.total if counts and counts.total else len(job.file.keys)
    done = counts.completed + counts.failed if counts else 0
    if job.told != (state := (batch.status, 10 * done // max(1, total))):
        job.told = state
        _logger.warning("batch %s: %s, %d of %d done", batch.id, batch.status, done, total)

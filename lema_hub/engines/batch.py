"""The Batch API: the same requests and the same answers within a day, at half the price where one is listed.

    engine = BatchEngine(OpenAIEngine("gpt-4o"))

https://platform.openai.com/docs/guides/batch: a JSONL file of requests is uploaded, a batch is made of it and
polled, and its output and error files are read. The ledger's keys do not know the mode, so what was answered
live is not sent in a batch, and the other way round.

Nothing is paid twice, wherever a run is killed. Before a file is uploaded it lies in a folder beside the
ledger, under a name that the batch carries in its metadata; it is removed when every answer is in the ledger.
A run that finds such a file looks for its batch at the provider, and makes one only if there is none.

The trap: the folder belongs to the ledger. Whoever copies the ledger alone while batches are open pays for
them again.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import time
import uuid
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

MOST_REQUESTS = 50_000  # in one batch
_MOST_BYTES = 200_000_000  # of one input file
_TAG = "lema_hub"  # the metadata that names the input file
_ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
_QUEUE_FULL = "token_limit_exceeded"  # of an organisation's enqueued tokens: passes when other batches end
_LONGEST_WAIT = 60.0
_CREATIONS = 5


@dataclass(slots=True)
class _Job:
    """An input file, the keys in it that this run wants, and its batch once it is known."""

    file: Path
    keys: set[str]
    batch: Batch | None = None
    told: tuple[str, int] = ("", -1)

    @property
    def tag(self) -> str:
        return self.file.stem


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
        poll: float = 5.0,
    ) -> None:
        if not 1 <= batch_requests <= MOST_REQUESTS:
            raise InputError(f"batch_requests must be 1 to {MOST_REQUESTS}, got {batch_requests}")
        if live.samples_per_request != 1:
            raise InputError(
                f"a batch asks for one sample per request, got samples_per_request {live.samples_per_request}; "
                "leave it out, or take the mode live"
            )
        try:
            import openai  # noqa: F401
        except ImportError as error:
            raise MissingExtraError("openai", "batch") from error
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
        import openai

        with self._alone():
            jobs: list[_Job] = []
            try:
                client = openai.OpenAI(
                    api_key=self.live.key() or "none", base_url=self.live.base_url, max_retries=6
                )
                with client:
                    yield from self._answers(client, work, jobs)
            except openai.APIError as error:
                raise self._error(error) from error
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
        known = set().union(*(job.keys for job in jobs))
        jobs += self._write(work, (key for key in work.requests if key not in known))
        for job in jobs:
            if job.batch is None:
                self._submit(client, job)
        wait = self.poll
        while jobs:
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
            for job in list(jobs):
                if job.batch is None:  # was refused by a full queue
                    self._submit(client, job)
                    continue
                job.batch = client.batches.retrieve(job.batch.id)
                _tell(job)
                if job.batch.status not in _ENDED:
                    continue
                wait = self.poll
                if _is_queue_full(job.batch):
                    job.batch = None
                    if not any(other.batch for other in jobs):
                        for refused in jobs:  # nothing was made of them: the next run may cut them smaller
                            refused.file.unlink(missing_ok=True)
                        raise EngineError(
                            f"{self.live.base_url} takes no more tokens into its queue "
                            f"({len(job.keys)} requests in one batch); lower batch_requests, or wait for other "
                            "batches to end, and run again"
                        )
                    continue
                again = yield from self._read(client, job, job.batch, work)
                jobs.remove(job)
                for new in self._write(work, again):
                    jobs.append(new)
                    self._submit(client, new)
        if work.failed and not work.answered:
            raise EngineError(
                f"{self.live.base_url} failed the batch ({work.failed}); correct it and run again"
            )

    def _left(self, client: openai.OpenAI, work: _Work) -> list[_Job]:
        """The files of earlier runs that hold what is wanted, with their batches where there are any."""
        jobs = []
        for file in sorted(self.folder.glob("*.jsonl")):
            with file.open(encoding="utf-8") as lines:
                keys = {json.loads(text)["custom_id"] for text in lines} & work.positions.keys()
            if keys:
                jobs.append(_Job(file, keys))
        if jobs:
            oldest = min(job.file.stat().st_mtime for job in jobs) - 86400
            batches = _tagged(client, since=oldest)
            for job in jobs:
                job.batch = batches.get(job.tag)
        return jobs

    def _write(self, work: _Work, keys: Iterable[str]) -> list[_Job]:
        """Input files for these requests, cut by the limits of a batch, each safely on disk."""
        jobs: list[_Job] = []
        texts: list[bytes] = []
        held: set[str] = set()
        size = 0

        def close() -> None:
            nonlocal texts, held, size
            if texts:
                jobs.append(_Job(_keep(self.folder / f"{uuid.uuid4().hex}.jsonl", texts), held))
            texts, held, size = [], set(), 0

        for key in keys:
            body = self.live.payload(work.requests[key], dialect=work.dialect)
            row = {"custom_id": key, "method": "POST", "url": f"/v1{self.live.path}", "body": body}
            text = json.dumps(row).encode() + b"\n"
            if len(texts) == self.batch_requests or size + len(text) > _MOST_BYTES:
                close()
            texts.append(text)
            held.add(key)
            size += len(text)
        close()
        return jobs

    def _submit(self, client: openai.OpenAI, job: _Job) -> None:
        """Upload a file and make a batch of it, once: after a doubtful failure it is looked for first."""
        import openai

        file = client.files.create(file=job.file, purpose="batch")
        for attempt in range(_CREATIONS):
            try:
                job.batch = client.with_options(max_retries=0).batches.create(
                    input_file_id=file.id,
                    endpoint="/v1/chat/completions" if self.live.api == "chat" else "/v1/completions",
                    completion_window="24h",
                    metadata={_TAG: job.tag},
                )
            except (openai.APIConnectionError, openai.InternalServerError, openai.RateLimitError):
                if attempt == _CREATIONS - 1:
                    raise
                time.sleep(self.poll * 2**attempt)
                job.batch = _tagged(client, since=job.file.stat().st_mtime - 86400).get(job.tag)
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
                if key not in job.keys or key not in work.positions:
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
        for key in job.keys & work.positions.keys() - set(again):
            yield from work.settle(key, Failure(reason=reason, detail=detail))
        # Whoever asked for the next answer has committed the last one.
        if others and self.ledger is not None:
            with Ledger(self.ledger) as ledger:
                others = list(set(others) - ledger.answered(others))
        if not others:  # another run may want the answers that this one did not ask for
            job.file.unlink(missing_ok=True)
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
            return EngineError(f"{where} has no Batch API or not this batch ({said}); take the mode live")
        if isinstance(error, openai.APIConnectionError):
            return EngineError(f"no answer from {where} ({said}); start the server or correct the URL")
        return EngineError(f"{where} refused a batch ({said}); correct what it names and run again")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time works with the folder: two would both make the batch that is missing."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / "lock").open("w") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    raise EngineError(
                        f"another process works with {str(self.folder)!r}; wait for it or take another ledger"
                    ) from error
                yield
        except OSError as error:
            raise EngineError(
                f"{str(self.folder)!r} cannot be written ({error}); free it and run again"
            ) from error


def _tagged(client: openai.OpenAI, *, since: float) -> dict[str, Batch]:
    """The newest batch of every file of ours that still can answer, from those made after `since`."""
    found: dict[str, Batch] = {}
    for batch in client.batches.list(limit=100):  # newest first, page after page
        if batch.created_at < since:
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


def _keep(file: Path, texts: Iterable[bytes]) -> Path:
    """Write a file so that it is there as a whole or not at all, even after a power cut."""
    part = file.with_suffix(".part")
    with part.open("wb") as out:
        out.writelines(texts)
        out.flush()
        os.fsync(out.fileno())
    return part.replace(file)


def _tell(job: _Job) -> None:
    """One line per tenth of a batch, and when its status changes."""
    batch = job.batch
    if batch is None:
        return
    counts = batch.request_counts
    total = counts.total if counts and counts.total else len(job.keys)
    done = counts.completed + counts.failed if counts else 0
    if job.told != (state := (batch.status, 10 * done // max(1, total))):
        job.told = state
        _logger.warning("batch %s: %s, %d of %d done", batch.id, batch.status, done, total)

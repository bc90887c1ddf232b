"""The Files and the Batch API of an endpoint, through the openai package's client.

https://platform.openai.com/docs/api-reference/batch. What comes back is read strictly and bounded: an object by 4 MB, a
file by 2 GB and its lines by their length, a list by 10,000 batches. Redirects are not followed, compressed answers
are refused.

The trap: the package builds its records without checking them. A `status` may be a list there, so plain JSON is read
here instead.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import httpx2
import openai

from lema_hub.engines.batch_files import MOST_REQUESTS, InputFile
from lema_hub.engines.engine import line
from lema_hub.engines.refusals import reason, said
from lema_hub.errors import EngineError, FormatError
from lema_hub.json_text import loads

if TYPE_CHECKING:
    from lema_hub.engines.endpoint import Endpoint

_logger = logging.getLogger(__name__)

_DAY = 86_400.0
_TAG = "lema_hub"  # the metadata that names the input file
_QUEUE_FULL = "token_limit_exceeded"  # of an organisation's enqueued tokens: passes when other batches end
_CREATIONS = 5
_MOST_OBJECT = 4 << 20  # bytes
_MOST_FILE = 2_000_000_000  # bytes
_MOST_LISTED = 10_000
_PAGE = 100
_TIMEOUT = httpx2.Timeout(600.0, connect=30.0)
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}")  # what may become part of a URL


@dataclass(frozen=True, slots=True)
class Batch:
    """What the provider says of a batch; `files` are those of output and errors, as far as they are there."""

    id: str
    status: str
    tag: str | None
    created_at: float
    files: tuple[str, ...]
    is_queue_full: bool
    said: str
    total: int
    done: int

    @classmethod
    def of(cls, found: object) -> Self:
        """Read a batch object.

        Raises:
            EngineError: It is not one.
        """
        fields = found if isinstance(found, dict) else {}
        name, status, created = fields.get("id"), fields.get("status"), fields.get("created_at")
        if not (isinstance(name, str) and _NAME.fullmatch(name) and isinstance(status, str)):
            raise EngineError("the endpoint answered with something that is not a batch; take the mode live")
        errors = _dict(fields.get("errors")).get("data")
        wrong = [_dict(error) for error in errors[:10]] if isinstance(errors, list) else []
        counts = _dict(fields.get("request_counts"))
        tag = _dict(fields.get("metadata")).get(_TAG)
        files = (fields.get("output_file_id"), fields.get("error_file_id"))
        return cls(
            id=name,
            status=reason(status),
            tag=tag if isinstance(tag, str) else None,
            created_at=float(created) if isinstance(created, int) and abs(created) < 1 << 53 else 0.0,
            files=tuple(file for file in files if isinstance(file, str) and _NAME.fullmatch(file)),
            is_queue_full=status == "failed" and any(error.get("code") == _QUEUE_FULL for error in wrong),
            said=line("; ".join(said(error.get("message")) for error in wrong)),
            total=_count(counts, "total"),
            done=_count(counts, "completed") + _count(counts, "failed"),
        )


class BatchApi:
    """The client of one endpoint; `remembered` is the folder that is named where its files may be too old."""

    def __init__(self, endpoint: Endpoint, *, remembered: Path) -> None:
        self._endpoint = endpoint
        self._remembered = remembered
        headers = {"Accept-Encoding": "identity"}
        if (authorization := endpoint.authorization()) is not None:
            headers["Authorization"] = authorization
        self._client = openai.OpenAI(
            api_key="none",
            base_url=endpoint.base_url,
            max_retries=6,
            default_headers=headers,
            http_client=httpx2.Client(timeout=_TIMEOUT, event_hooks={"response": [_bound]}),
        )

    @contextmanager
    def opened(self) -> Iterator[Self]:
        """Use the client, and turn the exceptions of its package into one line.

        Raises:
            EngineError: The endpoint refused or could not be reached.
        """
        try:
            with self._client:
                yield self
        except openai.APIError as error:
            raise self._error(error) from error
        except httpx2.HTTPError as error:  # in the middle of a file
            request = httpx2.Request("GET", self._endpoint.base_url)
            cause = openai.APIConnectionError(message=str(error), request=request)
            raise self._error(cause) from error
        except (ValueError, RecursionError) as error:
            raise EngineError(
                f"{self._endpoint.base_url} answered with something that is not JSON ({line(str(error))}); take the "
                "mode live"
            ) from error

    def upload(self, file: Path) -> str:
        """The provider's name of an input file."""
        name = _dict(self._client.files.create(file=file, purpose="batch").to_dict()).get("id")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise EngineError(f"{self._endpoint.base_url} gave an uploaded file no name; take the mode live")
        return name

    def create(self, uploaded: str, file: InputFile, *, pause: float) -> Batch | None:
        """Make a batch of an uploaded file, once: after a doubtful failure it is looked for first."""
        body = {
            "input_file_id": uploaded,
            "endpoint": f"/v1{self._endpoint.path}",
            "completion_window": "24h",
            "metadata": {_TAG: file.tag},
        }
        for attempt in range(_CREATIONS):
            try:
                return Batch.of(
                    self._client.post("/batches", cast_to=object, body=body, options={"max_retries": 0})
                )
            except (openai.APIConnectionError, openai.InternalServerError, openai.RateLimitError):
                if attempt == _CREATIONS - 1:
                    raise
            time.sleep(pause * 2**attempt)
            if (found := self.tagged(since=file.path.stat().st_mtime).get(file.tag)) is not None:
                return found
        return None

    def look(self, batch: Batch) -> Batch:
        """The batch as it is now."""
        return Batch.of(self._client.get(f"/batches/{batch.id}", cast_to=object))

    def tagged(self, *, since: float) -> dict[str, Batch]:
        """The newest batch of every file of ours that still can answer, from those made after `since`, give or take
        a day of clocks that differ.

        Raises:
            EngineError: The list has no end.
        """
        found: dict[str, Batch] = {}
        for batch in self._listed():  # newest first
            if batch.created_at < since - _DAY:
                break
            if batch.tag is not None and not batch.is_queue_full:
                found.setdefault(batch.tag, batch)
        return found

    def rows(self, file: str, *, most_line: int) -> Iterator[Mapping[str, Any]]:
        """The lines of an output or error file; a line that is not JSON, or too long, is skipped and counted."""
        odd = count = 0
        with self._client.files.with_streaming_response.content(file) as reply:
            for raw in _lines(reply.iter_bytes(), most_line):
                row = _parsed(raw)
                if isinstance(row, dict):
                    yield row
                elif raw is None or raw.strip():
                    odd += 1
                count += 1
                if count > MOST_REQUESTS:
                    break
        if odd:
            _logger.warning("file %s has %d lines that are not answers", file, odd)

    def _listed(self) -> Iterator[Batch]:
        after: dict[str, object] = {}
        for _ in range(_MOST_LISTED // _PAGE):
            page = _dict(
                self._client.get("/batches", cast_to=object, options={"params": {"limit": _PAGE, **after}})
            )
            data = page.get("data")
            batches = [Batch.of(item) for item in data] if isinstance(data, list) else []
            yield from batches
            if not batches or not page.get("has_more"):
                return
            after = {"after": batches[-1].id}
        raise EngineError(
            f"{self._endpoint.base_url} lists more than {_MOST_LISTED:,} batches; wait for some of them to end, "
            "or take the mode live"
        )

    def _error(self, error: openai.APIError) -> EngineError:
        """The openai package's exception in one line."""
        where = self._endpoint.base_url
        vague = isinstance(error, openai.APIConnectionError)  # "Connection error."
        what = line(f"{error.message} {error.__cause__ or ''}" if vague else error.message)
        if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
            return EngineError(f"{where} refused the key ({what}); set OPENAI_API_KEY to a valid one")
        if isinstance(error, openai.NotFoundError):
            return EngineError(
                f"{where} has no Batch API, or not a batch or file that it had ({what}); take the mode live, or "
                f"remove {str(self._remembered)!r} where what it remembers is too old"
            )
        if isinstance(error, openai.APIConnectionError):
            return EngineError(f"no answer from {where} ({what}); start the server or correct the URL")
        return EngineError(f"{where} refused a batch ({what}); correct what it names and run again")


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(counts: Mapping[str, Any], name: str) -> int:
    count = counts.get(name)
    return count if isinstance(count, int) and 0 <= count <= MOST_REQUESTS else 0


def _parsed(raw: bytes | None) -> object:
    try:
        return loads(raw, source="a line", limit=len(raw)) if raw else None
    except FormatError:
        return None


def _lines(parts: Iterable[bytes], most: int) -> Iterator[bytes | None]:
    """The lines of a stream; None for one that is longer than `most` bytes, of which no more is kept."""
    held = bytearray()
    for part in parts:
        *whole, rest = part.split(b"\n")
        for piece in whole:
            held += piece[: most + 1 - len(held)]
            yield bytes(held) if len(held) <= most else None
            held.clear()
        held += rest[: most + 1 - len(held)]
    if held:
        yield bytes(held) if len(held) <= most else None


def _bound(response: httpx2.Response) -> None:
    """Give a response a body that ends with an error where it is longer than it may be."""
    encoding = response.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise httpx2.DecodingError("a compressed answer, which was not asked for", request=response.request)
    is_file = response.status_code == 200 and response.request.url.path.endswith("/content")
    response.stream = _Bounded(
        cast(httpx2.SyncByteStream, response.stream), _MOST_FILE if is_file else _MOST_OBJECT
    )


class _Bounded(httpx2.SyncByteStream):
    def __init__(self, stream: httpx2.SyncByteStream, most: int) -> None:
        self._stream, self._left = stream, most

    def __iter__(self) -> Iterator[bytes]:
        for part in self._stream:
            self._left -= len(part)
            if self._left < 0:
                raise httpx2.ReadError("the answer is longer than it may be")
            yield part

    def close(self) -> None:
        self._stream.close()

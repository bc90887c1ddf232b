"""What an endpoint's refusal means: for this request, for the next ones, or for the whole run.

    429 {"error": {"message": "...", "code": "insufficient_quota"}}     -> the run ends: no request can pass
    400 {"error": {"message": "...", "param": "response_format"}}       -> asked again in another dialect

What ends a run is an `EngineError` from the openai package's own exception, where that package is installed:
callers who know it look at `__cause__`. It is imported only then, because it weighs more than all the rest.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any, Literal

from lema_hub.engines.engine import Failure, line
from lema_hub.errors import EngineError, FormatError
from lema_hub.json_text import loads
from lema_hub.redaction import redact

_REASON = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class Dialect:
    """What an endpoint understands; every refusal can narrow it once."""

    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    schemas: bool = True
    choices: bool = True

    def meet(self, other: Dialect) -> Dialect:
        """What both understand."""
        return Dialect(
            self.limit if self.limit != "max_tokens" else other.limit,
            self.schemas and other.schemas,
            self.choices and other.choices,
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer other than 200: its status, and the message, code and parameter that it names."""

    url: str
    status: int
    message: str
    code: str
    param: str
    body: Any

    @classmethod
    def of(cls, url: str, status: int, raw: bytes, *, location: str | None = None) -> Refusal:
        """Read a refusal; `location` is that of a redirect."""
        text = raw.decode("utf-8", "replace")
        try:
            body = loads(raw, source="a refusal")
        except FormatError:
            body = None
        return cls.read(url, status, body, text=text, location=location)

    @classmethod
    def read(
        cls, url: str, status: int, body: object, *, text: str = "", location: str | None = None
    ) -> Refusal:
        """Read a refusal from its parsed body, without the secrets that an endpoint may repeat in it."""
        body = json.loads(redact(json.dumps(body)))  # written again: no escapes hide a key
        error = body.get("error", body) if isinstance(body, dict) else None
        fields = error if isinstance(error, dict) else {"message": error}
        message = line(said(fields.get("message")) or text or "no message")
        if 300 <= status < 400:
            where = f" to {line(location)}" if location else ""
            message = f"a redirect{where}, which is not followed; give the address that answers"
        return cls(
            url, status, message, line(said(fields.get("code"))), line(said(fields.get("param"))), error
        )

    def failure(self, model: str) -> Failure:
        """What it means for the request.

        Raises:
            EngineError: No request can pass.
        """
        if self.status in (401, 403):
            raise self.fatal(
                f"refused the key ({self.status}: {self.message}); set OPENAI_API_KEY to a valid one"
            )
        if self.status == 404:
            raise self.fatal(f"does not know {model!r} ({self.message}); check model and base URL")
        if self.code == "insufficient_quota":
            raise self.fatal(
                f"says that the account is out of credit ({self.message}); top it up and run again"
            )
        if self.status == 429:
            return Failure(reason="rate_limited", detail=self.message)
        if self.status >= 500 or self.status in (408, 409, 425):
            return Failure(reason="server_error", detail=f"{self.status}: {self.message}")
        if "context length" in self.message or self.code == "context_length_exceeded":
            return Failure(reason="prompt_too_long", detail=self.message)
        return Failure(reason="bad_request", detail=f"{self.status}: {self.message}")

    def narrower(self, dialect: Dialect) -> Dialect | None:
        """The dialect to ask again in, None if another would not help."""
        if self.status not in (400, 422):
            return None
        if dialect.limit == "max_tokens" and "max_completion_tokens" in self.message:
            return replace(dialect, limit="max_completion_tokens")
        if dialect.schemas and re.search("response_format|json_schema", f"{self.param} {self.message}"):
            return replace(dialect, schemas=False)
        if dialect.choices and self.param == "n":
            return replace(dialect, choices=False)
        return None

    def fatal(self, what: str) -> EngineError:
        """The error that ends the run, caused by the openai package's own."""
        return caused(EngineError(f"{self.url} {what}"), self.url, self)


def caused(error: EngineError, url: str, refusal: Refusal | None = None) -> EngineError:
    """`error` with the openai package's exception as its cause; as it is where that is not installed."""
    try:
        import httpx2
        import openai
    except ImportError:
        return error
    request = httpx2.Request("POST", url)
    if refusal is None:
        error.__cause__ = openai.APIConnectionError(message=str(error), request=request)
        return error
    kinds: dict[int, type[openai.APIStatusError]] = {
        400: openai.BadRequestError, 401: openai.AuthenticationError, 403: openai.PermissionDeniedError,
        404: openai.NotFoundError, 409: openai.ConflictError, 422: openai.UnprocessableEntityError,
        429: openai.RateLimitError,
    }  # fmt: skip
    kind = kinds.get(
        refusal.status, openai.InternalServerError if refusal.status >= 500 else openai.APIStatusError
    )
    response = httpx2.Response(refusal.status, request=request)
    error.__cause__ = kind(refusal.message, response=response, body=refusal.body)
    return error


def reason(code: object) -> str:
    """One word to count failures by: the endpoint's, `malformed` where it is not one."""
    return code if isinstance(code, str) and _REASON.fullmatch(code) else "malformed"


def said(value: object) -> str:
    """A field of an error that is text or a number; servers send anything there."""
    return str(value) if isinstance(value, str | int) else ""

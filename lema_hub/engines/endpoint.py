"""An OpenAI-compatible endpoint as it is asked: address, model, limits, and the bodies of requests.

    >>> endpoint = Endpoint(model="m", address=Address.of("http://localhost:8000/v1"))
    >>> endpoint.url
    'http://localhost:8000/v1/chat/completions'

The types of the bodies are the openai package's.

The trap: credentials in a base URL belong to no message. They are taken out of it, and sent as a header.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import unquote, urlsplit, urlunsplit

from lema_hub.engines.engine import Request
from lema_hub.engines.prices import Price
from lema_hub.engines.refusals import Dialect
from lema_hub.errors import EngineError, InputError
from lema_hub.redaction import redact, register

if TYPE_CHECKING:
    from openai.types import completion_create_params as text_types
    from openai.types.chat import ChatCompletionMessageParam
    from openai.types.chat import completion_create_params as chat_types

Api = Literal["chat", "completions"]

OPENAI_URL = "https://api.openai.com/v1"
MOST_CHOICES = 128
_FRAMING_TOKENS = 64  # what a chat template may add to a prompt
_BYTES_PER_TOKEN = 4  # of English, for the booking of token rates
_MOST_BYTES_PER_TOKEN = 256  # as JSON: the longest tokens have 128 characters
_MOST_BYTES_BESIDE = 1 << 20  # of an answer: its frame, and reasoning that some servers send along


@dataclass(frozen=True, slots=True)
class Address:
    """Where an endpoint listens: `url` without credentials, and the header that they make, if there are any."""

    url: str
    login: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, base_url: str | None) -> Self:
        """Read a base URL; `OPENAI_BASE_URL` or OpenAI's own by default.

        Raises:
            InputError: It is not an address of the form http(s)://host/v1.
        """
        text = (base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL).strip().rstrip("/")
        try:
            parts = urlsplit(text)
            valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:  # a port that is not a number, half an IPv6 address
            valid = False
        if not valid or parts.query or parts.fragment or not text.isprintable() or " " in text:
            shown = redact(re.sub(r"//.*@", "//[redacted]@", text))
            raise InputError(f"base_url is {shown!r}; expected http(s)://host/v1")
        login, at, host = parts.netloc.rpartition("@")
        if not at:
            return cls(text)
        encoded = base64.b64encode(unquote(login).encode()).decode()
        for secret in (login, unquote(login), parts.password or "", unquote(parts.password or ""), encoded):
            register(secret)
        return cls(urlunsplit(parts._replace(netloc=host)), f"Basic {encoded}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A model at an address, and how it may be asked.

    Attributes:
        model: The model's name at the endpoint.
        address: Where it listens.
        api: `chat` sends prompts as one user message; `completions` completes them as plain text (base
            models).
        concurrency: Requests in flight at most; fewer while the endpoint is overloaded.
        samples_per_request: How many samples of one prompt are asked for in one post (`n`), 1 to 128. The
            prompt is then paid once.
        timeout: Seconds for one request.
        attempts: How often a request is sent before it fails; 429s do not count.
        patience: Seconds without any answer but 429s and server errors after which the run ends.
        price: What its tokens cost, None if that is unknown.

    Raises:
        InputError: A number is out of its range.
    """

    model: str
    address: Address
    api: Api = "chat"
    concurrency: int = 64
    samples_per_request: int = 1
    timeout: float = 600.0
    attempts: int = 6
    patience: float = 900.0
    price: Price | None = None

    def __post_init__(self) -> None:
        if self.concurrency < 1 or self.attempts < 1:
            raise InputError(
                f"concurrency and attempts must be >= 1, got {self.concurrency} and {self.attempts}"
            )
        if not 1 <= self.samples_per_request <= MOST_CHOICES:
            raise InputError(
                f"samples_per_request must be 1 to {MOST_CHOICES}, got {self.samples_per_request}"
            )

    @property
    def base_url(self) -> str:
        """The address without credentials, as messages name it."""
        return self.address.url

    @property
    def path(self) -> str:
        """The API's path under the base URL."""
        return "/chat/completions" if self.api == "chat" else "/completions"

    @property
    def url(self) -> str:
        return self.base_url + self.path

    def authorization(self) -> str | None:
        """The header of that name: the address's credentials, or the key in the environment, which is read for
        every run and kept nowhere.

        Raises:
            EngineError: The endpoint needs a key and there is none, the key cannot be sent, or there are a key and
                credentials.
        """
        key = os.environ.get("OPENAI_API_KEY")
        if self.address.login is not None:
            if key:
                raise EngineError(
                    f"the base URL of {self.base_url} holds credentials and OPENAI_API_KEY is set; leave one of "
                    "them out"
                )
            return self.address.login
        if key is None and self.base_url == OPENAI_URL:
            raise EngineError(
                f"{OPENAI_URL} needs a key; set OPENAI_API_KEY, or give the base URL of another endpoint"
            )
        if key and not (key.isascii() and key.isprintable()):
            raise EngineError(
                "OPENAI_API_KEY holds a line break or a character outside ASCII, which no header can carry; set it "
                "again"
            )
        return f"Bearer {key}" if key else None

    def most_tokens(self, request: Request) -> tuple[int, int]:
        """The most tokens that prompt and answer can have: no token is shorter than a byte."""
        return _size(request) + _FRAMING_TOKENS, request.sampling.max_tokens

    def tokens_bound(self, requests: Sequence[Request]) -> int:
        """About the most tokens that one post for these samples can use."""
        return _size(requests[0]) // _BYTES_PER_TOKEN + len(requests) * requests[0].sampling.max_tokens

    def most_bytes(self, requests: Sequence[Request]) -> int:
        """The most bytes of the answer to one post for these samples; a longer one is not read to its end."""
        return _MOST_BYTES_BESIDE + len(requests) * requests[0].sampling.max_tokens * _MOST_BYTES_PER_TOKEN

    def payload(
        self, request: Request, *, dialect: Dialect | None = None, n: int = 1
    ) -> chat_types.CompletionCreateParamsNonStreaming | text_types.CompletionCreateParamsNonStreaming:
        """The body of a request for `n` samples, as the openai package types it."""
        if self.api == "completions":
            return self._text_body(request, n)
        sampling, dialect = request.sampling, dialect or Dialect()
        messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": request.prompt}]
        if request.system:
            messages.insert(0, {"role": "system", "content": request.system})
        body: chat_types.CompletionCreateParamsNonStreaming = {
            "messages": messages,
            "model": self.model,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
        }
        if dialect.limit == "max_tokens":
            body["max_tokens"] = sampling.max_tokens
        else:
            body["max_completion_tokens"] = sampling.max_tokens
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if (seed := _seed(request)) is not None:
            body["seed"] = seed
        if n > 1:
            body["n"] = n
        if request.schema is not None and dialect.schemas:
            schema: dict[str, Any] = json.loads(request.schema)
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": schema},
            }
        return body

    def _text_body(self, request: Request, n: int) -> text_types.CompletionCreateParamsNonStreaming:
        sampling = request.sampling
        body: text_types.CompletionCreateParamsNonStreaming = {
            "model": self.model,
            "prompt": f"{request.system}\n\n{request.prompt}" if request.system else request.prompt,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
        }
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if (seed := _seed(request)) is not None:
            body["seed"] = seed
        if n > 1:
            body["n"] = n
        return body


def _seed(request: Request) -> int | None:
    """The seed of a sample; greedy text needs none."""
    sampling = request.sampling
    return None if sampling.seed is None or sampling.temperature == 0 else sampling.seed + request.index


def _size(request: Request) -> int:
    """The bytes of its text."""
    return len(f"{request.system or ''}{request.prompt}".encode())

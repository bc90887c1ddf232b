"""Secrets in text: finding them, and replacing them before text is stored, logged, raised or shown.

    >>> redact("Incorrect API key: sk-proj-0123456789abcdef")
    'Incorrect API key: [redacted]'

A secret is a configured value (an environment variable such as OPENAI_API_KEY or HF_TOKEN, or what code has
passed to `register`), or a text that has the shape of a key. Configured values are also found
percent-encoded and JSON-escaped.

The trap: redact first and cut afterwards. A key that was cut to its first characters has no shape any more.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple
from urllib.parse import quote

MARK = "[redacted]"

Kind = Literal[
    "configured", "api_key", "hub_token", "bearer", "url_credentials", "aws_key", "github_token",
    "google_key", "slack_token", "private_key", "jwt",
]  # fmt: skip

_NAMES = ("OPENAI_API_KEY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_SECRET_NAME = re.compile(r"_(?:API_KEY|TOKEN|SECRET|PASSWORD|ACCESS_KEY)\Z", re.IGNORECASE)
_SHORTEST = 8  # servers without keys are given OPENAI_API_KEY=EMPTY or none, which are words


@dataclass(frozen=True, slots=True)
class Finding:
    """Where a secret stands in a text: `text[start:end]`; never the secret itself."""

    kind: Kind
    start: int
    end: int


class _Shape(NamedTuple):
    """A shape of key; `secret` is the group of the pattern that is the secret."""

    kind: Kind
    pattern: re.Pattern[str]
    secret: int | str


def _shape(kind: Kind, hints: str, pattern: str) -> dict[str, _Shape]:
    """The shape under each of its hints: a text without any of them is not searched."""
    compiled = re.compile(pattern, re.ASCII)
    shape = _Shape(kind, compiled, "secret" if "secret" in compiled.groupindex else 0)
    return dict.fromkeys(hints.split(), shape)


# A pattern begins with a literal, and what follows are bounded or disjoint runs: time is linear.
_SHAPES = {
    **_shape("api_key", "sk-", r"sk-(?<![A-Za-z0-9]sk-)[A-Za-z0-9_-]{12,}"),
    **_shape(
        "api_key",
        "xai- nvapi- pplx-",
        r"(?<![A-Za-z0-9])(?:xai-|nvapi-|pplx-)(?=[A-Za-z_-]{0,99}[0-9])[A-Za-z0-9_-]{20,}",
    ),
    **_shape(
        "api_key",
        "api API Api",
        r"(?i:api[_-]?key)[\"']?[ ]?[:=][ ]?[\"']?(?=[a-zA-Z_-]{0,99}[0-9])(?P<secret>[A-Za-z0-9_-]{16,})",
    ),
    **_shape(
        "bearer",
        "earer",
        r"(?i:bearer)\s{1,4}(?=[A-Za-z._~+/=-]{0,199}[0-9]|[A-Za-z._~+/=-]{24})"
        r"(?P<secret>[A-Za-z0-9._~+/=-]{12,})",
    ),
    **_shape(
        "bearer",
        "uthorization",
        r"uthorization[\"']?\s{0,4}[:=]\s{0,4}[\"']?(?i:basic)\s{1,4}(?P<secret>[A-Za-z0-9+/=_-]{8,})",
    ),
    **_shape(
        "url_credentials",
        "://",
        r"://(?P<secret>[^\s/?#@:\"'<>]{0,256}:[^\s/?#@\"'<>]{1,256}|[^\s/?#@:\"'<>]{16,256})@",
    ),
    **_shape("aws_key", "AKIA ASIA", r"A[KS]IA(?<![A-Za-z0-9]A[KS]IA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    **_shape(
        "google_key",
        "AIza ya29.",
        r"(?<![A-Za-z0-9])(?:AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,})",
    ),
    **_shape("slack_token", "xox", r"xox(?<![A-Za-z0-9]xox)[abeoprs]-[A-Za-z0-9-]{10,}"),
    **_shape(
        "private_key",
        "PRIVATE KEY",
        r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?P<secret>[A-Za-z0-9+/=\s\\:,]{16,})",
    ),
    **_shape(
        "jwt",
        "eyJ",
        r"eyJ(?<![A-Za-z0-9_-]eyJ)[A-Za-z0-9_-]{10,4096}\.[A-Za-z0-9_-]{10,8192}\.[A-Za-z0-9_-]{10,}",
    ),
}
# These hold an underscore, which few texts do.
_UNDERSCORED = {
    **_shape("api_key", "gsk_ r8_", r"(?<![A-Za-z0-9])(?:gsk_|r8_)[A-Za-z0-9]{20,}"),
    **_shape("hub_token", "hf_", r"hf_(?<![A-Za-z0-9]hf_)(?:oauth_|jwt_)?[A-Za-z0-9]{20,}"),
    **_shape("hub_token", "api_org_", r"api_org_(?<![A-Za-z0-9]api_org_)[A-Za-z0-9]{20,}"),
    **_shape("github_token", "gh", r"gh(?<![A-Za-z0-9]gh)[pousr]_[A-Za-z0-9]{30,}"),
    **_shape("github_token", "github_pat_", r"github_pat_[A-Za-z0-9_]{22,}"),
}


def redact(text: str) -> str:
    """The text with every secret in it replaced by `[redacted]`; a text without secrets is returned as it is.

    Takes time linear in the length of the text.
    """
    findings = find_secrets(text)
    if not findings:
        return text
    parts, end = [], 0
    for finding in findings:
        parts += [text[end : finding.start], MARK]
        end = finding.end
    return "".join([*parts, text[end:]])


def find_secrets(text: str) -> list[Finding]:
    """The secrets in a text in their order, without overlaps."""
    found = [
        Finding("configured", start, start + len(form))
        for form in _configured()
        if form in text
        for start in _places(form, text)
    ]
    shapes = {shape for hint, shape in _SHAPES.items() if hint in text}
    if "_" in text:
        shapes |= {shape for hint, shape in _UNDERSCORED.items() if hint in text}
    for shape in shapes:
        found += [Finding(shape.kind, *match.span(shape.secret)) for match in shape.pattern.finditer(text)]
    return _apart(found) if len(found) > 1 else found


def register(secret: str) -> None:
    """Treat a value as a secret from now on, in this process: credentials in a URL, a token read from a file.

    What is shorter than 8 characters is not registered: it would be found in ordinary text.
    """
    global _registered
    if secret not in _registered:
        _registered = _registered | {secret}


def _places(form: str, text: str) -> Iterator[int]:
    start = text.find(form)
    while start >= 0:
        yield start
        start = text.find(form, start + len(form))


def _apart(findings: list[Finding]) -> list[Finding]:
    """Findings in their order; those that overlap become one, of the kind that begins first."""
    findings.sort(key=lambda finding: (finding.start, -finding.end))
    apart = findings[:1]
    for finding in findings[1:]:
        last = apart[-1]
        if finding.start >= last.end:
            apart.append(finding)
        elif finding.end > last.end:
            apart[-1] = Finding(last.kind, last.start, finding.end)
    return apart


class _Configured(NamedTuple):
    """The configured secrets in all their forms, and the state of the process that they were read from."""

    registered: frozenset[str]
    variables: int
    values: tuple[tuple[str, str | None], ...]
    forms: tuple[str, ...]


def _configured() -> tuple[str, ...]:
    """The configured secrets in all their forms, longest first.

    To read the whole environment takes longer than to search an ordinary text. It is read again when the
    number of variables, or the value of one that held a secret, has changed.
    """
    global _known
    known = _known
    if (
        known.registered is not _registered
        or known.variables != len(os.environ)
        or any(os.environ.get(name) != value for name, value in known.values)
    ):
        _known = known = _read()
    return known.forms


def _read() -> _Configured:
    registered = _registered
    named = {name: os.environ.get(name) for name in _NAMES}
    named |= {name: value for name, value in os.environ.items() if _SECRET_NAME.search(name)}
    secrets = {value.strip() for value in (*registered, *named.values()) if value}
    forms = {
        form
        for secret in secrets
        if len(secret) >= _SHORTEST and secret not in MARK
        for form in (secret, quote(secret, safe="", errors="replace"), json.dumps(secret)[1:-1])
    }
    return _Configured(
        registered, len(os.environ), tuple(named.items()), tuple(sorted(forms, key=lambda f: (-len(f), f)))
    )


_registered: frozenset[str] = frozenset()
_known = _Configured(_registered, -1, (), ())

"""What a refusal means, and what of it may be shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lema_hub.engines.refusals import Dialect, Refusal, reason, said
from lema_hub.errors import EngineError

KEY = "sk-0123456789abcdef"


def refusal(status: int, **error: Any) -> Refusal:
    return Refusal.of("http://a/v1", status, json.dumps({"error": error}).encode())


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (400, {"message": "odd"}, "bad_request"),
        (400, {"message": "the context length is 4096"}, "prompt_too_long"),
        (400, {"code": "context_length_exceeded"}, "prompt_too_long"),
        (307, {}, "bad_request"),
        (408, {}, "server_error"),
        (429, {"message": "slow down"}, "rate_limited"),
        (503, {}, "server_error"),
    ],
)
def test_a_request_fails_by_its_reason(status: int, error: dict[str, Any], expected: str) -> None:
    assert refusal(status, **error).failure("m").reason == expected


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (401, {"message": "no"}, "refused the key"),
        (403, {"message": "no"}, "refused the key"),
        (404, {"message": "no"}, "does not know 'm'"),
        (429, {"message": "no", "code": "insufficient_quota"}, "out of credit"),
    ],
)
def test_what_no_request_can_pass_ends_the_run(status: int, error: dict[str, Any], message: str) -> None:
    with pytest.raises(EngineError, match=message):
        refusal(status, **error).failure("m")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"message": "use max_completion_tokens"}, Dialect(limit="max_completion_tokens")),
        ({"message": "no", "param": "response_format"}, Dialect(schemas=False)),
        ({"message": "no", "param": "n"}, Dialect(choices=False)),
        ({"message": "no"}, None),
    ],
)
def test_a_refusal_narrows_the_dialect(error: dict[str, Any], expected: Dialect | None) -> None:
    assert refusal(400, **error).narrower(Dialect()) == expected
    assert refusal(500, **error).narrower(Dialect()) is None


def test_a_key_is_found_behind_escapes_and_in_every_field() -> None:
    escaped = "".join(f"\\u{ord(character):04x}" for character in KEY)
    raw = json.dumps({"error": {"message": "M", "code": "M", "param": "M", "more": ["M"]}}).replace(
        "M", escaped
    )
    found = Refusal.of("http://a/v1", 400, raw.encode())
    assert (found.message, found.code, found.param) == ("[redacted]",) * 3
    assert KEY not in json.dumps(found.body)
    plain = Refusal.of("http://a/v1", 302, f"see {KEY}".encode(), location=f"http://b/?key={KEY}")
    assert KEY not in repr(plain)
    assert "http://b/?key=[redacted]" in plain.message


def test_what_a_server_puts_into_a_field_is_text_or_nothing() -> None:
    assert [said(value) for value in ("a", 7, None, {"a": 1}, ["a"])] == ["a", "7", "", "", ""]
    assert [reason(code) for code in ("batch_expired", "Not one", 7, None, "x" * 99)] == ["batch_expired"] + [
        "malformed"
    ] * 4

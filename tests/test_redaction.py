"""Secrets are found and replaced, whatever stands around them, and mathematics is left alone."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lema_hub import redaction
from lema_hub.redaction import MARK, find_secrets, redact, register

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
# kind, the text before the secret, the secret, the text after it
SHAPES = [
    ("api_key", "", "sk-0123456789abcdef", ""),
    ("api_key", "", "sk-proj-abc_DEF-0123456789", ""),
    ("api_key", "", "sk-ant-api03-0123456789abcdef", ""),
    ("api_key", "", "gsk_0123456789abcdefghij", ""),
    ("api_key", "", "xai-0123456789abcdefghij", ""),
    ("api_key", "api_key=", "0123456789abcdef", ""),
    ("api_key", '{"X-Api-Key": "', "0123456789abcdef", '"}'),
    ("hub_token", "", "hf_" + "aB" * 17, ""),
    ("hub_token", "", "api_org_" + "aB" * 17, ""),
    ("bearer", "Authorization: Bearer ", "0123456789abcdef", ""),
    ("bearer", "bearer ", "abcdefghijklmnopqrstuvwxyz", ""),
    ("bearer", "authorization: Basic ", base64.b64encode(b"user:password").decode(), ""),
    ("url_credentials", "https://", "user:pass", "@example.org/v1"),
    ("url_credentials", "https://", ":pass", "@example.org/v1"),
    ("url_credentials", "https://", "0123456789abcdef", "@example.org/v1"),
    ("aws_key", "", "AKIAIOSFODNN7EXAMPLE", ""),
    ("github_token", "", "ghp_" + "a1" * 18, ""),
    ("github_token", "", "github_pat_" + "a1" * 18, ""),
    ("google_key", "", "AIza" + "a1-_b" * 7, ""),
    ("google_key", "", "ya29.a0123456789abcdefghij", ""),
    ("slack_token", "", "xoxb-0123456789-abcdef", ""),
    ("private_key", "-----BEGIN RSA PRIVATE KEY-----", "\nMIIEpAIBAAKCAQEA7\n", "-----END"),
    ("jwt", "", JWT, ""),
]
AROUND = st.text(st.characters(exclude_categories=["L", "N"], exclude_characters="_-.~+/=:@"), max_size=20)


@given(shape=st.sampled_from(SHAPES), before=AROUND, after=AROUND)
def test_a_key_is_found_whatever_stands_around_it(
    shape: tuple[str, str, str, str], before: str, after: str
) -> None:
    kind, left, secret, right = shape
    text = f"{before} {left}{secret}{right} {after}"
    assert redact(text) == f"{before} {left}{MARK}{right} {after}"
    (finding,) = find_secrets(text)
    assert finding.kind == kind
    assert text[finding.start : finding.end] == secret
    assert secret not in repr(finding)


@pytest.mark.parametrize("kind", sorted({shape[0] for shape in SHAPES}))
def test_every_secret_of_a_text_is_replaced(kind: str) -> None:
    parts = [f"{left}{secret}{right}" for named, left, secret, right in SHAPES if named == kind]
    found = find_secrets(" ; ".join(parts))
    assert len(found) == len(parts)
    assert found == sorted(found, key=lambda finding: finding.start)


@given(st.text(st.sampled_from("sk-hf_ earer://@:Bgp.yJAKIAz019xob[redacted]"), max_size=200))
def test_redacting_twice_changes_nothing(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@given(st.text())
def test_a_text_without_secrets_is_returned_as_it_is(text: str) -> None:
    assert redact(text) is text or MARK in redact(text)


SECRET = st.text(
    st.characters(codec="utf-8", exclude_categories=["Z", "C"], exclude_characters=MARK),
    min_size=8,
    max_size=60,
)


@given(secret=SECRET, before=st.text(), after=st.text())
def test_a_configured_secret_is_found_in_any_text_and_form(secret: str, before: str, after: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", secret)
        for form in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1]):
            assert form not in redact(before + form + after)
            assert find_secrets(before + form + after)


@pytest.mark.parametrize(
    "name",
    ["OPENAI_API_KEY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "TOGETHER_API_KEY", "my_secret", "X_TOKEN"],
)
def test_an_environment_variable_is_a_secret_as_soon_as_it_is_set(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    text = "first-value, other-value"
    assert redact(text) == text
    monkeypatch.setenv(name, "first-value")
    assert redact(text) == f"{MARK}, other-value"
    monkeypatch.setenv(name, "other-value")
    assert redact(text) == f"first-value, {MARK}"
    monkeypatch.delenv(name)
    assert redact(text) == text


def test_a_short_or_unrelated_value_is_not_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "EMPTY")
    monkeypatch.setenv("SOME_NAME", "a-long-enough-value")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false-enough")
    assert find_secrets("EMPTY a-long-enough-value false-enough") == []


def test_what_code_registers_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_registered", frozenset())
    register("pass phrase")
    register("short")
    assert redact("pass phrase, pass%20phrase, short") == f"{MARK}, {MARK}, short"


def test_overlapping_secrets_are_one_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789abcdef")
    monkeypatch.setenv("HF_TOKEN", "9abcdef and more")
    text = "Bearer sk-0123456789abcdef and more."
    (finding,) = find_secrets(text)
    assert (finding.start, finding.end) == (len("Bearer "), len(text) - 1)
    assert redact(text) == f"Bearer {MARK}."


@pytest.mark.parametrize(
    "text",
    [
        "the bearer must pay 12 dollars", "bearer responsibilities", "risk-averse-investors-hold-bonds",
        "sk-learn", "hf_hub_download", "http://localhost:8000/v1", "ssh://git@example.org", "x_{hf_1}",
        "f://g: 3 @ 4", r"\frac{a}{b}_{gh_i}", "the key: 12345678901234567890", "AKIAK", "Basic arithmetic",
        "task-based-learning-is-fun", "0x1234567890abcdef1234567890abcdef12345678",
    ],
)  # fmt: skip
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert find_secrets(text) == []


UNITS = [
    "sk-", " sk-abc", "Bearer ", "bearer a", "bearer    ", "://a:", "://" + "a" * 40, "eyJ", "eyJ" + "a" * 20 + ".",
    "-----BEGIN PRIVATE KEY-----", "api_key=", "api_key=a", "authorization: basic ", " xai-a", " gsk_", "AKIA",
]  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
def test_a_megabyte_of_beginnings_takes_no_quadratic_time(unit: str) -> None:
    """No clock is read: a quadratic search would take hours."""
    redact(unit * (1_000_000 // len(unit)))


def test_real_problems_and_solutions_raise_no_alarm(shared_data: Path) -> None:
    files = sorted(file for name in ("gsm8k", "math") for file in (shared_data / name).glob("*.jsonl"))
    texts = [file.read_text(encoding="utf-8") for file in files]
    assert sum(map(len, texts)) > 10_000_000
    assert [find_secrets(text) for text in texts] == [[]] * len(files)

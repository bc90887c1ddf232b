"""What a Batch API may answer: everything is read strictly and bounded."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from lema_hub.engines import Failure, Ledger, Request, Response, Sampling, batch_api
from lema_hub.engines.batch import BatchEngine
from lema_hub.engines.batch_api import Batch, _lines
from lema_hub.engines.openai import OpenAIEngine
from lema_hub.errors import EngineError
from tests.endpoint import Reply, reply
from tests.engines.batches import BatchEndpoint

KEY = "plain-secret-0123456789"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def run(endpoint: BatchEndpoint, folder: Path, *prompts: str) -> list[Response | Failure]:
    requests = [Request(prompt=prompt, sampling=Sampling(max_tokens=9)) for prompt in prompts]
    engine = BatchEngine(OpenAIEngine("m", base_url=endpoint.url), poll=0.01)
    with Ledger(folder / "l.sqlite") as ledger:
        return ledger.run(engine, requests, stage="s")


class Twisted(BatchEndpoint):
    """Rewrites the lines of output files, or what it says of batches."""

    def twist(self, route: str, answer: Reply) -> Reply:
        return answer

    def _route(self, method: str, route: str, path: str, headers: dict[str, str], raw: bytes) -> Reply:
        return self.twist(route, super()._route(method, route, path, headers, raw))


def rewritten(answer: Reply, lines: Iterable[Any]) -> Reply:
    return Reply(body=b"\n".join(x if isinstance(x, bytes) else json.dumps(x).encode() for x in lines))


def test_odd_lines_answer_nothing_and_spare_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Odd(Twisted):
        def twist(self, route: str, answer: Reply) -> Reply:
            if not route.endswith("/content"):
                return answer
            good, *rest = [json.loads(line) for line in answer.body.splitlines()]
            own, echo, error, deep = rest
            own["response"]["status_code"] = [200]
            echo["response"] = {"status_code": 400, "body": {"error": {"message": f"no {KEY}", "code": KEY}}}
            error |= {"response": None, "error": {"code": f"batch_{KEY}", "message": {KEY: KEY}}}
            deep = (
                json.dumps(deep)
                .replace('"usage"', '"x": ' + "[" * 10_000 + "]" * 10_000 + ', "usage"')
                .encode()
            )
            junk = [b"\xff\xfe", b"[1", b"7", b"x" * 3_000_000, {"custom_id": [KEY]}, {"custom_id": KEY}]
            return rewritten(answer, [*junk, good, own, echo, error, deep, good])

    with Odd() as endpoint:
        found = run(endpoint, tmp_path, *"abcde")
    assert isinstance(found[0], Response)
    reasons = [answer.reason for answer in found if isinstance(answer, Failure)]
    assert reasons == ["bad_request", "bad_request", "malformed", "missing"]
    assert KEY.encode() not in (tmp_path / "l.sqlite").read_bytes()
    assert KEY not in caplog.text + repr(found)
    assert "lines that are not answers" in caplog.text


@pytest.mark.parametrize(
    "odd",
    [
        {"id": ["x"]}, {"id": "../../x"}, {"status": None}, [], "text", b"{", b"\xff", b"[" * 100_000, b"",
    ],
)  # fmt: skip
def test_what_is_not_a_batch_ends_the_run_in_one_line(tmp_path: Path, odd: Any) -> None:
    class Other(Twisted):
        def twist(self, route: str, answer: Reply) -> Reply:
            if not route.startswith("batches/"):
                return answer
            if isinstance(odd, bytes):
                return Reply(body=odd)
            return reply(json.loads(answer.body) | odd if isinstance(odd, dict) else odd)

    with (
        Other() as endpoint,
        pytest.raises(EngineError, match=r"something that is not a batch|is not JSON") as caught,
    ):
        run(endpoint, tmp_path, "a")
    assert "\n" not in str(caught.value)


def test_odd_fields_of_a_batch_are_ignored() -> None:
    found = Batch.of(
        {
            "id": "b", "status": f"{KEY}!", "metadata": ["lema_hub"], "created_at": 10**300, "errors": {"data": 7},
            "request_counts": {"total": -1, "completed": "x", "failed": 10**30}, "output_file_id": "../../etc",
            "error_file_id": 7,
        }
    )  # fmt: skip
    assert found == Batch("b", "malformed", None, 0.0, (), False, "", 0, 0)


def test_a_list_of_batches_without_an_end_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_api, "_MOST_LISTED", 300)

    class Endless(Twisted):
        def _route(self, method: str, route: str, path: str, headers: dict[str, str], raw: bytes) -> Reply:
            if (method, route) != ("GET", "batches"):
                return super()._route(method, route, path, headers, raw)
            self.polls += 1
            one = {"id": "b", "status": "completed", "created_at": 1 << 40}
            return reply({"data": [one] * 100, "has_more": True})

    with Endless() as endpoint:
        endpoint.lost_creations = 1
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        with pytest.raises(EngineError, match="lists more than 300 batches"):
            run(endpoint, tmp_path, "a")
        assert endpoint.polls == 3


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}])
def test_an_object_that_is_too_long_or_compressed_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    monkeypatch.setattr("openai._base_client.BaseClient._calculate_retry_timeout", lambda *_: 0.0)

    class Long(Twisted):
        def twist(self, route: str, answer: Reply) -> Reply:
            if not route.startswith("batches/"):
                return answer
            return Reply(body=b" " * (5 << 20) if not headers else b"x", headers=headers)

    with Long() as endpoint, pytest.raises(EngineError, match=r"longer than it may be|compressed answer"):
        run(endpoint, tmp_path, "a")


def test_lines_are_cut_where_they_end_and_long_ones_are_none() -> None:
    parts = [b"ab\ncd", b"ef\n", b"\n12345", b"6\n1234", b"5", b"\nlast"]
    assert list(_lines(parts, 5)) == [b"ab", b"cdef", b"", None, b"12345", b"last"]
    assert list(_lines([b"123456789"], 5)) == [None]

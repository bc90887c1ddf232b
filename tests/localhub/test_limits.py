"""The rate limit: the headers, the refusal, and the stock client that waits for it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError
from huggingface_hub.utils import get_session
from huggingface_hub.utils._http import parse_ratelimit_headers

from lema_hub.localhub import HubError, LocalHub, RateLimit


def start_of_window(seconds: int) -> None:
    """Wait until the next window begins, so that the requests of a test fall into one."""
    time.sleep(seconds - time.time() % seconds)


def test_every_answer_says_what_is_left_and_a_refusal_when_to_come_back(tmp_path: Path) -> None:
    with LocalHub(tmp_path, rate_limit=RateLimit(requests=2, seconds=4)) as hub:
        api = HfApi(endpoint=hub.url, token=hub.token)
        start_of_window(4)
        answer = get_session().get(f"{hub.url}/api/models")
        left = parse_ratelimit_headers(answer.headers)
        assert left is not None
        assert (left.resource_type, left.remaining, left.limit, left.window_seconds) == ("api", 1, 2, 4)
        for _ in range(2):  # another asker has a count of its own
            with pytest.raises(RepositoryNotFoundError):
                api.list_repo_refs("lema/none")
        with pytest.raises(HfHubHTTPError, match="you have reached your 'api' rate limit") as caught:
            api.list_repo_refs("lema/none")
        refused = caught.value.response
        assert (refused.status_code, 1 <= int(refused.headers["retry-after"]) <= 4) == (429, True)
        time.sleep(float(refused.headers["retry-after"]))
        assert api.whoami()["name"] == "lema"


def test_the_client_waits_where_it_can(tmp_path: Path) -> None:
    with LocalHub(tmp_path, rate_limit=RateLimit(requests=4, seconds=2)) as hub:
        api = HfApi(endpoint=hub.url, token=hub.token)
        api.create_repo("lema/x")
        started = time.monotonic()
        for _ in range(6):
            assert [one.id for one in api.list_models()] == ["lema/x"]  # paginated listings are tried again
        assert time.monotonic() - started > 1


def test_a_limit_of_nothing_is_none() -> None:
    with pytest.raises(HubError, match="got 0/300"):
        RateLimit(0)

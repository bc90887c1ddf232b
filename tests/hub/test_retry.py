"""A rate limit is waited for."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from lema_hub.hub.publish import publish_dataset
from lema_hub.hub.pull import pull
from lema_hub.hub.repo import Repo
from lema_hub.hub.retry import patient
from lema_hub.localhub import LocalHub, RateLimit
from tests.hub.test_release import tags


def test_a_rate_limit_is_waited_for_as_long_as_the_hub_asks(
    api: HfApi, repo_id: str, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    real, pauses, refused = HfApi.create_commit, [], []

    def limited(self: HfApi, *args: object, **options: object) -> object:
        if not refused:
            refused.append(True)
            response = httpx2.Response(
                429,
                headers={
                    "ratelimit": '"api";r=0;t=17',
                    "ratelimit-policy": '"fixed window";"api";q=1000;w=300',
                },
                request=httpx2.Request("POST", f"{api.endpoint}/api/x"),
            )
            raise HfHubHTTPError("429 Too Many Requests", response=response)
        return real(self, *args, **options)

    monkeypatch.setattr(HfApi, "create_commit", limited)
    monkeypatch.setattr("tenacity.nap.time.sleep", pauses.append)
    published = publish_dataset(built, repo_id, version="0.1.0", api=api)
    assert tags(api, repo_id) == {"v0.1.0": published.commit}
    assert pauses[0] == 17


def test_a_whole_release_waits_for_a_real_rate_limit(built: Path, tmp_path: Path) -> None:
    # Fewer requests in a window than a release needs: first state, access, commit, tag, and the reading back.
    with LocalHub(tmp_path / "hub", rate_limit=RateLimit(requests=6, seconds=2)) as slow:
        api = HfApi(endpoint=slow.url, token=slow.token)
        started = time.monotonic()
        published = publish_dataset(built, "lema/slow", version="0.1.0", api=api)
        pulled = pull("lema/slow", "v0.1.0", out=tmp_path / "pulled", api=api)
        assert time.monotonic() - started > 1
        assert (pulled.commit, tags_when_allowed(api, "lema/slow")) == (
            published.commit,
            {"v0.1.0": published.commit},
        )


@patient
def tags_when_allowed(api: HfApi, repo_id: str) -> dict[str, str]:
    with Repo.at(repo_id, "dataset", api).explained():
        return tags(api, repo_id)

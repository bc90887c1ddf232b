"""Fixtures of the embedded Hub's tests: real clients against a real server."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from huggingface_hub import HfApi

from lema_hub.localhub import LocalHub, auth
from lema_hub.localhub.server import DATABASE
from lema_hub.localhub.store import Store

_numbers = itertools.count(1)
# huggingface_hub 2.4 sends large files with a keyword that its own HTTP client deprecates (lfs.py, `data=`).
_CLIENT_WARNING = "ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the stock client's own warning pass; every other one stays an error."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(_CLIENT_WARNING))


@pytest.fixture(scope="session")
def api(hub: LocalHub) -> HfApi:
    """The stock client with the hub's first token."""
    return HfApi(endpoint=hub.url, token=hub.token)


@pytest.fixture
def anonymous(hub: LocalHub) -> HfApi:
    """The stock client without a token."""
    return HfApi(endpoint=hub.url, token=False)


@pytest.fixture
def dataset(api: HfApi) -> str:
    """The id of a new, empty dataset repo."""
    repo_id = f"lema/set-{next(_numbers)}"
    api.create_repo(repo_id, repo_type="dataset")
    return repo_id


ClientOf = Callable[..., HfApi]


@pytest.fixture
def client_of(hub: LocalHub) -> Iterator[ClientOf]:
    """Make a client with a new token of a given role and user."""
    store = Store(hub.directory / DATABASE)

    def client(role: auth.Role, user: str, **options: Any) -> HfApi:
        with store.write() as db:
            secret = auth.create_token(
                db, name=f"{role}-{user}-{next(_numbers)}", user=user, role=role, **options
            )
        return HfApi(endpoint=hub.url, token=secret)

    yield client
    store.close()


@dataclass(frozen=True)
class Reply:
    """A raw HTTP answer; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def error(self) -> str:
        return str(json.loads(self.body)["error"])

    def json(self) -> Any:
        return json.loads(self.body)


Send = Callable[..., Reply]


@pytest.fixture
def send(hub: LocalHub) -> Send:
    """Send a request exactly as written, which client libraries would normalise."""

    def send(
        method: str,
        path: str,
        *,
        body: bytes | dict[str, Any] | None = None,
        token: str | None = hub.token,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        place = urlsplit(path if path.startswith("http") else hub.url + path)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
        sent = dict(headers or {})
        if token is not None:
            sent.setdefault("Authorization", f"Bearer {token}")
        if isinstance(body, dict):
            sent["Content-Type"] = "application/json"
            body = json.dumps(body).encode()
        try:
            connection.request(method, place.path + (f"?{place.query}" if place.query else ""), body, sent)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, found, answer.read())
        finally:
            connection.close()

    return send


@pytest.fixture
def run_client(hub: LocalHub, tmp_path: Path) -> Callable[..., str]:
    """Run a script in a process of its own that knows the hub by its environment only; returns its stdout."""

    def run(script: str, *, token: str | None = hub.token, home: Path | None = None) -> str:
        kept = {
            name: os.environ[name]
            for name in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")
            if name in os.environ
        }
        environment = {
            **kept,
            "HF_ENDPOINT": hub.url,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HOME": str(home or tmp_path / "hf-home"),
            "OMP_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "passive",
        }
        if token is not None:
            environment["HF_TOKEN"] = token
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    return run

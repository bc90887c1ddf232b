"""A running Hub: one directory, one port, one background thread.

    with LocalHub(Path("hub")) as hub:
        api = huggingface_hub.HfApi(endpoint=hub.url, token=hub.token)
        api.create_repo(f"{hub.namespace}/first", repo_type="dataset")

The directory holds everything: `hub.sqlite3`, `blobs/`, the first token in `token` (readable by its owner
only), and, while it is served, `server.json` with url and process id. It is locked, so that two servers
never share it.
"""

import fcntl
import json
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import uvicorn

from lema_hub.localhub import auth
from lema_hub.localhub.blobs import Blobs
from lema_hub.localhub.errors import (
    ApiError,
    DirectoryInUseError,
    HubError,
    NotServingError,
    storage_errors,
)
from lema_hub.localhub.http.app import application
from lema_hub.localhub.http.call import State
from lema_hub.localhub.http.connection import Connection, limit
from lema_hub.localhub.lfs import Signer
from lema_hub.localhub.limits import RateLimit
from lema_hub.localhub.store import Store

logger = logging.getLogger(__name__)

DATABASE: Final = "hub.sqlite3"
TOKEN_FILE: Final = "token"  # noqa: S105
STATE_FILE: Final = "server.json"
LOCK_FILE: Final = "lock"
FIRST_TOKEN: Final = "first"  # noqa: S105
_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Running:
    """What a directory says about the server that serves it."""

    url: str
    pid: int
    namespace: str
    token: str


class LocalHub:
    """The embedded Hub, started at once and stopped by `close` or by leaving the `with` block.

    Args:
        directory: Where it keeps everything; made if it is missing.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        namespace: Namespace that the first start makes, and that the first token belongs to.
        allow_hosts: Further host names under which clients may address it (a name in front of a proxy).
        rate_limit: How many requests each asker may send; no limit if None.

    Raises:
        DirectoryInUseError: Another server serves the directory.
        HubError: The port is taken, or the directory cannot be used.
    """

    def __init__(
        self,
        directory: Path | str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        namespace: str = "lema",
        allow_hosts: Iterable[str] = (),
        rate_limit: RateLimit | None = None,
    ) -> None:
        self.directory = Path(directory).resolve()
        with storage_errors(self.directory), ExitStack() as undo:
            _lock(self.directory, undo)
            self._store = Store(self.directory / DATABASE)
            undo.callback(self._store.close)
            blobs = Blobs(self.directory)
            blobs.sweep()
            self.token, self.namespace = _first_token(self._store, self.directory / TOKEN_FILE, namespace)
            if self.namespace.lower() != namespace.lower():
                raise HubError(
                    f"{self.directory} was made for namespace {self.namespace!r}, not {namespace!r}"
                )
            listener = _listen(host, port)
            undo.callback(listener.close)
            shown = _reachable(host)
            self.url = f"http://{shown}:{listener.getsockname()[1]}"
            state = State(
                self._store, blobs, Signer(self._store.setting("upload_key", secrets.token_bytes(32)))
            )
            names = {shown, "127.0.0.1", "localhost", "[::1]", *allow_hosts}
            self._server = uvicorn.Server(
                uvicorn.Config(
                    application(state, names, rate_limit),
                    http=Connection,
                    backlog=max(8, limit() // 8),  # so many at once are accepted before one can be refused
                    lifespan="off",
                    ws="none",
                    log_config=None,
                    access_log=False,
                    server_header=False,
                    # Longer than the clients' own limit, so that they never write to a connection that this
                    # side is just closing.
                    timeout_keep_alive=75,
                    timeout_graceful_shutdown=5,
                )
            )
            self._thread = threading.Thread(
                target=self._server.run, kwargs={"sockets": [listener]}, name="localhub", daemon=True
            )
            self._thread.start()
            undo.callback(self._stop_thread)
            self._wait_until_started()
            _write_state(self.directory, self.url, self.namespace)
            undo.callback((self.directory / STATE_FILE).unlink, missing_ok=True)
            self._undo = undo.pop_all()

    def _wait_until_started(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise HubError(
                    f"the server did not start on {self.url} within {_START_SECONDS:g} s: see its log"
                )
            time.sleep(0.005)

    def _stop_thread(self) -> None:
        self._server.should_exit = True
        self._thread.join(_STOP_SECONDS)

    def close(self) -> None:
        """Answer what is under way, stop, and free the directory; a second call does nothing."""
        self._undo.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve(
    directory: Path | str,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    namespace: str = "lema",
    allow_hosts: Iterable[str] = (),
    rate_limit: RateLimit | None = None,
) -> LocalHub:
    """Start the embedded Hub; the arguments are those of `LocalHub`.

    Example:
        >>> with serve("my-hub") as hub:
        ...     hub.namespace
        'lema'
    """
    return LocalHub(
        directory,
        host=host,
        port=port,
        namespace=namespace,
        allow_hosts=allow_hosts,
        rate_limit=rate_limit,
    )


def running(directory: Path | str, *, wait_seconds: float = 0.0) -> Running:
    """What one needs to talk to the server of a directory.

    Args:
        directory: The server's directory.
        wait_seconds: How long to wait for a server that is starting.

    Raises:
        NotServingError: No server is running there.
    """
    directory = Path(directory).resolve()
    deadline = time.monotonic() + wait_seconds
    while (found := _look_up(directory)) is None:
        if time.monotonic() >= deadline:
            raise NotServingError(
                f"no Hub is running in {directory}: start it with `lema hub serve --dir {directory}`"
            )
        time.sleep(0.05)
    return found


def _look_up(directory: Path) -> Running | None:
    try:
        with (directory / LOCK_FILE).open() as lock:
            # The lock, not the process id, tells a live server: it goes with its holder, however that dies.
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads((directory / STATE_FILE).read_text())
            token = (directory / TOKEN_FILE).read_text().strip()
            return Running(url=found["url"], pid=found["pid"], namespace=found["namespace"], token=token)
    except OSError:
        pass
    return None


def exists(directory: Path | str) -> bool:
    """Whether a Hub was ever served from the directory."""
    return (Path(directory) / DATABASE).is_file()


def _lock(directory: Path, undo: ExitStack) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = undo.enter_context((directory / LOCK_FILE).open("w"))
        (directory / LOCK_FILE).chmod(0o600)
    except OSError as error:
        raise HubError(f"cannot use the directory {directory}: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise DirectoryInUseError(
            f"another Hub serves {directory}: stop it, or choose another directory"
        ) from None


def _listen(host: str, port: int) -> socket.socket:
    try:
        listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
        # Connections inherit it. asyncio sets it only on sockets that name their protocol, which these do not;
        # without it an answer's body waits 40 ms for the acknowledgement of its headers.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (OSError, OverflowError) as error:
        raise HubError(
            f"cannot listen on {host}:{port} ({error}): choose another port, or 0 for a free one"
        ) from None


def _reachable(host: str) -> str:
    """The host of a url for clients on this machine; a wildcard address is none."""
    named = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{named}]" if ":" in named else named


def _first_token(store: Store, path: Path, namespace: str) -> tuple[str, str]:
    """The token of the first start and its user: in a file for its owner, as a hash in the database."""
    if path.exists():
        token = path.read_text().strip()
        with store.read() as db, suppress(ApiError):
            return token, str(auth.identify(db, f"Bearer {token}").user)
        logger.warning("the token in %s is not valid any more: a new one is made", path)
    with store.write() as db:
        taken = {token.name for token in auth.list_tokens(db)}
        name = next(name for number in range(1, 10_000) if (name := f"{FIRST_TOKEN}-{number}") not in taken)
        token = auth.create_token(db, name=name, user=namespace, role="admin")
        _write_private(path, token + "\n")
    return token, namespace


def _write_state(directory: Path, url: str, namespace: str) -> None:
    state = {"url": url, "pid": os.getpid(), "namespace": namespace}
    _write_private(directory / STATE_FILE, json.dumps(state) + "\n")


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)

"""A Hub that misbehaves: the embedded one behind a server that changes chosen answers on their way."""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from lema_hub.localhub import LocalHub

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


@dataclass
class Answer:
    """What is sent: a body of known length, or `endless` parts of it, sent until the client hangs up."""

    status: int
    headers: dict[str, str]
    body: bytes
    endless: bool = False


Change = Callable[[Answer], Answer]


@dataclass
class HostileHub:
    """Its address, the rule in force (method and path, what becomes of the answer), and what was asked and sent."""

    url: str = ""
    rule: tuple[re.Pattern[str], Change] | None = None
    asked: list[str] = field(default_factory=list)
    sent: int = 0

    @contextmanager
    def doing(self, place: str, change: Change) -> Iterator[None]:
        """Change the answers to requests such as `GET /api/datasets/...` that begin with a pattern."""
        self.rule, self.sent = (re.compile(place), change), 0
        self.asked.clear()
        try:
            yield
        finally:
            self.rule = None


@contextmanager
def hostile(hub: LocalHub) -> Iterator[HostileHub]:
    """A misbehaving Hub in front of a real one."""
    state = HostileHub()
    real = urlsplit(hub.url)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if self.headers.get("transfer-encoding") == "chunked":
                body = self._chunks()
            state.asked.append(f"{self.command} {self.path}")
            link = http.client.HTTPConnection(str(real.hostname), real.port, timeout=60)
            kept = {k: v for k, v in self.headers.items() if k.lower() not in _HOP | {"host"}}
            link.request(self.command, self.path, body=body, headers={**kept, "host": real.netloc})
            got = link.getresponse()
            headers = {k.lower(): v for k, v in got.getheaders() if k.lower() not in _HOP}
            if self.command == "HEAD" and got.getheader("content-length"):
                headers["content-length"] = str(got.getheader("content-length"))
            made = Answer(got.status, headers, got.read())
            link.close()
            if state.rule is not None and state.rule[0].match(f"{self.command} {self.path}"):
                made = state.rule[1](made)
            self.send_response(made.status)
            length = {} if made.endless or self.command == "HEAD" else {"content-length": str(len(made.body))}
            for name, value in {**length, **made.headers}.items():
                self.send_header(name, value)
            if made.endless:
                self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            if self.command == "HEAD":
                return
            while made.endless:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(made.body), made.body))
                state.sent += len(made.body)
            self.wfile.write(made.body)
            state.sent += len(made.body)

        def _chunks(self) -> bytes:
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = answer  # noqa: N815 - the server's own names

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""A small OpenAI-compatible endpoint on this machine that answers with a given text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass(slots=True)
class Endpoint:
    """`answer` is what it says next; `asked` are (path, body) of the requests."""

    answer: str = ""
    status: int = 200
    url: str = ""
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


@contextmanager
def serve() -> Iterator[Endpoint]:
    """An endpoint on a free port."""
    endpoint = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            endpoint.asked.append((self.path, body))
            text = {"message": {"role": "assistant", "content": endpoint.answer}, "text": endpoint.answer}
            reply = {"choices": [{"index": 0, "finish_reason": "stop", **text}]}
            if endpoint.status != 200:
                reply = {"error": {"message": "refused"}}  # type: ignore[dict-item]
            data = json.dumps(reply).encode()
            self.send_response(endpoint.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    endpoint.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""A server that answers as it is told to, one answer after the other; the last one for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Answer(NamedTuple):
    """*length* is the Content-Length, where it is to be wrong."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = {}
    length: int | None = None


@dataclass
class Script:
    answers: list[Answer]
    endpoint: str = ""
    heard_at: list[float] = field(default_factory=list)  # of the monotonic clock

    def next(self) -> Answer:
        self.heard_at.append(time.monotonic())
        return self.answers[min(len(self.heard_at), len(self.answers)) - 1]


@contextmanager
def answering(*answers: Answer) -> Iterator[Script]:
    """The server at work, on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.script = script = Script(list(answers), f"http://127.0.0.1:{server.server_address[1]}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer: Answer = self.server.script.next()  # type: ignore[attr-defined]
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body) if answer.length is None else answer.length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""

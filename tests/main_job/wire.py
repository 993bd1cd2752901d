"""A wire that hears every request a command sends, to Batch and to Storage alike.

It changes nothing by itself: the connections of a command end here (`rerouted`), and what comes is sent on.
`hook` is called around each request that is no mere reading (around those too where `hooks_reads`
says so), on the thread that carries it; a test that wants to cut a command off at one exact point
does it there. `rewrite` may put other words
into an answer's mouth, where the local account would never say them.
"""

from __future__ import annotations

import http.client
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlsplit

import pytest

from .rerouted import sitecustomize

_REROUTED = Path(sitecustomize.__file__).parent


class Moment(Enum):
    """A point in a request's life."""

    BEFORE = "before it is sent on"
    AFTER = "after the service did it, before the command knows"


class Heard(NamedTuple):
    """A request's method and its target, without host; signatures left out."""

    method: str
    path: str

    @property
    def reads(self) -> bool:
        return self.method in ("GET", "HEAD")


class Cut(Exception):
    """What a hook raises to cut the line: the request goes no further, or its answer is lost."""


class Said(Exception):
    """What a hook raises to answer itself, in the service's place."""

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers


Hook = Callable[[Moment, Heard], None]
Rewrite = Callable[[Heard, bytes], bytes]


@dataclass
class Wire:
    """What was heard so far. `environment` is what a command needs to go through here.

    `sent` has the same requests whole: target and body, each as it went over the wire.
    """

    environment: dict[str, str]
    heard: list[Heard] = field(default_factory=list)
    sent: list[tuple[str, bytes]] = field(default_factory=list)
    hook: Hook | None = None
    hooks_reads: bool = False
    rewrite: Rewrite | None = None

    @property
    def changing(self) -> list[Heard]:
        """The requests that were more than a look."""
        return [request for request in self.heard if not request.reads]


@contextmanager
def listening() -> Iterator[Wire]:
    """A wire on a free port, for as long as the block lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.wire = Wire(_environment(server.server_address[1]))  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.wire  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def wired() -> Iterator[Wire]:
    """Within it the commands of this process go through the wire."""
    with listening() as wire, pytest.MonkeyPatch.context() as patch:
        through = sitecustomize.through(int(wire.environment[sitecustomize.VARIABLE]))
        patch.setattr(http.client.HTTPConnection, "connect", through)
        yield wire


def _environment(port: int) -> dict[str, str]:
    path = os.pathsep.join(filter(None, (str(_REROUTED), os.environ.get("PYTHONPATH"))))
    return {"PYTHONPATH": path, sitecustomize.VARIABLE: str(port)}


def _do_nothing(_moment: Moment, _heard: Heard) -> None:
    """The hook of a wire that has none."""


class _Upstream(http.client.HTTPConnection):
    """A connection to where the request was sent, also where this process's own are rerouted."""

    def connect(self) -> None:
        self.sock = socket.create_connection((self.host, self.port), self.timeout)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _carry(self) -> None:
        wire: Wire = self.server.wire  # type: ignore[attr-defined]
        target = urlsplit(f"http://{self.headers['Host']}{self.path}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        operation = dict(parse_qsl(target.query)).get("comp", "")
        heard = Heard(self.command, f"{target.path}?comp={operation}" if operation else target.path)
        wire.heard.append(heard)
        wire.sent.append((target.geturl(), body))
        is_hooked = wire.hooks_reads or not heard.reads
        hook = wire.hook if wire.hook is not None and is_hooked else _do_nothing
        try:
            hook(Moment.BEFORE, heard)
            answer, content = self._ask(target, body)
            hook(Moment.AFTER, heard)
        except Cut:
            self.close_connection = True
            return
        except Said as said:
            self._say(said)
            return
        self._answer(answer, wire.rewrite(heard, content) if wire.rewrite is not None else content)

    def _say(self, said: Said) -> None:
        self.send_response_only(said.status)
        for name, value in {**said.headers, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def _ask(self, target: SplitResult, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
        """Sends the request on as it came, `Host` and signature included; the answer and its content."""
        upstream = _Upstream(target.hostname or "", target.port or 80, timeout=60)
        where = target.path + (f"?{target.query}" if target.query else "")
        try:
            upstream.putrequest(self.command, where, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("proxy-connection", "connection"):
                    upstream.putheader(name, value)
            upstream.endheaders(body or None)
            answer = upstream.getresponse()
            return answer, answer.read()
        finally:
            upstream.close()

    def _answer(self, answer: http.client.HTTPResponse, content: bytes) -> None:
        try:
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            self.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the command is gone: that is what the test is about

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _carry

    def handle(self) -> None:
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: what was heard is in the list."""

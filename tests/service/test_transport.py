"""The connections under the SDKs: kept open, given back when an answer is read, and never trusted too far."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from http.client import parse_headers

import pytest
import trustme
from azure.core.exceptions import (
    DecodeError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from azure.core.rest import HttpRequest

from batchspec.errors import ServiceError
from batchspec.service.http.transport import Connection

_EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def _answer(body: bytes, *headers: str, length: int | None = None) -> bytes:
    lines = [
        "HTTP/1.1 200 OK",
        f"Content-Length: {len(body) if length is None else length}",
        *headers,
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + body


@dataclass
class Server:
    """Answers with the next of `answers`, the last one for ever; a connection ends after `each` of them."""

    answers: list[bytes]
    each: int
    socket: socket.socket
    connections: list[socket.socket] = field(default_factory=list)
    heard: list[tuple[str, Message, bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def serve(self) -> None:
        with ThreadPoolExecutor(8) as threads, suppress(OSError):  # the listener is closed
            while True:
                connection, _ = self.socket.accept()
                self.connections.append(connection)
                threads.submit(self._talk, connection)

    def _talk(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream, suppress(OSError):  # the client has hung up
            for _ in range(self.each):
                if not (line := stream.readline()):
                    return
                headers = parse_headers(stream)
                body = stream.read(int(headers.get("Content-Length", 0)))
                self.heard.append((line.decode().strip(), headers, body))
                connection.sendall(self.answers[min(len(self.heard), len(self.answers)) - 1])


@contextmanager
def serving(*answers: bytes, each: int = 100, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    plain = socket.create_server(("127.0.0.1", 0))
    with tls.wrap_socket(plain, server_side=True) if tls else plain as listener:
        server = Server(list(answers), each, listener)
        thread = threading.Thread(target=server.serve)
        thread.start()
        try:
            yield server
        finally:
            for open_one in (listener, *server.connections):
                with suppress(OSError):
                    open_one.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.fixture
def connection() -> Iterator[Connection]:
    with closing(Connection()) as made:
        yield made


def _get(connection: Connection, server: Server, path: str = "/", **options: object):
    return connection.send(HttpRequest("GET", server.url + path), **options)


def test_a_connection_is_used_again(connection: Connection) -> None:
    """Calls that follow each other go over one connection, whatever their answers were."""
    with serving(_answer(b"one"), _EMPTY, _answer(b"two")) as server:
        assert [_get(connection, server).content for _ in range(3)] == [b"one", b"", b"two"]
    assert len(server.connections) == 1


def test_a_connection_that_the_service_closed_is_not_used_again(connection: Connection) -> None:
    """The next call makes a new one, and does not fail."""
    with serving(_answer(b"one"), each=1) as server:
        for _ in range(3):
            assert _get(connection, server).content == b"one"
            while server.connections[-1].fileno() != -1:
                time.sleep(0.001)
    assert len(server.connections) == 3


def test_a_stream_that_nobody_reads_to_its_end_costs_its_connection_only(connection: Connection) -> None:
    """What is still to come on it would be taken for the next answer."""
    with serving(_answer(b"x" * 1_000_000), _answer(b"next")) as server:
        pieces = _get(connection, server, stream=True).iter_bytes()
        assert next(pieces).startswith(b"x")
        del pieces
        assert _get(connection, server).content == b"next"
    assert len(server.connections) == 2


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(b"ab" * 100_000), "gzip"),
        (gzip.compress(b"ab" * 60_000) + gzip.compress(b"ab" * 40_000), "gzip"),
        (zlib.compress(b"ab" * 100_000), "deflate"),
        (b"ab" * 100_000, "identity"),
    ],
    ids=["gzip", "two gzips in one", "deflate", "plain"],
)
def test_a_packed_answer_is_unpacked(connection: Connection, body: bytes, encoding: str) -> None:
    """Read at once or as a stream, unless the bytes are wanted as they are."""
    with serving(_answer(body, f"Content-Encoding: {encoding}")) as server:
        assert _get(connection, server).content == b"ab" * 100_000
        assert b"".join(_get(connection, server, stream=True).iter_bytes()) == b"ab" * 100_000
        assert b"".join(_get(connection, server, stream=True).iter_raw()) == body


@pytest.mark.parametrize("read", ["at once", "stream"])
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (_answer(b"half", length=8), IncompleteReadError),
        (_answer(b"no gzip", "Content-Encoding: gzip"), DecodeError),
    ],
    ids=["cut off", "not gzip"],
)
def test_an_answer_that_cannot_be_read_is_an_error(
    connection: Connection, answer: bytes, error: type[Exception], read: str
) -> None:
    """It is never taken for a short answer; and the error is one that the retry policy knows."""
    with serving(answer, each=1) as server, pytest.raises(error):
        _get(connection, server, stream=read == "stream").read()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", ServiceResponseError),
        (b"hello?\r\n\r\n", ServiceResponseError),
        (b"HTTP/1.1 200 OK\r\nContent-", ServiceResponseError),
        (b"HTTP/1.1 200 OK\r\n\r\nhalf?", ServiceResponseError),
    ],
    ids=["nothing", "no HTTP", "half a head", "no length"],
)
def test_no_answer_is_an_error(connection: Connection, answer: bytes, error: type[Exception]) -> None:
    """Whatever comes instead of one."""
    with serving(answer, each=1) as server, pytest.raises(error):
        _get(connection, server)


def test_a_service_that_is_silent_is_given_up(connection: Connection) -> None:
    """After the time that the call has for it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        request = HttpRequest("GET", f"http://127.0.0.1:{silent.getsockname()[1]}/")
        with pytest.raises(ServiceResponseTimeoutError):
            connection.send(request, read_timeout=0.05)


def test_a_port_where_nobody_listens(connection: Connection) -> None:
    """The error says that nothing was sent, and to whom."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        where = f"127.0.0.1:{gone.getsockname()[1]}"
    with pytest.raises(ServiceRequestError, match=f"no connection to {where}: .*refused"):
        connection.send(HttpRequest("GET", f"http://{where}/"))


def test_a_refusal_that_comes_before_the_whole_body_is_heard_is_read(connection: Connection) -> None:
    """A service may answer, and hang up, when it has seen the head."""
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        body = b"x" * 50_000_000
        request = HttpRequest("PUT", f"http://127.0.0.1:{listener.getsockname()[1]}/", content=body)
        answer = threads.submit(connection.send, request)
        with listener.accept()[0] as accepted:
            accepted.recv(1000)
            accepted.sendall(refusal)
    assert (answer.result().status_code, answer.result().content) == (403, b"no")


def test_a_body_and_its_length_are_sent(connection: Connection) -> None:
    """Also where there is none: a PUT without a length is refused by Storage."""
    with serving(_EMPTY) as server:
        connection.send(HttpRequest("PUT", f"{server.url}/a b?x=ä", content=b""))
        connection.send(HttpRequest("PUT", f"{server.url}/", content=b"body"))
    assert [line for line, _, _ in server.heard] == ["PUT /a%20b?x=%C3%A4 HTTP/1.1", "PUT / HTTP/1.1"]
    assert [headers["Content-Length"] for _, headers, _ in server.heard] == ["0", "4"]
    assert [body for _, _, body in server.heard] == [b"", b"body"]


def test_the_guard_stands_before_what_changes_something(connection: Connection) -> None:
    """Not before what reads, nor before leases, which it goes by."""

    def refuse() -> None:
        raise RuntimeError("no more")

    connection.guard = refuse
    with serving(_EMPTY) as server:
        url = server.url
        _get(connection, server)
        connection.send(HttpRequest("PUT", f"{server.url}/?comp=lease"))
        with pytest.raises(RuntimeError):
            connection.send(HttpRequest("PUT", f"{server.url}/"))
    assert len(server.heard) == 2
    with pytest.raises(ServiceRequestError):  # asked only once there is a connection
        connection.send(HttpRequest("PUT", url))


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_what_leaves_this_machine_goes_through_the_proxy(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """requests finds out which, and what goes past it."""
    with serving(_EMPTY) as server:
        _set_proxy(monkeypatch, name, server.url)
        with closing(Connection()) as made:
            made.send(HttpRequest("GET", "http://storage.example/blob"))
    assert [line for line, _, _ in server.heard] == ["GET http://storage.example/blob HTTP/1.1"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_what_stays_on_this_machine_goes_through_no_proxy(
    monkeypatch: pytest.MonkeyPatch, name: str, host: str
) -> None:
    """A proxy could not reach it; here none is even there."""
    _set_proxy(monkeypatch, name, "http://127.0.0.1:9")
    with serving(_EMPTY) as server, closing(Connection()) as made:
        made.send(HttpRequest("GET", server.url.replace("127.0.0.1", host)))
    assert len(server.heard) == 1


def _set_proxy(monkeypatch: pytest.MonkeyPatch, variable: str, address: str) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv(variable, address)


@pytest.mark.parametrize("proxy", ["", "http://127.0.0.1:9"], ids=["straight", "by requests"])
def test_a_certificate_of_an_unknown_authority_is_named(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    """It is an error of ours, which nobody tries again, whoever did the TLS."""
    monkeypatch.setenv("https_proxy", proxy)
    monkeypatch.setenv("no_proxy", "0.0.0.0")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("0.0.0.0").configure_cert(context)
    with serving(_EMPTY, tls=context) as server, closing(Connection()) as made:
        host = server.url.removeprefix("http://").replace("127.0.0.1", "0.0.0.0")  # not called loopback
        with pytest.raises(ServiceError) as caught:
            made.send(HttpRequest("GET", f"https://{host}/"))
    assert str(caught.value) == f"the certificate of {host} is not trusted by this machine"


def test_threads_share_it(connection: Connection) -> None:
    """No two requests are on one connection at a time."""
    answers = [_answer(b"answer")] * 40
    with serving(*answers) as server, ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: _get(connection, server).content, range(8)))
    assert found == [b"answer"] * 8

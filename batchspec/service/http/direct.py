"""HTTP over Python's own `http.client`, with connections kept open."""

from __future__ import annotations

import logging
import os
import select
import ssl
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

from azure.core.exceptions import (
    DecodeError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from azure.core.rest._http_response_impl import HttpResponseImpl  # what the SDK's own transports are built on
from azure.core.utils import case_insensitive_dict

from batchspec.service.http.retry import CONNECTIONS
from batchspec.service.http.way import Guard, not_trusted

_log = logging.getLogger(__name__)

_CONNECT_WITHIN_S, _ANSWER_WITHIN_S = 10.0, 60.0  # unless the call says otherwise: `PatientRetry` does
_AT_ONCE = 64 * 1024
_KEPT_IN_URLS = "!#$%&'()*+,/:;=?@[]~"  # anything else that is not a letter or digit is sent encoded
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})

_Idle = deque[HTTPConnection]


class Direct:
    def __init__(self) -> None:
        self._idle: dict[tuple[str, str], _Idle] = {}

    def close(self) -> None:
        """Ends what is idle. A page that was fetched ahead, and that nobody wants any more, may still come."""
        for idle in list(self._idle.values()):
            while connection := _taken(idle):
                connection.close()

    def send(self, request: Any, guard: Guard, **options: Any) -> Any:
        url = urlsplit(request.url)
        idle = self._idle.setdefault((url.scheme, url.netloc), deque(maxlen=CONNECTIONS))
        connection = _taken(idle) or _connected(url, options.get("connection_timeout", _CONNECT_WITHIN_S))
        try:
            guard()
            with _translated():
                connection.sock.settimeout(options.get("read_timeout", _ANSWER_WITHIN_S))
                answer = _Answer(request, _exchange(connection, url, request), connection, idle)
            if not options.get("stream"):
                answer.read()
        except BaseException:
            connection.close()
            raise
        return answer


def _taken(idle: _Idle) -> HTTPConnection | None:
    """An open connection, the last used first; one that the other side has closed is not given out."""
    while idle:
        try:
            connection = idle.pop()
        except IndexError:  # another thread was first
            return None
        if connection.sock is not None:
            poll = select.poll()
            poll.register(connection.sock, select.POLLIN)
            if not poll.poll(0):
                return connection
        connection.close()
    return None


def _connected(url: SplitResult, within_s: float) -> HTTPConnection:
    host = url.hostname or ""
    connection: HTTPConnection
    if url.scheme == "https":
        connection = HTTPSConnection(host, url.port or 443, timeout=within_s, context=_tls())
    else:
        connection = HTTPConnection(host, url.port or 80, timeout=within_s)
    try:
        connection.connect()
    except ssl.SSLCertVerificationError as error:
        raise not_trusted(url.netloc) from error
    except TimeoutError as error:
        message = f"no connection to {url.netloc} within {within_s:g} s"
        raise ServiceRequestTimeoutError(message, error=error) from error
    except (OSError, UnicodeError) as error:
        raise ServiceRequestError(f"no connection to {url.netloc}: {error}", error=error) from error
    _log.debug("connected to %s", url.netloc)
    return connection


@cache
def _tls() -> ssl.SSLContext:
    """Trusts the authorities that the variables of `requests` name, else those of certifi, as `requests` does."""
    trusted = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    if not trusted:
        import certifi

        trusted = certifi.where()
    if Path(trusted).is_dir():
        return ssl.create_default_context(capath=trusted)
    return ssl.create_default_context(cafile=trusted)


def _exchange(connection: HTTPConnection, url: SplitResult, request: Any) -> HTTPResponse:
    target = quote(f"{url.path or '/'}?{url.query}" if url.query else url.path or "/", safe=_KEPT_IN_URLS)
    headers = {"Accept-Encoding": "gzip", **request.headers}
    # A service that refuses a body may answer, and hang up, before it has heard all of it.
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.request(request.method, target, body=request.content, headers=headers)
    response = connection.getresponse()
    if response.length is None and not response.chunked:  # Python takes half a head for a whole one
        raise HTTPException("an answer without its length cannot be told from one that broke off")
    return response


class _Answer(HttpResponseImpl):
    """An answer whose connection is free for the next request once all of it is read."""

    def __init__(self, request: Any, response: HTTPResponse, connection: HTTPConnection, idle: _Idle) -> None:
        headers = case_insensitive_dict(response.getheaders())
        super().__init__(
            request=request,
            internal_response=response,
            status_code=response.status,
            reason=response.reason,
            content_type=headers.get("content-type"),
            headers=headers,
            stream_download_generator=_Stream,
        )
        self._connection = connection
        self._idle = idle

    def give_up(self) -> None:
        self._connection.close()

    def close(self) -> None:
        """Gives the connection back, or ends it where something of the answer is still to come."""
        if self.is_closed:
            return
        is_whole = self._internal_response.isclosed()
        super().close()
        if is_whole and self._connection.sock is not None:
            self._idle.append(self._connection)
        else:
            self._connection.close()

    def __del__(self) -> None:
        self.close()  # Storage's SDK does not read the body of an empty blob


class _Stream(Iterator[bytes]):
    """The bytes of an answer as they come.

    Arguments and members are those of azure-core's own transports: Storage's SDK asks for them,
    and hangs a blob's properties on the stream.
    """

    def __init__(self, pipeline: object, response: _Answer, *, decompress: bool = True) -> None:  # noqa: ARG002
        self._pieces = _pieces(response, decompress)
        self.response = response
        self.content_length = int(response.headers.get("content-length", 0))

    def __next__(self) -> bytes:
        return next(self._pieces)


def _pieces(answer: _Answer, decompress: bool) -> Iterator[bytes]:
    came: HTTPResponse = answer.internal_response
    packed = decompress and answer.headers.get("content-encoding", "").lower() in _PACKED
    unpack = _Unpacking() if packed else None
    try:
        with _translated():
            while data := came.read(_AT_ONCE):
                yield unpack(data) if unpack else data
            if came.length:  # `read` ends in silence when the other side has hung up
                raise IncompleteRead(b"", came.length)
        answer.close()
    except BaseException:
        answer.give_up()
        raise


class _Unpacking:
    """Undoes gzip or deflate, piece by piece. A gzip file may be several, one after the other."""

    def __init__(self) -> None:
        self._state = zlib.decompressobj(wbits=47)  # tells gzip and zlib apart by their beginnings

    def __call__(self, data: bytes) -> bytes:
        whole = []
        while data:
            if self._state.eof:
                self._state = zlib.decompressobj(wbits=47)
            whole.append(self._state.decompress(data))
            data = self._state.unused_data
        return b"".join(whole)


@contextmanager
def _translated() -> Iterator[None]:
    """Within it, what goes wrong on an open connection is told in azure-core's words, so that it is tried again."""
    try:
        yield
    except IncompleteRead as error:
        raise IncompleteReadError(f"the answer broke off: {error}", error=error) from error
    except zlib.error as error:
        raise DecodeError(f"the answer cannot be unpacked: {error}", error=error) from error
    except TimeoutError as error:
        raise ServiceResponseTimeoutError("the answer did not come in time", error=error) from error
    except (OSError, HTTPException) as error:
        raise ServiceResponseError(f"the connection was lost: {error}", error=error) from error

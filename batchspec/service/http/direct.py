"""HTTP over Python's own `http.client`, with connections kept open."""

from __future__ import annotations

import logging
import os
import select
import ssl
from collections import deque
from contextlib import suppress
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

from azure.core.exceptions import ServiceRequestError, ServiceRequestTimeoutError

from batchspec.service.http.answer import Answer, Idle, in_azure_words
from batchspec.service.http.retry import CONNECTIONS
from batchspec.service.http.way import Guard, not_trusted

_log = logging.getLogger(__name__)

_CONNECT_WITHIN_S, _ANSWER_WITHIN_S = 10.0, 60.0  # unless the call says otherwise: `PatientRetry` does
_KEPT_IN_URLS = "!#$%&'()*+,/:;=?@[]~"  # anything else that is not a letter or digit is sent encoded


class Direct:
    def __init__(self) -> None:
        self._idle: dict[tuple[str, str], Idle] = {}

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
            with in_azure_words():
                connection.sock.settimeout(options.get("read_timeout", _ANSWER_WITHIN_S))
                answer = Answer(request, _exchange(connection, url, request), connection, idle)
            if not options.get("stream"):
                answer.read()
        except BaseException:
            connection.close()
            raise
        return answer


def _taken(idle: Idle) -> HTTPConnection | None:
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


def _tls() -> ssl.SSLContext:
    """Trusts the authorities that the variables of `requests` name, else those of certifi, as `requests` does."""
    trusted = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    if not trusted:
        import certifi

        trusted = certifi.where()
    return _trusting(trusted)


@cache
def _trusting(trusted: str) -> ssl.SSLContext:
    """A program may work with one account after another: each is trusted by the authorities that hold then."""
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

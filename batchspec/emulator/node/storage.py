"""Requests to Blob storage over kept-alive connections: answered in full, or asked again.

Storage of the account's own is Azurite, which is started again when it dies: a node waits for it, where it would give
up another storage after a few tries.
"""

import http.client
import os
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_TIMEOUT_S = 60.0
_IDLE_S = 3.0  # Node.js, and so Azurite, closes a connection that was idle for five
_VERSION = "2021-12-02"
_TRANSIENT = (408, 429, 500, 502, 503, 504)
# As long as Azurite may take to be found dead and to answer again; elsewhere a few tries.
_OWN_PATIENCE_S = 90.0
_PATIENCE_S = 3.0
_LONGEST_PAUSE_S = 2.0

Stopped = Callable[[], bool]
Take = Callable[[http.client.HTTPResponse], Any]


class LocalFileError(Exception):
    """What was to be sent or kept could not be read or written here; raised from the OSError that says why."""


@contextmanager
def local_file() -> Iterator[None]:
    """Faults of this machine's disk, told from those of the connection: asking again does not mend them."""
    try:
        yield
    except OSError as error:
        raise LocalFileError(error.strerror) from error


class Storage:
    """Blob storage as the nodes of one account reach it; *own* is the address of the account's own."""

    def __init__(self, own: str = "") -> None:
        self._own = f"{own.rstrip('/')}/" if own else ""
        self._idle: dict[tuple[str, str], list[tuple[http.client.HTTPConnection, float]]] = {}
        self._lock = threading.Lock()

    def send(
        self,
        method: str,
        url: str,
        take: Take,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        stopped: Stopped = lambda: False,
    ) -> tuple[int, Any]:
        """(status, what *take* made of a good answer, or the error's text).

        The status is 0 where there was no whole answer. What may pass by itself is tried again, until patience ends or
        *stopped* says so. *take* may leave an answer unread when *stopped*; it raises `OSError` or `HTTPException` for
        an answer that is not whole.
        """
        until = time.monotonic() + (_OWN_PATIENCE_S if self._is_own(url) else _PATIENCE_S)
        attempt = 0
        while True:
            status, result = self._try(method, url, take, body, headers or {}, fresh=attempt > 0)
            if (status and status not in _TRANSIENT) or time.monotonic() > until or stopped():
                return status, result
            _pause(min(0.05 * 2**attempt, _LONGEST_PAUSE_S), stopped)
            attempt += 1

    def _is_own(self, url: str) -> bool:
        return bool(self._own) and url.startswith(self._own)

    def _try(
        self, method: str, url: str, take: Take, body: bytes, headers: Mapping[str, str], *, fresh: bool
    ) -> tuple[int, Any]:
        parts = urllib.parse.urlsplit(url)
        target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        connection = self._take(parts.scheme, parts.netloc, fresh=fresh)
        try:
            connection.request(method, target, body or None, {"x-ms-version": _VERSION, **headers})
            answer = connection.getresponse()
            if answer.length is None and not answer.chunked:  # Python takes half a head for a whole one
                raise http.client.HTTPException("an answer without its length")
            result = take(answer) if answer.status < 300 else answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return 0, f"{type(error).__name__}: {error}"
        except BaseException:
            connection.close()
            raise
        if answer.isclosed():
            self._give_back(parts.scheme, parts.netloc, connection)
        else:  # not all of it was wanted
            connection.close()
        return answer.status, result

    # --- connections, each used by one thread at a time

    def _take(self, scheme: str, host: str, *, fresh: bool) -> http.client.HTTPConnection:
        """*fresh* when an idle one has just proved dead: then the others are no better."""
        with self._lock:
            idle = self._idle.get((scheme, host), [])
            while idle:
                connection, since = idle.pop()
                if not fresh and time.monotonic() - since < _IDLE_S:
                    return connection
                connection.close()
        if scheme == "https":
            return http.client.HTTPSConnection(host, timeout=_TIMEOUT_S, context=_tls())
        return http.client.HTTPConnection(host, timeout=_TIMEOUT_S)

    def _give_back(self, scheme: str, host: str, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            self._idle.setdefault((scheme, host), []).append((connection, time.monotonic()))

    def close(self) -> None:
        with self._lock:
            for idle in self._idle.values():
                for connection, _ in idle:
                    connection.close()
            self._idle.clear()


def _pause(seconds: float, stopped: Stopped) -> None:
    """Returns after *seconds*, or soon after *stopped*."""
    until = time.monotonic() + seconds
    while not stopped() and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))


def _tls() -> ssl.SSLContext:
    """Trusts what the process was told to trust, under the names that Python's and requests' users know."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")
    return ssl.create_default_context(cafile=bundle or None)

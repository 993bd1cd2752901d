"""An answer as the SDKs take it: azure-core's public interface over `http.client`."""

from __future__ import annotations

import codecs
import json
import zlib
from collections import deque
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from typing import Any

from azure.core.exceptions import (
    DecodeError,
    HttpResponseError,
    IncompleteReadError,
    ResponseNotReadError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
    StreamClosedError,
    StreamConsumedError,
)
from azure.core.rest import HttpRequest, HttpResponse
from azure.core.utils import case_insensitive_dict

_AT_ONCE = 64 * 1024
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})

Idle = deque[HTTPConnection]
"""Open connections to one host, for the next requests."""


class Answer(HttpResponse):
    """An answer whose connection is free for the next request once all of it is read."""

    # azure-core has abstract properties here; these are set for each answer.
    request: HttpRequest = None  # type: ignore[assignment]
    url: str = ""
    status_code: int = 0
    reason: str = ""
    headers: MutableMapping[str, str] = {}  # noqa: RUF012
    content_type: str | None = None
    encoding: str | None = None
    is_closed: bool = False
    is_stream_consumed: bool = False

    def __init__(
        self, request: HttpRequest, came: HTTPResponse, connection: HTTPConnection, idle: Idle
    ) -> None:
        self._came, self._connection, self._idle = came, connection, idle
        self._content: bytes | None = None
        self.request, self.url = request, request.url
        self.status_code, self.reason = came.status, came.reason
        self.headers = case_insensitive_dict(came.getheaders())
        self.content_type = self.headers.get("content-type")
        self.encoding = _encoding(came)

    @property
    def content(self) -> bytes:
        if self._content is None:
            raise ResponseNotReadError(self)
        return self._content

    def read(self) -> bytes:
        if self._content is None:
            self._content = b"".join(self.iter_bytes())
        return self._content

    def body(self) -> bytes:
        """The content under an older name, by which Storage's SDK knows an answer from the bytes of one."""
        return self.content

    def text(self, encoding: str | None = None) -> str:
        name = encoding or self.encoding or "utf-8"
        return self.content.decode("utf-8-sig" if name == "utf-8" else name, errors="replace")

    def json(self) -> Any:
        return json.loads(self.text())

    def raise_for_status(self) -> None:
        if self.status_code >= 400:
            raise HttpResponseError(response=self)

    def iter_bytes(self, **_: Any) -> Iterator[bytes]:
        """The bytes, unpacked."""
        if self._content is not None:
            yield self._content
        else:
            yield from self._pieces(_Unpacking() if self._is_packed else None)

    def iter_raw(self, **_: Any) -> Iterator[bytes]:
        """The bytes as they come."""
        return self._pieces(None)

    def stream_download(self, _pipeline: object, *, decompress: bool = True) -> _Stream:
        """The bytes under an older name, by which Storage's SDK asks for them."""
        return _Stream(self, self.iter_bytes() if decompress else self.iter_raw())

    @property
    def _is_packed(self) -> bool:
        return self.headers.get("content-encoding", "").lower() in _PACKED

    def _pieces(self, unpack: _Unpacking | None) -> Iterator[bytes]:
        if self.is_stream_consumed:
            raise StreamConsumedError(self)
        if self.is_closed:
            raise StreamClosedError(self)
        self.is_stream_consumed = True
        try:
            with in_azure_words():
                while data := self._came.read(_AT_ONCE):
                    yield unpack(data) if unpack else data
                if self._came.length:  # `read` ends in silence when the other side has hung up
                    raise IncompleteRead(b"", self._came.length)
            self.close()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Gives the connection back, or ends it where something of the answer is still to come."""
        if self.is_closed:
            return
        self.is_closed = True
        if self._came.isclosed() and self._connection.sock is not None:
            self._idle.append(self._connection)
        else:
            self._connection.close()

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()  # Storage's SDK does not read the body of an empty blob


def _encoding(came: HTTPResponse) -> str:
    """As the answer names it; UTF-8 where it names none that Python knows."""
    try:
        return codecs.lookup(came.headers.get_content_charset("utf-8")).name
    except LookupError:
        return "utf-8"


class _Stream(Iterator[bytes]):
    """The bytes of an answer. Storage's SDK asks it for these members, and hangs a blob's properties on it."""

    def __init__(self, response: Answer, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.response = response
        self.content_length = int(response.headers.get("content-length", 0))

    def __next__(self) -> bytes:
        return next(self._pieces)


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
def in_azure_words() -> Iterator[None]:
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

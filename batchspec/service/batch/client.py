"""Batch over the official SDK's pipeline: its credentials, retries and transport, with the REST API's own JSON.

The SDK's models are not used: they cost ten times the call itself, and some of its
helpers hide failures (`create_tasks`, `pool_exists` and the pollers: FACTS 0.1, 0.5, 0.7).
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from queue import SimpleQueue
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import uuid4

from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential, TokenCredential
from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpRequest, HttpResponse

from batchspec.errors import ServiceError
from batchspec.resources.base import Json
from batchspec.service.http.errors import error_of, translated
from batchspec.service.http.retry import Budget, Patience, PatientRetry
from batchspec.service.http.transport import Connection
from batchspec.version import __version__

API_VERSION = "2025-06-01"
_JSON = "application/json; odata=minimalmetadata"
# Quotes within a string are escaped, so this is a name wherever it stands; to decode a page for it takes its time.
_NEXT_LINK = re.compile(rb'"odata\.nextLink"\s*:\s*("(?:[^"\\]|\\.)*")')
_NEXT_LINK_NAME = b'"odata.nextLink"'  # found as bytes in a tenth of the time that a pattern takes

_Call = Callable[[], HttpResponse]

# The SDK's own report of an error that is no JSON would go to stderr by itself; what it says is in ours.
logging.getLogger("azure.batch").addHandler(logging.NullHandler())


class Answer(NamedTuple):
    """A successful answer: the body (empty where there is none) and the headers, names in lower case."""

    body: dict[str, Any]
    headers: Mapping[str, str]


class Batch:
    """A connection to one Batch account. Safe to share between threads."""

    def __init__(
        self,
        endpoint: str,
        credential: AzureNamedKeyCredential | TokenCredential,
        patience: Patience | None = None,
    ) -> None:
        self.endpoint = endpoint.rstrip("/")
        self.connection = Connection()
        self.patience = patience or Patience()
        self._client = BatchClient(
            endpoint=self.endpoint,
            credential=credential,
            retry_policy=PatientRetry(self.patience),
            transport=self.connection,
            user_agent=f"batchspec/{__version__}",
        )

    def close(self) -> None:
        self._client.close()

    def get(self, path: str, *, doing: str, **query: str) -> Answer:
        """What is at *path*. Raises `ServiceError`, with status 404 where there is nothing."""
        return _answer(self._ask("GET", path, None, doing, query), doing)

    def post(
        self,
        path: str,
        body: Json | bytes | None,
        *,
        doing: str,
        etag: str | None = None,
        budget: Budget | None = None,
    ) -> Answer:
        return _answer(self._ask("POST", path, body, doing, {}, etag, budget), doing)

    def patch(self, path: str, body: Json, *, doing: str, etag: str | None = None) -> Answer:
        return _answer(self._ask("PATCH", path, body, doing, {}, etag), doing)

    def delete(self, path: str, *, doing: str) -> Answer:
        return _answer(self._ask("DELETE", path, None, doing, {}), doing)

    def items(self, path: str, *, doing: str, **query: str) -> Iterator[dict[str, Any]]:
        """The items of a list."""
        for response in self._listed(path, doing, query):
            yield from _json(response, doing).get("value", [])

    def texts(self, path: str, *, doing: str, **query: str) -> Iterator[str]:
        """The pages of a list as the JSON they came in, for who reads a million items without Python's help."""
        for response in self._listed(path, doing, query):
            yield _text(response, doing)

    def _listed(self, path: str, doing: str, query: Mapping[str, str]) -> Iterator[HttpResponse]:
        """The pages of a list. While one is looked at, the next one is on its way."""
        response = self._ask("GET", path, None, doing, query)
        with _beside() as begin:
            while link := _next_link(response.content):
                coming = begin(partial(self._ask, "GET", link, None, doing, {}))
                yield response
                response = coming.result()
        yield response

    def content(self, path: str, *, doing: str, start: int = 0) -> bytes:
        """The bytes of a file on a node, from *start* on."""
        headers = {"ocp-range": f"bytes={start}-"} if start else {}
        request = HttpRequest("GET", path, params={"api-version": API_VERSION}, headers=headers)
        return bytes(self._send(request, doing).content)

    def _ask(
        self,
        method: str,
        path: str,
        body: Json | bytes | None,
        doing: str,
        query: Mapping[str, str],
        etag: str | None = None,
        budget: Budget | None = None,
    ) -> HttpResponse:
        headers = {"Accept": "application/json"}
        if etag:
            headers["If-Match"] = etag
        if body is not None:
            headers["Content-Type"] = _JSON
        request = HttpRequest(
            method,
            path,
            params=self._query(path, query),
            headers=headers,
            content=json.dumps(body).encode() if isinstance(body, Mapping) else body,
        )
        return self._send(request, doing, budget)

    def _query(self, path: str, query: Mapping[str, str]) -> dict[str, str]:
        """The query of a request; a `nextLink` is whole already, and may only lead back to the account."""
        if path.startswith("/"):
            return {"api-version": API_VERSION, **{_wire(name): value for name, value in query.items()}}
        if not path.startswith(self.endpoint + "/"):
            raise ServiceError(f"the service sent a link to another host: {path.partition('?')[0]}")
        return {} if "api-version=" in path else {"api-version": API_VERSION}

    def _send(self, request: HttpRequest, doing: str, budget: Budget | None = None) -> HttpResponse:
        with translated(doing):
            try:
                # An id that the SDK makes itself asks a daemon for the time, over a socket of its own each time.
                own_id = str(uuid4())
                return self._client.send_request(
                    request, budget=budget, request_id=own_id, stream=True, whole=True
                )
            except (
                HttpResponseError
            ) as error:  # the SDK's own policy raises it, with the class by chance (FACTS 0.8)
                if error.response is None:
                    raise
                raise error_of(error.response, doing) from error


def _next_link(page: bytes) -> str | None:
    """Where the page behind *page* is; None for the last one."""
    at = page.rfind(_NEXT_LINK_NAME)  # nearly always the last name of all
    found = (_NEXT_LINK.match(page, at) or _NEXT_LINK.search(page)) if at >= 0 else None
    return json.loads(found[1]) if found else None


def _answer(response: HttpResponse, doing: str) -> Answer:
    return Answer(_json(response, doing), {name.lower(): value for name, value in response.headers.items()})


def _json(response: HttpResponse, doing: str) -> dict[str, Any]:
    """The body of *response*; empty where it has none. Raises `ServiceError` for one that is no JSON object."""
    try:
        found = json.loads(response.content or b"{}")
    except ValueError as error:
        raise _no_service(response, doing) from error
    if not isinstance(found, dict):
        raise _no_service(response, doing)
    return found


def _text(response: HttpResponse, doing: str) -> str:
    """The JSON object that *response* is, unread. Raises `ServiceError` for what does not look like one."""
    try:
        text = response.content.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise _no_service(response, doing) from error
    if not (text.startswith("{") and text.endswith("}")):
        raise _no_service(response, doing)
    return text


@contextmanager
def _beside() -> Iterator[Callable[[_Call], Future[HttpResponse]]]:
    """Within it, what is begun is called in another thread, one after the other; what it gives is in the future.

    Nobody waits for that thread: who has what he wanted, or wants to go, goes. It is one for all
    calls, since whoever starts a thread waits until it lets go of the interpreter.
    """
    calls: SimpleQueue[tuple[Future[HttpResponse], _Call] | None] = SimpleQueue()

    def work() -> None:
        while (begun := calls.get()) is not None:
            future, call = begun
            try:
                future.set_result(call())
            except BaseException as error:
                future.set_exception(error)

    def begin(call: _Call) -> Future[HttpResponse]:
        if not worker.ident:
            worker.start()
        future: Future[HttpResponse] = Future()
        calls.put((future, call))
        return future

    worker = threading.Thread(target=work, name="next-page", daemon=True)
    try:
        yield begin
    finally:
        calls.put(None)


def _no_service(response: HttpResponse, doing: str) -> ServiceError:
    """The error of an answer that cannot be read: a proxy's page, another program on the port."""
    return ServiceError(
        f"could not {doing}: the answer is not from a Batch service: {response.content[:60]!r}",
        status=response.status_code,
        help="check the account's endpoint, and the proxy where there is one",
    )


def path_of(*parts: str) -> str:
    """The path of a resource, its ids encoded: `path_of("jobs", job_id, "tasks")`."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


def _wire(name: str) -> str:
    """The query's name on the wire: `filter` and its like have a dollar sign."""
    return f"${name}" if name in ("filter", "select", "expand") else name

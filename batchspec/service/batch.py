"""Batch over the official SDK's pipeline: its credentials, retries and transport, with the REST API's own JSON.

The SDK's models are not used: they cost ten times the call itself, and some of its
helpers hide failures (`create_tasks`, `pool_exists` and the pollers: FACTS 0.1, 0.5, 0.7).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from urllib.parse import quote

from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential, TokenCredential
from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpRequest, HttpResponse

from batchspec import __version__
from batchspec.errors import ServiceError
from batchspec.resources.base import Json
from batchspec.service.errors import error_of, translated
from batchspec.service.retry import Budget, Patience, PatientRetry
from batchspec.service.transport import Connection

API_VERSION = "2025-06-01"
_JSON = "application/json; odata=minimalmetadata"


class Answer(NamedTuple):
    """A successful answer: the body (empty where there is none), as it came, and the headers, names in lower case."""

    body: dict[str, Any]
    content: bytes
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
        return self._call("GET", path, None, doing, query)

    def post(
        self,
        path: str,
        body: Json | bytes | None,
        *,
        doing: str,
        etag: str | None = None,
        budget: Budget | None = None,
    ) -> Answer:
        return self._call("POST", path, body, doing, {}, etag, budget)

    def patch(self, path: str, body: Json, *, doing: str, etag: str | None = None) -> Answer:
        return self._call("PATCH", path, body, doing, {}, etag)

    def delete(self, path: str, *, doing: str) -> Answer:
        return self._call("DELETE", path, None, doing, {})

    def pages(self, path: str, *, doing: str, **query: str) -> Iterator[Sequence[dict[str, Any]]]:
        """The items of a list, page by page, as the service sends them."""
        for answer in self._answers(path, doing, query):
            yield answer.body.get("value", [])

    def texts(self, path: str, *, doing: str, **query: str) -> Iterator[str]:
        """The pages of a list as JSON, where there may be a million items: a database reads it faster than Python."""
        for answer in self._answers(path, doing, query):
            yield answer.content.decode("utf-8-sig")

    def _answers(self, path: str, doing: str, query: Mapping[str, str]) -> Iterator[Answer]:
        """The pages of a list. While one is looked at, the next one is on its way."""
        answer = self._call("GET", path, None, doing, query)
        with ThreadPoolExecutor(1, "next-page") as ahead:
            while link := answer.body.get("odata.nextLink"):
                coming = ahead.submit(self._call, "GET", link, None, doing, {})
                yield answer
                answer = coming.result()
        yield answer

    def content(self, path: str, *, doing: str) -> bytes:
        """The bytes of a file on a node."""
        request = HttpRequest("GET", path, params={"api-version": API_VERSION})
        return bytes(self._send(request, doing).content)

    def _call(
        self,
        method: str,
        path: str,
        body: Json | bytes | None,
        doing: str,
        query: Mapping[str, str],
        etag: str | None = None,
        budget: Budget | None = None,
    ) -> Answer:
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
        response = self._send(request, doing, budget)
        names = {name.lower(): value for name, value in response.headers.items()}
        return Answer(_json(response, doing), response.content, names)

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
                return self._client.send_request(request, budget=budget, stream=True, whole=True)
            except (
                HttpResponseError
            ) as error:  # the SDK's own policy raises it, with the class by chance (FACTS 0.8)
                if error.response is None:
                    raise
                raise error_of(error.response, doing) from error


def _json(response: HttpResponse, doing: str) -> dict[str, Any]:
    """The body of *response*; empty where it has none. Raises `ServiceError` for one that is no JSON object."""
    try:
        found = json.loads(response.content or b"{}")
    except ValueError as error:
        raise _no_service(response, doing) from error
    if not isinstance(found, dict):
        raise _no_service(response, doing)
    return found


def _no_service(response: HttpResponse, doing: str) -> ServiceError:
    """The error of an answer that cannot be read: a proxy's page, another program on the port."""
    return ServiceError(
        f"could not {doing}: what answered is no Batch service: {response.content[:60]!r}",
        status=response.status_code,
        help="check the account's endpoint, and the proxy where there is one",
    )


def path_of(*parts: str) -> str:
    """The path of a resource, its ids encoded: `path_of("jobs", job_id, "tasks")`."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


def _wire(name: str) -> str:
    """The query's name on the wire: `filter` and its like have a dollar sign."""
    return f"${name}" if name in ("filter", "select", "expand") else name

"""How long a call to Batch is worth repeating: one budget for each call, and one deadline.

azure-core sends POST and PATCH once only on 429, 408, 502 or a lost connection
(REQUIREMENTS F5): those that create, resize and update. Ours may all be repeated,
since what a first try made is read back and compared.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests
from azure.core.exceptions import ServiceRequestError
from azure.core.pipeline.policies import RetryPolicy
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter

from batchspec.errors import ServiceError

CONNECTIONS = 64
"""How many are kept open; requests' own ten would have each further thread connect anew for every call."""

_READING = ("GET", "HEAD")
METHODS = ["GET", "HEAD", "PUT", "DELETE", "POST", "PATCH"]
DEADLINE_S = 300
_TRIES = 12
_CONNECT_TRIES = 5  # some ten seconds: a host that is not there is told at once, a restart is waited for
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30
_CONNECT_WITHIN_S = 10
_ANSWER_WITHIN_S = 60


class PatientRetry(RetryPolicy[Any, Any]):
    """Waits twice as long each time, at random up to that (so that many clients part), and ends at a deadline."""

    def __init__(self) -> None:
        super().__init__(
            retry_total=_TRIES,
            retry_status=_TRIES,
            retry_connect=_CONNECT_TRIES,
            retry_read=_TRIES,
            retry_backoff_factor=_FIRST_WAIT_S,
            retry_backoff_max=_LONGEST_WAIT_S,
            timeout=DEADLINE_S,
        )

    def get_backoff_time(self, settings: dict[str, Any]) -> float:
        return random.uniform(0, super().get_backoff_time(settings) or _FIRST_WAIT_S)  # noqa: S311

    def get_retry_after(self, response: Any) -> float:
        """The service's own Retry-After, up to the longest wait of ours."""
        return min(float(super().get_retry_after(response) or 0), _LONGEST_WAIT_S)


class _Session(requests.Session):
    """Reads proxies and certificates out of the environment once for each host; requests does it for every call."""

    def __init__(self) -> None:
        super().__init__()
        self.auth = _signed_already  # else requests looks into a .netrc for each call
        self._settings: dict[tuple[Any, ...], dict[str, Any]] = {}

    def merge_environment_settings(
        self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> dict[str, Any]:
        split = urlsplit(str(url))
        key = (split.scheme, split.netloc, str(proxies), stream, verify, cert)
        if key not in self._settings:
            self._settings[key] = dict(super().merge_environment_settings(url, proxies, stream, verify, cert))
        return dict(self._settings[key])


def _signed_already(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


class Connection(RequestsTransport):  # type: ignore[misc]  # the SDK exports it lazily, without its type
    """Says at once that a certificate is not trusted: the retry policies would ask again for minutes.

    `guard` is called before each request that changes something is sent, repeated ones too, and
    raises where that must not be any more. Leases are left out: they are what it goes by.
    """

    guard: Callable[[], None] | None = None

    def send(self, request: Any, **options: Any) -> Any:
        if self.guard is not None and request.method not in _READING and "comp=lease" not in request.url:
            self.guard()
        try:
            return super().send(request, **options)
        except ServiceRequestError as error:
            if "CERTIFICATE_VERIFY_FAILED" not in str(error):
                raise
            raise ServiceError(
                f"the certificate of {urlsplit(request.url).netloc} is not trusted by this machine",
                help="where a proxy opens TLS, name the file with its authority's certificate in REQUESTS_CA_BUNDLE",
            ) from error


def transport() -> Connection:
    """Connections that give up in time on a service that does not answer; each thread finds one open."""
    session = _Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS))
    return Connection(session=session, connection_timeout=_CONNECT_WITHIN_S, read_timeout=_ANSWER_WITHIN_S)

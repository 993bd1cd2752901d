"""HTTP through proxies: the SDKs' own transport, `requests`, which knows all that people set for theirs."""

from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import urlsplit

import requests
from azure.core.exceptions import ServiceRequestError
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter

from batchspec.service.http.retry import CONNECTIONS
from batchspec.service.http.way import Guard, not_trusted


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


class Proxied:
    """The way through the proxies of the environment. Safe to share between threads."""

    def __init__(self) -> None:
        session = _Session()
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS))
        self._transport = RequestsTransport(session=session)

    def close(self) -> None:
        self._transport.close()

    def send(self, request: Any, guard: Guard, **options: Any) -> Any:
        guard()
        try:
            return self._transport.send(request, **options)
        except ServiceRequestError as error:
            if not _is_of_certificate(error.inner_exception):
                raise
            raise not_trusted(urlsplit(request.url).netloc) from error


def _is_of_certificate(error: BaseException | None) -> bool:
    """Whether *error* goes back to a certificate that was not accepted."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None

"""HTTP for the SDKs' pipelines: the way to a service, and a guard before what changes something.

azure-core's default, `requests`, takes 50 ms to import and half of the time of every call. What it
knows of proxies is not known here: where the environment names one, it is used (`proxied`), but
never for this machine, which a proxy cannot reach.
Whoever sends and how (credentials, retries, redirects) stays with the SDKs.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from azure.core.pipeline.transport import HttpTransport

from batchspec.service.http.direct import Direct
from batchspec.service.http.way import Guard, Way, is_here

_READING = ("GET", "HEAD")


class Connection(HttpTransport[Any, Any]):
    """Connections to one service. Safe to share between threads, each of which finds one open.

    `guard` is called before each request that changes something is sent, repeated ones too, and
    raises where that must not be any more. Leases are left out: they are what it goes by. It stands as close to
    the sending as it can, behind a connect that may take seconds (in front of it only where there is a proxy).
    """

    guard: Guard | None = None

    def __init__(self) -> None:
        self._direct = Direct()
        self._proxied = _proxied()

    def send(self, request: Any, **options: Any) -> Any:
        """The answer to *request*; its body is read already unless *options* ask for a `stream`."""
        return self._way_to(request.url).send(request, self._guard_of(request), **options)

    def _way_to(self, url: str) -> Way:
        return self._direct if self._proxied is None or is_here(url) else self._proxied

    def _guard_of(self, request: Any) -> Guard:
        is_free = request.method in _READING or "comp=lease" in request.url
        return _pass if is_free or self.guard is None else self.guard

    def open(self) -> None:
        """Connections are made when they are needed."""

    def close(self) -> None:
        self._direct.close()
        if self._proxied is not None:
            self._proxied.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _pass() -> None:
    """The guard of a request that may always be sent."""


def _proxied() -> Way | None:
    if not _has_proxies():
        return None
    from batchspec.service.http.proxied import Proxied

    return Proxied()


def _has_proxies() -> bool:
    if sys.platform == "darwin":  # keeps them in its settings
        from urllib.request import getproxies

        return bool(getproxies())
    names = (name.lower() for name, value in os.environ.items() if value)
    return any(name.endswith("_proxy") and name != "no_proxy" for name in names)

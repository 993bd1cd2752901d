"""A way on which requests get to a service: straight there, or through a proxy."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlsplit

from batchspec.errors import ServiceError

Guard = Callable[[], None]

_THIS_MACHINE = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1")


class Way(Protocol):
    """How requests get to the service, each once its guard has let it pass."""

    def send(self, request: Any, guard: Guard, **options: Any) -> Any: ...

    def close(self) -> None: ...


def is_here(url: str) -> bool:
    """Whether what is sent to *url* does not leave this machine."""
    return _THIS_MACHINE.fullmatch(urlsplit(url).hostname or "") is not None


def not_trusted(host: str) -> ServiceError:
    """The error of a certificate that nobody vouches for; one of azure-core's would have it tried for minutes."""
    return ServiceError(
        f"the certificate of {host} is not trusted by this machine",
        help="where a proxy opens TLS, name the file with its authority's certificate in REQUESTS_CA_BUNDLE",
    )

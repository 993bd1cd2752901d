"""Requests signed with the key of a Batch account.

`azure.batch` has such a policy, too, but comes with the models of its whole API: a sixth of the time of a `plan`
until its first request. `tests/service/test_shared_key.py` holds the two against each other, byte for byte.
Source: Authentication with Shared Key, Batch REST API; it is made as for the Table service, with `ocp-` headers.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from azure.core.credentials import AzureNamedKeyCredential
from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import SansIOHTTPPolicy

_SIGNED = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)


class SharedKeyPolicy(SansIOHTTPPolicy[Any, Any]):
    """Signs each request, repeated ones anew: a signature holds for 15 minutes around its date."""

    def __init__(self, credential: AzureNamedKeyCredential) -> None:
        super().__init__()
        self._name, key = credential.named_key
        self._key = b64decode(key)

    def on_request(self, request: PipelineRequest[Any]) -> None:
        http = request.http_request
        http.headers["ocp-date"] = format_datetime(datetime.now(UTC), usegmt=True)
        signature = hmac.digest(self._key, self._text(http).encode(), "sha256")
        http.headers["Authorization"] = f"SharedKey {self._name}:{b64encode(signature).decode()}"

    def _text(self, http: Any) -> str:
        """What of a request is signed."""
        headers = {name.lower(): value for name, value in http.headers.items() if value}
        if http.method not in ("GET", "HEAD"):
            headers.setdefault("content-length", "0")
        url = urlsplit(http.url)
        lines = [http.method, *(headers.get(name, "") for name in _SIGNED)]
        lines += (f"{name}:{headers[name]}" for name in sorted(headers) if name.startswith("ocp-"))
        lines += [f"/{self._name}{url.path}"]
        lines += (f"{name}:{values[0]}" for name, values in sorted(parse_qs(url.query).items()))
        return "\n".join(lines)

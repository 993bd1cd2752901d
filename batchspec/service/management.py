"""The management plane (Azure Resource Manager) of a Batch account: what its own endpoint neither tells nor does.

Over the official SDK's pipeline, with the REST API's own JSON, as `batch/client.py`. It takes tokens only.
Source: Microsoft.Batch, REST API 2025-06-01.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from azure.core.rest import HttpRequest

from batchspec.errors import BatchspecError, NotSignedInError, ServiceError
from batchspec.resources.base import Json
from batchspec.service.entra import Entra
from batchspec.service.http.address import checked
from batchspec.service.http.errors import accepting, translated
from batchspec.service.http.retry import Patience, PatientRetry
from batchspec.service.http.transport import Connection
from batchspec.version import __version__

if TYPE_CHECKING:
    from azure.mgmt.batch import BatchManagementClient

API_VERSION = "2025-06-01"
_PUBLIC = "https://management.azure.com"
_ENDPOINT = "AZURE_RESOURCE_MANAGER_ENDPOINT"
_ROLES = (
    "sign in with `az login`; to read the quota takes the role Reader on the Batch account, to create pools with an "
    "identity and to upload packages Azure Batch Account Contributor (and Managed Identity Operator on the identity)"
)
_PATIENCE_S = 30.0  # a plan does without it, and a run says what is missing

_NO_HEADERS: Mapping[str, str] = {}

# What the SDK's policies log of errors would go to stderr by itself; what they say is in ours.
logging.getLogger("azure.mgmt").addHandler(logging.NullHandler())


def management_of(environment: Mapping[str, str], account: str) -> Management | None:
    """The management plane of *account*; None where the environment does not name its group, or the SDK is missing."""
    subscription, group = (environment.get(f"AZURE_{name}") for name in ("SUBSCRIPTION_ID", "RESOURCE_GROUP"))
    if not (subscription and group and _is_installed()):
        return None
    endpoint = checked(_ENDPOINT, environment.get(_ENDPOINT) or _PUBLIC, _PUBLIC).rstrip("/")
    if not endpoint.lower().startswith("https://"):
        raise NotSignedInError(
            f"{_ENDPOINT} is not https, and without TLS no token is sent to it", help="use its https address"
        )
    return Management(endpoint, subscription, group, account)


def _is_installed() -> bool:
    """Whether the extra `arm` is."""
    try:
        return find_spec("azure.mgmt.batch") is not None
    except ModuleNotFoundError:  # not even azure.mgmt
        return False


class Management:
    """A Batch account's resource. Connections and tokens are made by the first call. Safe to share between threads."""

    def __init__(self, endpoint: str, subscription: str, group: str, account: str) -> None:
        self.connection = Connection()
        self._endpoint = endpoint
        self._subscription = subscription
        subscription, group, account = (quote(part, safe="") for part in (subscription, group, account))
        provider = "providers/Microsoft.Batch"
        self._sizes = f"/subscriptions/{subscription}/{provider}/locations"
        self._account = (
            f"/subscriptions/{subscription}/resourceGroups/{group}/{provider}/batchAccounts/{account}"
        )

    def close(self) -> None:
        self.connection.close()

    def account(self) -> dict[str, Any]:
        """The account's resource: its quota, its location, how it allocates pools."""
        return self._call("GET", self._account, None, "read the account's quota")

    def sizes(self, location: str) -> Iterator[dict[str, Any]]:
        """The VM sizes that Batch supports in *location*, each with its family and capabilities."""
        doing, path = "list the VM sizes", f"{self._sizes}/{location}/virtualMachineSkus"
        while path:
            page = self._call("GET", path, None, doing)
            yield from page.get("value", [])
            path = self._below(page.get("nextLink") or "")

    def has(self, path: str, *, doing: str) -> bool:
        """Whether there is anything at *path* below the account's resource."""
        with accepting(404):
            self._call("GET", f"{self._account}{path}", None, doing)
            return True
        return False

    def put(self, path: str, body: Json, *, doing: str, only_new: bool = False) -> dict[str, Any]:
        """Makes what is at *path* below the account's resource; what was made.

        With *only_new*, what is there already is refused with status 412.
        """
        headers = {"If-None-Match": "*"} if only_new else {}
        return self._call("PUT", f"{self._account}{path}", body, doing, headers)

    def post(self, path: str, body: Json, *, doing: str) -> dict[str, Any]:
        return self._call("POST", f"{self._account}{path}", body, doing)

    def _call(
        self, method: str, path: str, body: Json | None, doing: str, headers: Mapping[str, str] = _NO_HEADERS
    ) -> dict[str, Any]:
        """The JSON that answers. Raises `ServiceError` or `NotSignedInError`."""
        query = {} if "api-version=" in path else {"api-version": API_VERSION}
        request = HttpRequest(
            method, path, params=query, json=body, headers={"Accept": "application/json", **headers}
        )
        with translated(doing):
            response = self._client.send_request(request)
        if response.status_code >= 400:
            raise _error(response, doing)
        found: Any = response.json() if response.content else {}
        if not isinstance(found, dict):
            raise ServiceError(f"could not {doing}: the answer is no object")
        return found

    def _below(self, link: str) -> str:
        """The path of a link to the next page, which may only lead back here."""
        if link and not link.startswith(f"{self._endpoint}/"):
            raise ServiceError(f"the service sent a link to another host: {link.partition('?')[0]}")
        return link.removeprefix(self._endpoint)

    @cached_property
    def _client(self) -> BatchManagementClient:
        from azure.mgmt.batch import BatchManagementClient  # slow to import, and of the extra `arm`

        return BatchManagementClient(
            Entra(),
            self._subscription,
            self._endpoint,
            credential_scopes=[f"{self._endpoint}/.default"],
            retry_policy=PatientRetry(Patience(_PATIENCE_S)),
            transport=self.connection,
            user_agent=f"batchspec/{__version__}",
        )


def _error(response: Any, doing: str) -> BatchspecError:
    """What an error of the management plane says, with its code."""
    status = int(response.status_code)
    try:
        error = json.loads(response.content)["error"]
        code, sentence = str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        code, sentence = str(status), str(response.reason)
    message = f"could not {doing}: {sentence} ({code})"
    if status in (401, 403):
        return NotSignedInError(message, help=_ROLES)
    request_id = str(response.headers.get("x-ms-request-id", ""))
    return ServiceError(message, status=status, code=code, request_id=request_id)

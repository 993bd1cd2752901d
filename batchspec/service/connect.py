"""Where a command works: an Azure account that the environment names, or the local account.

The variables are those of Azure's own tools. With none of them set it is the local
account; with some but not all, an error says what is missing (DESIGN 2 and 6).
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

from azure.core.credentials import AzureNamedKeyCredential, TokenCredential

from batchspec.errors import NotSignedInError, UsageError
from batchspec.secrecy import keep_secret
from batchspec.service import entra
from batchspec.service.batch.client import Batch
from batchspec.service.blob.blobs import BlobStorage
from batchspec.service.http.address import checked, storage_account
from batchspec.service.http.retry import Patience
from batchspec.service.management import Management, management_of
from batchspec.service.offer import AZURE, LOCAL, Offer
from batchspec.service.prices import RETAIL, VARIABLE, PriceList, region_of

_VARIABLES = (
    "AZURE_BATCH_ACCOUNT",
    "AZURE_BATCH_ENDPOINT",
    "AZURE_BATCH_ACCESS_KEY",
    "AZURE_STORAGE_CONNECTION_STRING",
    "AZURE_STORAGE_ACCOUNT",
    "AZURE_STORAGE_KEY",
)

_BATCH_EXAMPLE = "https://ACCOUNT.REGION.batch.azure.com"
_STORAGE_EXAMPLE = "https://ACCOUNT.blob.core.windows.net"


class Account(NamedTuple):
    """Both halves of where the work goes, what it offers, and where its prices are: None where nodes are free.

    `management` is its management plane; None where it is not named, or the extra `arm` is not installed.
    """

    batch: Batch
    blobs: BlobStorage
    name: str
    offer: Offer
    prices: PriceList | None = None
    management: Management | None = None

    @contextmanager
    def guarded(self, check: Callable[[], None]) -> Iterator[None]:
        """Within it, *check* is called before each request that changes something, and may raise."""
        connections = [self.batch.connection, self.blobs.connection]
        connections += [self.management.connection] if self.management else []
        for connection in connections:
            connection.guard = check
        try:
            yield
        finally:
            for connection in connections:
                connection.guard = None

    @contextmanager
    def heard(self, listener: Callable[[str], None]) -> Iterator[None]:
        """Within it *listener* is told what a call waits for."""
        patience = self.batch.patience
        before, patience.tell = patience.tell, listener
        try:
            yield
        finally:
            patience.tell = before

    def hurry(self) -> None:
        """From now on a call that fails is not tried again."""
        self.batch.patience.hurry()

    def close(self) -> None:
        self.batch.close()
        self.blobs.close()
        if self.management is not None:
            self.management.close()


def choose_target(named: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """`local` or `azure`: *named* (option, variable or spec) or, without it, what the environment has."""
    if named:
        return named
    if any(environment.get(name) for name in _VARIABLES):
        return "azure"
    if environment.get("CI"):
        raise NotSignedInError(
            "the environment configures no Azure account, and in CI the local account is used only on request",
            help="set the AZURE_BATCH_… and AZURE_STORAGE_… variables, or use --target local",
        )
    return "local"


def connect(target: str, progress: Callable[[str], None], prices: str | None = None) -> Account:
    """The account of *target*. Raises `NotSignedInError` where the environment lacks what Azure needs.

    *prices* names where its prices are, if they are not Azure's list; nodes of the local account have none without.
    """
    if target == "local":
        account = _connect_local(progress)
        return account._replace(prices=PriceList(prices)) if prices else account
    if target == "azure":
        account = _connect_azure(os.environ)
        source = prices or os.environ.get(VARIABLE) or RETAIL
        return account._replace(prices=PriceList(source, region_of(account.batch.endpoint)))
    raise UsageError(f"the target {target!r} is neither local nor azure")


def _connect_local(progress: Callable[[str], None]) -> Account:
    from batchspec.service import embedded

    local = embedded.ensure(progress)
    keep_secret(local.batch_key)
    keep_secret(local.storage_key)
    credential = AzureNamedKeyCredential(local.batch_account, local.batch_key)
    patience = Patience.of()
    patience.revive = lambda: _revive(patience)
    return Account(
        batch=Batch(local.batch_endpoint, credential, patience),
        blobs=BlobStorage.from_connection_string(local.connection_string, patience),
        name=f"{local.batch_account} ({local.batch_endpoint})",
        offer=LOCAL,
    )


def _revive(patience: Patience) -> None:
    """The local account runs again where it has died: its ports and keys are as they were."""
    from batchspec.service import embedded

    embedded.ensure(patience.tell)


def _connect_azure(environment: Mapping[str, str]) -> Account:
    _require_all(environment)
    endpoint = checked("AZURE_BATCH_ENDPOINT", environment["AZURE_BATCH_ENDPOINT"], _BATCH_EXAMPLE)
    host = urlsplit(endpoint).hostname or ""
    name = environment.get("AZURE_BATCH_ACCOUNT") or host.partition(".")[0]
    if key := environment.get("AZURE_BATCH_ACCESS_KEY"):
        _require_key("AZURE_BATCH_ACCESS_KEY", key)
    patience = Patience.of(environment)
    blobs = _azure_blobs(environment, patience)
    credential = AzureNamedKeyCredential(name, key) if key else _entra("AZURE_BATCH_ENDPOINT", endpoint)
    batch = Batch(endpoint, credential, patience)
    return Account(batch, blobs, f"{name} ({host})", AZURE, management=management_of(environment, name))


def _azure_blobs(environment: Mapping[str, str], patience: Patience) -> BlobStorage:
    if text := environment.get("AZURE_STORAGE_CONNECTION_STRING"):
        return _blobs_of(text, patience)
    account = storage_account("AZURE_STORAGE_ACCOUNT", environment["AZURE_STORAGE_ACCOUNT"])
    # The name is az's own; it is how clouds other than the public one are reached.
    url = environment.get("AZURE_STORAGE_SERVICE_ENDPOINT") or f"https://{account}.blob.core.windows.net"
    url = checked("AZURE_STORAGE_SERVICE_ENDPOINT", url, _STORAGE_EXAMPLE)
    if key := environment.get("AZURE_STORAGE_KEY"):
        _require_key("AZURE_STORAGE_KEY", key)
        return BlobStorage.from_account(url, {"account_name": account, "account_key": key}, patience)
    return BlobStorage.from_account(url, _entra("AZURE_STORAGE_SERVICE_ENDPOINT", url), patience)


def _blobs_of(connection_string: str, patience: Patience) -> BlobStorage:
    """The blobs that a connection string names. It is read here: the SDK would first have to be imported."""
    name = "AZURE_STORAGE_CONNECTION_STRING"
    pairs = [part.partition("=") for part in connection_string.rstrip(";").split(";")]
    parts = {key.lower(): value for key, _, value in pairs}
    if "usedevelopmentstorage" not in parts:
        if "accountkey" not in parts:
            raise NotSignedInError(
                f"{name} has no AccountKey, and the links by which tasks reach their blobs are signed with it",
                help="use the one that `az storage account show-connection-string` prints; or unset it, set "
                "AZURE_STORAGE_ACCOUNT and sign in with `az login`",
            )
        _require_key(f"the AccountKey in {name}", parts["accountkey"])
        is_named = parts.get("accountname") and (
            parts.get("blobendpoint") or parts.get("defaultendpointsprotocol")
        )
        if not is_named or not all(equals for _, equals, _ in pairs):
            raise NotSignedInError(
                f"{name} is not a connection string that the SDK can read",
                help="use the one that `az storage account show-connection-string` prints",
            )
    for endpoint in _endpoints(parts):
        checked(f"the endpoint in {name}", endpoint, _STORAGE_EXAMPLE)
    return BlobStorage.from_connection_string(connection_string, patience)


def _endpoints(parts: Mapping[str, str]) -> list[str]:
    """The addresses that a connection string of these *parts* has, or that the SDK makes of it."""
    named = [parts[name] for name in ("blobendpoint", "developmentstorageproxyuri") if parts.get(name)]
    if named or not parts.get("accountname"):
        return named
    account = storage_account("the AccountName in AZURE_STORAGE_CONNECTION_STRING", parts["accountname"])
    suffix = parts.get("endpointsuffix") or "core.windows.net"
    return [f"{parts.get('defaultendpointsprotocol', 'https')}://{account}.blob.{suffix}"]


def _require_key(what: str, key: str) -> None:
    """Raises `NotSignedInError` for a *key* that cannot be one; it says where it is, never what."""
    keep_secret(key)
    try:
        base64.b64decode(key, validate=True)
    except ValueError:
        raise NotSignedInError(
            f"{what} is not a key: it is not Base64", help="copy the whole key, without quotes around it"
        ) from None


def _entra(variable: str, url: str) -> TokenCredential:
    """Tokens for the endpoint at *url*, which *variable* names; a token never goes out without TLS."""
    if not url.lower().startswith("https://"):
        raise NotSignedInError(
            f"{variable} is not https, and without TLS no token is sent to it",
            help="use its https address, or set the account's key: AZURE_BATCH_ACCESS_KEY, AZURE_STORAGE_KEY",
        )
    return entra.Entra()


def _require_all(environment: Mapping[str, str]) -> None:
    """Raises `NotSignedInError` naming all that an account needs and *environment* lacks."""
    missing = []
    if not environment.get("AZURE_BATCH_ENDPOINT"):
        missing.append(f"AZURE_BATCH_ENDPOINT ({_BATCH_EXAMPLE})")
    if not (environment.get("AZURE_STORAGE_CONNECTION_STRING") or environment.get("AZURE_STORAGE_ACCOUNT")):
        missing.append("AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCOUNT")
    if missing:
        present = ", ".join(name for name in _VARIABLES if environment.get(name)) or "none of its variables"
        raise NotSignedInError(
            f"the Azure account is not fully configured: missing {' and '.join(missing)}; set: {present}",
            help="set what is missing; for the local account, unset all of them and omit --target azure",
        )

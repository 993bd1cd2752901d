"""Blobs over the official SDK: listed with their metadata, uploaded with their MD5, downloaded whole or not at all.

The SDK is imported where it is needed: it takes 70 ms, and the first request of a plan goes to Batch.
Source: Blob service REST API; azure-storage-blob 12.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import threading
import time
from binascii import b2a_base64
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from azure.core.credentials import TokenCredential
from azure.core.exceptions import ResourceExistsError

from batchspec.errors import NotSignedInError, RunError
from batchspec.resources.blob import LiveBlob
from batchspec.resources.links import LINK_LIFE
from batchspec.service.blob.blob_calls import delete_blob, get_blob, list_blobs, put_blob
from batchspec.service.blob.checked_file import checked
from batchspec.service.blob.sending import Content, Line, send
from batchspec.service.http.address import does_without_tls
from batchspec.service.http.errors import accepting, storage_code, translated
from batchspec.service.http.retry import Patience, PatientRetry
from batchspec.service.http.transport import Connection

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobServiceClient, UserDelegationKey

_COPY_POLL_S = 0.5
_CLOCK_SKEW = timedelta(minutes=15)
_DELEGATION_KEPT = timedelta(hours=1)
_SIGNER_KEPT_S = 60
_BARE = re.compile(r"[A-Za-z0-9_.~/-]*")  # names that a URL has as they are


class BlobStorage:
    """A connection to one storage account. Safe to share between threads."""

    def __init__(self, connection: Connection, make_service: Callable[[], BlobServiceClient]) -> None:
        self.connection = connection
        self._make_service = make_service
        self._made: BlobServiceClient | None = None
        self._making = threading.Lock()
        self._delegation: _Delegation | None = None
        self._delegation_lock = threading.Lock()
        self._signers: dict[tuple[str, timedelta], _Signer] = {}  # by blob container, and how long they last
        self._line = Line()
        self._folders: dict[str, str] = {}  # the containers' own addresses

    @classmethod
    def from_connection_string(cls, text: str, patience: Patience | None = None) -> BlobStorage:
        connection = Connection()

        def make() -> BlobServiceClient:
            from azure.storage.blob import BlobServiceClient

            return BlobServiceClient.from_connection_string(text, **_options(connection, patience))

        return cls(connection, make)

    @classmethod
    def from_account(
        cls, url: str, credential: TokenCredential | Mapping[str, str], patience: Patience | None = None
    ) -> BlobStorage:
        """*credential* is a token credential, or a mapping of account_name and account_key."""
        connection = Connection()

        def make() -> BlobServiceClient:
            from azure.storage.blob import BlobServiceClient

            return BlobServiceClient(url, credential=credential, **_options(connection, patience))  # type: ignore[arg-type]

        return cls(connection, make)

    @property
    def _service(self) -> BlobServiceClient:
        if self._made is None:
            with self._making:
                try:
                    self._made = self._made or self._make_service()
                except ValueError as error:  # of the SDK, for an address that is none
                    raise NotSignedInError(
                        f"the storage account cannot be found by its variables: {error}"
                    ) from None
        return self._made

    @property
    def _key(self) -> str | None:
        """The account's key; None: links are signed with a user delegation key instead."""
        key: str | None = getattr(self._service.credential, "account_key", None)
        return key

    def link_life(self, wanted: timedelta) -> timedelta:
        """How long a link lasts that is *wanted* to last so long: no longer than what signs it."""
        return wanted if self._key is not None else min(wanted, LINK_LIFE)

    @property
    def account(self) -> str:
        return str(self._service.account_name)

    @property
    def endpoint(self) -> str:
        return str(self._service.url)

    @property
    def does_without_tls(self) -> bool:
        return does_without_tls(self.endpoint)

    def close(self) -> None:
        self.connection.close()

    def client(self, container: str, blob: str) -> BlobClient:
        """The SDK's own view of a blob, for `service/` only."""
        return self._service.get_blob_client(container, blob)

    def ensure_container(self, container: str) -> bool:
        """Makes the container if it is not there; says whether it did."""
        with translated(f"create the blob container {container}"):
            try:
                self._service.create_container(container)
            except ResourceExistsError as error:
                if storage_code(error) != "ContainerAlreadyExists":
                    raise
                return False
        return True

    def list(self, container: str, prefix: str) -> Iterator[LiveBlob]:
        """The blobs whose names begin with *prefix*; none when the container is not there."""
        with accepting(404), translated(f"list the blobs of {container}"):
            yield from list_blobs(self._service, container, prefix)

    def upload(
        self,
        container: str,
        blob: str,
        file: Path,
        md5: str,
        metadata: Mapping[str, str],
        progress: Callable[[int], None],
    ) -> None:
        """Uploads *file* with its MD5 (hexadecimal) and *metadata*; every block is checked on arrival.

        *progress* is told how many bytes are there so far. Raises `RunError` when *file* cannot
        be read or has other content by now; the blob is then as it was.
        """
        with checked(file, md5) as stream:
            self.send(container, blob, str(file), stream, metadata, progress)

    def send(
        self,
        container: str,
        blob: str,
        called: str,
        content: Content,
        metadata: Mapping[str, str],
        progress: Callable[[int], None],
    ) -> None:
        """Likewise for any *content*, which people call *called*."""
        with translated(f"upload {called}"):
            send(self._service, container, blob, content, metadata, progress, self._line)

    def put(self, container: str, blob: str, content: bytes, metadata: Mapping[str, str]) -> None:
        """Makes the small blob of *content*, or makes it anew."""
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        with translated(f"upload {blob}"):
            put_blob(self._service, container, blob, content, md5, metadata)

    def copy(self, container: str, source: str, target: str, check: Callable[[], None]) -> None:
        """Makes the blob *target* one like *source* in the same container, metadata included; the service does it.

        *check* is called while it takes its time.
        """
        client = self.client(container, target)
        with translated(f"copy {source}"):
            state = str(client.start_copy_from_url(self.read_url(container, source))["copy_status"])
            while state == "pending":
                check()
                time.sleep(_COPY_POLL_S)
                state = str(client.get_blob_properties().copy.status)
        if state != "success":
            raise RunError(f"{source} could not be copied: {state}", help="run the same command again")

    def download(self, container: str, blob: str, write: Callable[[bytes], object]) -> LiveBlob | None:
        """Gives all bytes of the blob to *write*, piece by piece; None when the blob is not there."""
        with accepting(404), translated(f"download {blob}"):
            return get_blob(self._service, container, blob, write)
        return None

    def read(self, container: str, blob: str) -> bytes | None:
        """The bytes of a small blob; None when it is not there."""
        pieces: list[bytes] = []
        with accepting(404), translated(f"read {blob}"):
            get_blob(self._service, container, blob, pieces.append)
            return b"".join(pieces)
        return None

    def metadata(self, container: str, blob: str) -> Mapping[str, str] | None:
        """The blob's metadata; None when it is not there."""
        with accepting(404), translated(f"look at {blob}"):
            metadata = self.client(container, blob).get_blob_properties().metadata or {}
            return {name.lower(): value for name, value in metadata.items()}
        return None

    def delete(self, container: str, blob: str) -> None:
        """Deletes the blob; one that is gone is fine."""
        with accepting(404), translated(f"delete {blob}"):
            delete_blob(self._service, container, blob)

    def url(self, container: str, blob: str = "") -> str:
        """The bare address of a blob, or of the container; who asks has to prove who it is."""
        folder = self._folders.get(container)
        if folder is None:
            folder = self._folders[container] = str(self._service.get_container_client(container).url)
        return f"{folder}/{quote(blob, safe='~/')}" if blob else folder

    def read_url(self, container: str, blob: str, life: timedelta = LINK_LIFE) -> str:
        """A link to read this blob only."""
        signer = self._signers.get((container, life))
        if signer is None or time.time() - signer.made > _SIGNER_KEPT_S:
            signer = self._signers[container, life] = self._signer(container, life)
        return signer.url(blob)

    def _signer(self, container: str, life: timedelta) -> _Signer:
        """What signs links to read blobs of *container*, with the bounds of this moment."""
        from azure.storage.blob import BlobSasPermissions, generate_blob_sas

        text: list[str] = []
        signing = self._signing(life)
        token = generate_blob_sas(
            account_name=self.account,
            container_name=container,
            blob_name=_ANY,
            permission=BlobSasPermissions(read=True),
            sts_hook=text.append,
            **signing,
        )
        before, _, after = text[0].partition(f"/{container}/{_ANY}\n")
        delegated = signing.get("user_delegation_key")
        return _Signer(
            made=time.time(),
            folder=self.url(container),
            rights=token.rpartition("&sig=")[0],
            before=f"{before}/{container}/",
            after=f"\n{after}",
            key=hmac.new(
                base64.b64decode(delegated.value if delegated else signing["account_key"]), digestmod="sha256"
            ),
        )

    def write_url(self, container: str, life: timedelta = LINK_LIFE) -> str:
        """A link to create and write blobs in this container; it can neither read, list nor delete."""
        return self._container_url(container, life, write=True, create=True)

    def list_url(self, container: str, life: timedelta = LINK_LIFE) -> str:
        """A link to list the blobs of this container, and to read them."""
        return self._container_url(container, life, read=True, list=True)

    def _container_url(self, container: str, life: timedelta, **permissions: bool) -> str:
        from azure.storage.blob import ContainerSasPermissions, generate_container_sas

        token = generate_container_sas(
            account_name=self.account,
            container_name=container,
            permission=ContainerSasPermissions(**permissions),
            **self._signing(life),
        )
        return f"{self.url(container)}?{token}"

    def _signing(self, life: timedelta) -> dict[str, Any]:
        """What a token is signed with, and its bounds in time and protocol."""
        start = datetime.now(UTC).replace(microsecond=0) - _CLOCK_SKEW
        expiry = start + self.link_life(life)
        bounds = {"start": start, "protocol": "https,http" if self.does_without_tls else "https"}
        if self._key is not None:
            return {"account_key": self._key, "expiry": expiry, **bounds}
        with self._delegation_lock:
            # A link ends with the key that signed it, so a long run takes a new key from time to time.
            if self._delegation is None or expiry - self._delegation.expiry > _DELEGATION_KEPT:
                with translated("get a user delegation key"):
                    key = self._service.get_user_delegation_key(start, expiry)
                self._delegation = _Delegation(key, expiry)
            return {"user_delegation_key": self._delegation.key, "expiry": self._delegation.expiry, **bounds}


class _Delegation(NamedTuple):
    """A key that Storage gave to the person who is signed in; it can be had for seven days at most."""

    key: UserDelegationKey
    expiry: datetime


_ANY = "any-blob"


class _Signer(NamedTuple):
    """Signs links to the blobs of a container: the SDK has said how, for a name that is put in here.

    The SDK takes 80 us for a link, more than all the rest of a task costs; this takes 3.
    """

    made: float
    folder: str  # the container's URL
    rights: str  # the token without its signature
    before: str  # what is signed: this, the blob's name, and what comes after
    after: str
    key: hmac.HMAC  # that has signed nothing yet: a copy is half as dear as to begin anew

    def url(self, blob: str) -> str:
        signature = self.key.copy()
        signature.update(f"{self.before}{blob}{self.after}".encode())
        encoded = (
            b2a_base64(signature.digest(), newline=False).decode().replace("+", "%2B").replace("=", "%3D")
        )
        name = blob if _BARE.fullmatch(blob) else quote(blob, safe="~/")
        return f"{self.folder}/{name}?{self.rights}&sig={encoded}"


def _options(connection: Connection, patience: Patience | None) -> dict[str, Any]:
    """What the SDK's client is made with."""
    return {
        "retry_policy": PatientRetry(patience or Patience()),
        "transport": connection,
    }

"""The lock of a spec: a lease on a blob, taken for a minute and renewed, which names its holder.

Source: Lease Blob, Blob service REST API.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobClient, BlobLeaseClient

from batchspec.errors import LockedError, ServiceError
from batchspec.service.blobs import Blobs
from batchspec.service.errors import storage_code, translated


class Lock(NamedTuple):
    """A held lease."""

    lease: BlobLeaseClient


class Holder(NamedTuple):
    """Who holds a lock. `text` is for people; `process` names one process of one machine, empty when unknown."""

    text: str
    process: str


LEASE_S = 60
_HOLDER, _PROCESS = "batchspec_holder", "batchspec_process"


def take_lock(
    blobs: Blobs, container: str, blob: str, holder: Holder, is_dead: Callable[[str], bool]
) -> Lock:
    """Leases *blob* for a minute. Raises `LockedError`, which says who holds it.

    A lease whose holder's `process` *is_dead* is broken; any other one ends by itself.
    """
    client = blobs.client(container, blob)
    with translated("take the lock"):
        try:
            client.upload_blob(b"", overwrite=False)
        except HttpResponseError as error:
            if storage_code(error) not in ("BlobAlreadyExists", "LeaseIdMissing"):
                raise
        try:
            return _acquire(client, holder)
        except HttpResponseError as error:
            _require_leased(error)
        found = client.get_blob_properties()
        other = found.metadata or {}
        try:
            if is_dead(other.get(_PROCESS, "")):
                # Only the lease that was looked at: a new holder has changed the metadata, and with it the ETag.
                BlobLeaseClient(client).break_lease(
                    0, etag=found.etag, match_condition=MatchConditions.IfNotModified
                )
                return _acquire(client, holder)
        except HttpResponseError as error:
            if error.status_code != HTTPStatus.PRECONDITION_FAILED:
                _require_leased(error)
    raise LockedError(
        f"another apply of this spec is at work: {other.get(_HOLDER, 'somebody')}",
        help=f"wait for it to end; a lock whose holder died frees itself within {LEASE_S} s",
    )


def _acquire(client: BlobClient, holder: Holder) -> Lock:
    lease = client.acquire_lease(LEASE_S)
    client.set_blob_metadata({_HOLDER: holder.text, _PROCESS: holder.process}, lease=lease)
    return Lock(lease)


def _require_leased(error: HttpResponseError) -> None:
    """Raises *error* again unless it says that somebody else has the lease."""
    if storage_code(error) not in ("LeaseAlreadyPresent", "LeaseIdMismatchWithBlobOperation", "LeaseLost"):
        raise error


def renew_lock(lock: Lock) -> None:
    """Holds the lock for another minute. Raises `ServiceError` when it is lost."""
    with translated("renew the lock"):
        lock.lease.renew()


def release_lock(lock: Lock) -> None:
    """Gives the lock back; one that is lost already is fine."""
    try:
        with translated("release the lock"):
            lock.lease.release()
    except ServiceError:
        pass

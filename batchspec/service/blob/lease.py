"""The lock of a spec: a lease on a blob, taken for a minute and renewed, which names its holder.

Source: Lease Blob, Blob service REST API.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobClient, BlobLeaseClient

from batchspec.errors import BatchspecError, LockedError
from batchspec.service.blob.blobs import BlobStorage
from batchspec.service.http.errors import accepting, storage_code, translated

# Of one try of a renewal: while Storage is silent, several of them have to fit into a lease.
_CONNECT_WITHIN_S, _ANSWER_WITHIN_S = 5.0, 10.0


class Lock(NamedTuple):
    """A held lease."""

    lease: BlobLeaseClient


class Holder(NamedTuple):
    """Who holds a lock. `text` is for people; `process` names one process of one machine, empty when unknown."""

    text: str
    process: str


_HOLDER, _PROCESS = "batchspec_holder", "batchspec_process"
_TRIES = 5


def take_lock(
    blobs: BlobStorage,
    container: str,
    blob: str,
    holder: Holder,
    is_dead: Callable[[str], bool],
    lease_s: int,
) -> Lock:
    """Leases *blob* for *lease_s* seconds. Raises `LockedError`, which says who holds it.

    The holder signs the blob first, and leases it only if nobody has signed it since: so there is no
    lease without its holder's name, wherever that one was killed. A lease whose holder's `process` *is_dead* is broken;
    any other one ends by itself.
    """
    client = blobs.client(container, blob)
    other: dict[str, str] = {}
    with translated("take the lock"):
        # Again where somebody signed between two calls of ours; not for ever, if many do.
        for _ in range(_TRIES):
            with _again_if_overtaken():
                if lock := _acquire(client, holder, lease_s):
                    return lock
                found = client.get_blob_properties()
                other = found.metadata or {}
                if not is_dead(other.get(_PROCESS, "")):
                    break
                # At once (0): what is left of a minute, nobody uses. Only the lease that was looked at: a new holder
                # has signed, and that changed the ETag.
                BlobLeaseClient(client).break_lease(
                    0, etag=found.etag, match_condition=MatchConditions.IfNotModified
                )
    raise LockedError(
        f"another apply of this spec is running: {other.get(_HOLDER, 'somebody')}",
        help=f"wait for it to end; the lock of a dead process expires within {lease_s} s",
    )


def holder_of(blobs: BlobStorage, container: str, blob: str) -> str:
    """Who holds the lock, for people; empty when nobody does."""
    with accepting(404), translated("look at the lock"):
        found = blobs.client(container, blob).get_blob_properties()
        return (found.metadata or {}).get(_HOLDER, "somebody") if found.lease.state == "leased" else ""
    return ""


def _acquire(client: BlobClient, holder: Holder, lease_s: int) -> Lock | None:
    """The lock, on a blob that is signed by *holder*; None when somebody else has it."""
    # A leased blob takes nothing from who does not hold the lease (LeaseIdMissing); where somebody has leased it
    # between these two calls, the second one is refused (LeaseAlreadyPresent).
    try:
        signed = client.upload_blob(b"", overwrite=True, metadata=_signature(holder))
        lease = BlobLeaseClient(client)
        lease.acquire(lease_s, etag=signed["etag"], match_condition=MatchConditions.IfNotModified)
    except HttpResponseError as error:
        if storage_code(error) not in ("LeaseIdMissing", "LeaseAlreadyPresent"):
            raise
        return None
    return Lock(lease)


def _signature(holder: Holder) -> dict[str, str]:
    return {_HOLDER: holder.text, _PROCESS: holder.process}


@contextmanager
def _again_if_overtaken() -> Iterator[None]:
    """Within it, a call that comes too late for what was there just now is no error: one looks again.

    Somebody else has signed the blob, has deleted it with all the spec made, or has given its lease back.
    """
    try:
        yield
    except HttpResponseError as error:
        if storage_code(error) not in (
            "ConditionNotMet",
            "BlobNotFound",
            "LeaseNotPresentWithLeaseOperation",
        ):
            raise


def renew_lock(lock: Lock) -> None:
    """Holds the lock for another minute. Raises `ServiceError` when it is lost."""
    with translated("renew the lock"):
        lock.lease.renew(connection_timeout=_CONNECT_WITHIN_S, read_timeout=_ANSWER_WITHIN_S)


def release_lock(lock: Lock) -> None:
    """Gives the lock back; one that is lost already is fine."""
    try:
        with translated("release the lock"):
            lock.lease.release()
    except BatchspecError:
        pass

"""What has a spec's name in the account: pools, jobs, and the note that says which file the name belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from batchspec.desired.places import Places
from batchspec.language.model import Spec
from batchspec.plan.observed import Left, Named
from batchspec.resources import job as jobs
from batchspec.resources.base import Json, containers_of, owner
from batchspec.resources.records import FILE_METADATA, FINGERPRINT_METADATA, SPEC_METADATA
from batchspec.service.batch import pool as pool_service
from batchspec.service.connect import Account


def read_named(account: Account, spec: Spec, listed: Iterable[Json]) -> Named:
    """What has the name of *spec*; of its jobs those of *listed* that are not completed."""
    pools = [pool for pool in pool_service.pools(account.batch) if owner(pool) == spec.name]
    ours = [job for job in listed if owner(job) == spec.name]
    stamped = {container for live in (*pools, *ours) for container in containers_of(live)}
    left = (_left(account, spec, container) for container in sorted(stamped - {*spec.containers}))
    return Named(
        pools=pools,
        jobs=[job for job in ours if jobs.is_open(job)],
        file=noted_file(account, Places.of(spec)),
        containers=[found for found in left if found.blobs],
    )


def _left(account: Account, spec: Spec, container: str) -> Left:
    """What of *spec* is in a container that it no longer names."""
    places, stamps = Places.of(spec), {SPEC_METADATA, FINGERPRINT_METADATA}
    listed = (blob for blob in account.blobs.list(container, places.root) if blob.name != places.note)
    sizes = [blob.size for blob in listed if blob.metadata.keys() & stamps]
    return Left(container, len(sizes), sum(sizes))


def noted_file(account: Account, places: Places) -> str | None:
    """The file that the name is noted for; None where nobody has noted one yet."""
    note = (account.blobs.metadata(places.output, places.note) or {}).get(FILE_METADATA)
    return None if note is None else unquote(note)

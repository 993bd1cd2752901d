"""What has a spec's name in the account: pools, jobs, and the note that says which file the name belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from batchspec.desired.places import Places
from batchspec.language.model import Spec
from batchspec.plan.observed import Named
from batchspec.resources import job as jobs
from batchspec.resources.base import Json, owner
from batchspec.resources.records import FILE_METADATA
from batchspec.service.batch import pool as pool_service
from batchspec.service.connect import Account


def read_named(account: Account, spec: Spec, listed: Iterable[Json]) -> Named:
    """What has the name of *spec*; of its jobs those of *listed* that are not completed."""
    return Named(
        pools=[pool for pool in pool_service.pools(account.batch) if owner(pool) == spec.name],
        jobs=[job for job in listed if owner(job) == spec.name and jobs.is_open(job)],
        file=noted_file(account, Places.of(spec)),
    )


def noted_file(account: Account, places: Places) -> str | None:
    """The file that the name is noted for; None where nobody has noted one yet."""
    note = (account.blobs.metadata(places.output, places.note) or {}).get(FILE_METADATA)
    return None if note is None else unquote(note)

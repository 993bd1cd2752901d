"""The stamp on a pool or job that was not made by us: metadata, and nothing else."""

from __future__ import annotations

from batchspec.errors import RefusedError, ServiceError
from batchspec.resources.base import Json, metadata_of
from batchspec.service.batch.client import Batch, path_of


def stamp(batch: Batch, kind: str, desired: Json, live: Json) -> None:
    """Adds the metadata of *desired* to the live `pool` or `job`, provided it is still as it was read."""
    what = f"{kind} {live['id']}"
    entries = {**metadata_of(live), **metadata_of(desired)}
    body = {"metadata": [{"name": name, "value": value} for name, value in entries.items()]}
    path = path_of(f"{kind}s", str(live["id"]))
    try:
        batch.patch(path, body, doing=f"stamp the {what}", etag=str(live["eTag"]))
    except ServiceError as error:
        if error.status != 412:
            raise
        if metadata_of(batch.get(path, doing=f"read the {what}").body) == entries:
            return  # it was done, and repeated since the answer got lost
        raise RefusedError(
            f"the {what} was changed by somebody else in the meantime", help="run the same command again"
        ) from error

"""Taking away what a spec made: its jobs, its pool, its blobs; nothing that is not stamped as its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from batchspec.desired.places import Places
from batchspec.desired.task import Desired
from batchspec.engine.run.send_all import SINGLE_SLOW_S, send_all
from batchspec.errors import RefusedError, ServiceError
from batchspec.language.model import Spec
from batchspec.ledger.database import Database, Many, Rows, lots
from batchspec.resources.base import Json, is_protected, owner
from batchspec.resources.blob import LiveBlob
from batchspec.resources.records import SPEC_METADATA
from batchspec.service.batch import job as job_service
from batchspec.service.batch import pool as pool_service
from batchspec.service.connect import Account

_TOLD_AFTER = 10_000  # blobs


class DoomedBlobs:
    """Blobs of one container: `names` is on disk, for there may be millions, `size` is in bytes."""

    def __init__(self, container: str, blobs: Iterable[LiveBlob]) -> None:
        database = Database()
        database.define("CREATE TABLE blob (name TEXT PRIMARY KEY, size) WITHOUT ROWID")
        database.fill("INSERT OR IGNORE INTO blob VALUES (?, ?)", ((blob.name, blob.size) for blob in blobs))
        self.container = container
        self.names: Many[str] = Rows(database, "SELECT name FROM blob", lambda row: str(row[0]))
        self.size = int(database.one("SELECT coalesce(sum(size), 0) FROM blob")[0])


@dataclass(frozen=True, slots=True)
class Doomed:
    """What a destroy would delete."""

    jobs: tuple[str, ...]
    pool: str | None
    inputs: DoomedBlobs
    outputs: DoomedBlobs

    @property
    def is_empty(self) -> bool:
        return not (self.jobs or self.pool or self.inputs.names or self.outputs.names)


@dataclass(frozen=True, slots=True)
class Deleted:
    """What is gone: a job or a pool by its id, or so many blobs of a container, by its name."""

    kind: str
    id: str
    count: int = 1


def find_doomed(
    account: Account, spec: Spec, *, keep_pool: bool, outputs: bool, orphans_of: Desired | None
) -> Doomed:
    """What there is of *spec*; outputs only with *outputs*. With *orphans_of* only those no input makes any more."""
    places = Places.of(spec)
    if orphans_of is not None:
        orphans = DoomedBlobs(places.output, _orphans(account, orphans_of))
        return Doomed((), None, DoomedBlobs(places.input, ()), orphans)
    generations = job_service.generations(account.batch, spec.job_id) if spec.job else []
    uploaded = account.blobs.list(places.input, places.root)
    return Doomed(
        jobs=tuple(job["id"] for job in generations if _is_ours(spec, job)),
        pool=None if keep_pool else _own_pool(account, spec),
        inputs=DoomedBlobs(
            places.input, (blob for blob in uploaded if blob.metadata.get(SPEC_METADATA) == spec.name)
        ),
        outputs=DoomedBlobs(places.output, _outputs(account, places, outputs)),
    )


def _is_ours(spec: Spec, live: Json) -> bool:
    return owner(live) == spec.name and live.get("state") != "deleting"


def _own_pool(account: Account, spec: Spec) -> str | None:
    if spec.pool is None or spec.pool.existing:
        return None
    live = pool_service.read(account.batch, spec.pool.id)
    if live is None or not _is_ours(spec, live):
        return None
    if is_protected(live):
        raise RefusedError(
            f"the pool {spec.pool.id} is protected",
            help="take `protect: true` out of the spec and apply that, or leave the pool: --keep pool",
        )
    return spec.pool.id


def _outputs(account: Account, places: Places, everything: bool) -> Iterator[LiveBlob]:
    """The logs always, since their tasks go; with *everything* the outputs and the records of work done too."""
    for blob in account.blobs.list(places.output, places.root):
        if blob.name != places.lock and (everything or blob.name.startswith(places.logs)):
            yield blob


def _orphans(account: Account, desired: Desired) -> Iterator[LiveBlob]:
    """The outputs, and the records of work done, that no task of the spec makes any more."""
    places = Places.of(desired.spec)
    for blob in account.blobs.list(places.output, places.root):
        is_ours = blob.name == places.lock or blob.name.startswith(places.logs)
        if not is_ours and not desired.tasks.has_record(blob.name):
            yield blob


def destroy(account: Account, doomed: Doomed, check: Callable[[], None]) -> Iterator[Deleted]:
    """Deletes it all, telling what is gone. What is gone already is fine, so it can be cut off and repeated.

    *check* is called before each deletion, and raises when we are no longer to go on.
    """
    for job_id in doomed.jobs:
        check()
        job_service.delete(account.batch, job_id)
        yield Deleted("job", job_id)
    if doomed.pool is not None:
        check()
        pool_service.delete(account.batch, doomed.pool)
        yield Deleted("pool", doomed.pool)

    def delete(blobs: DoomedBlobs, name: str) -> None:
        check()
        account.blobs.delete(blobs.container, name)

    for blobs in (doomed.inputs, doomed.outputs):
        for some in lots(blobs.names, _TOLD_AFTER):
            send_all(some, partial(delete, blobs), slow_s=SINGLE_SLOW_S)
            yield Deleted("blob", blobs.container, len(some))


def forget_lock(account: Account, places: Places) -> None:
    """Deletes the blob that the lock was on; another run that holds it by now keeps it."""
    try:
        account.blobs.delete(places.output, places.lock)
    except ServiceError as error:
        if error.status != 412:  # it is leased
            raise

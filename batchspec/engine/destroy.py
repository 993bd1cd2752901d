"""Taking away what a spec made: its jobs, its pool, its blobs; nothing that is not stamped as its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from batchspec.desired.places import Places
from batchspec.desired.task import Desired
from batchspec.engine.belongings import Belongings, Some, What
from batchspec.engine.run.send_all import SINGLE_SLOW_S, send_all
from batchspec.errors import RefusedError, ServiceError
from batchspec.language.model import Spec
from batchspec.ledger.database import lots
from batchspec.resources.base import Json, is_protected, owner
from batchspec.service.batch import job as job_service
from batchspec.service.batch import pool as pool_service
from batchspec.service.connect import Account

_TOLD_AFTER = 10_000  # blobs


@dataclass(frozen=True, slots=True)
class Doomed:
    """What a destroy would delete, and which blobs it would leave."""

    jobs: tuple[str, ...]
    pool: str | None
    blobs: tuple[Some, ...]
    kept: tuple[Some, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.jobs or self.pool or self.blobs)


@dataclass(frozen=True, slots=True)
class Deleted:
    """What is gone: a job or a pool by its id, or so many blobs of a container, by its name, with what they were."""

    kind: str
    id: str
    count: int = 1
    what: What | None = None


def find_doomed(
    account: Account, spec: Spec, *, keep_pool: bool, outputs: bool, orphans_of: Desired | None
) -> Doomed:
    """What there is of *spec*; outputs only with *outputs*. With *orphans_of* only those no input makes any more."""
    places = Places.of(spec)
    if orphans_of is not None:
        return _doomed(account, places, lambda what, blob: _is_orphan(orphans_of, places, what, blob))
    generations = job_service.generations(account.batch, spec.job_id) if spec.job else []
    return replace(
        _doomed(account, places, lambda what, _: outputs or what is not What.OUTPUT),
        jobs=tuple(job["id"] for job in generations if _is_ours(spec, job)),
        pool=None if keep_pool else _own_pool(account, spec),
    )


def _doomed(account: Account, places: Places, doomed: Callable[[What, str], bool]) -> Doomed:
    found = Belongings(account, places, doomed)
    return Doomed((), None, tuple(found.some(doomed=True)), tuple(found.some(doomed=False)))


def _is_orphan(desired: Desired, places: Places, what: What, blob: str) -> bool:
    """Whether no task of the spec makes or reads *blob*. Logs stay, and what older versions have uploaded."""
    if what is What.LOG or (what is What.INPUT and places.plain(blob) == blob):
        return False
    return not desired.tasks.has(blob)


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

    def delete(container: str, name: str) -> None:
        check()
        account.blobs.delete(container, name)

    for some in doomed.blobs:
        for names in lots(some.names, _TOLD_AFTER):
            send_all(names, partial(delete, some.container), slow_s=SINGLE_SLOW_S)
            yield Deleted("blob", some.container, len(names), some.what)


def forget_lock(account: Account, places: Places) -> None:
    """Deletes the blob that the lock was on; another run that holds it by now keeps it."""
    try:
        account.blobs.delete(places.output, places.lock)
    except ServiceError as error:
        if error.status != 412:  # it is leased
            raise

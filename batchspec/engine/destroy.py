"""Taking away what a spec made: its jobs, its pool, its blobs; nothing that is not stamped as its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from batchspec.desired.places import Places
from batchspec.desired.task import Desired
from batchspec.engine.belongings import Belongings, Some, What
from batchspec.engine.look.named import read_named
from batchspec.engine.look.needed import needed_by_others
from batchspec.engine.run.claim import note_file
from batchspec.engine.run.sending.send_all import SINGLE_SLOW_S, send_all
from batchspec.errors import RefusedError, ServiceError
from batchspec.language.model import Spec
from batchspec.ledger.database import lots
from batchspec.plan.actions.owner import refuse_other_file
from batchspec.plan.actions.strays import stray_jobs, stray_pools
from batchspec.resources.base import Json, is_protected, owner
from batchspec.service.batch import job as job_service
from batchspec.service.batch import pool as pool_service
from batchspec.service.connect import Account

_KEPT = (What.OUTPUT, What.RUN)  # how outputs were made is kept with them
_TOLD_AFTER = 10_000  # blobs


@dataclass(frozen=True, slots=True)
class Doomed:
    """What a destroy would delete, and which blobs it would leave. `keeps_name`: something stays that has the name.

    `needed` says of those of the pools that others need, why.
    """

    jobs: tuple[str, ...]
    pools: tuple[str, ...]
    blobs: tuple[Some, ...]
    kept: tuple[Some, ...]
    keeps_name: bool
    needed: Mapping[str, str]

    @property
    def is_empty(self) -> bool:
        return not (self.jobs or self.pools or self.blobs)


@dataclass(frozen=True, slots=True)
class Deleted:
    """A deleted job or pool, by its id; or `count` deleted blobs, by the name of their container."""

    kind: str
    id: str
    count: int = 1
    what: What | None = None


def find_doomed(
    account: Account, spec: Spec, *, keep_pool: bool, outputs: bool, orphans_of: Desired | None
) -> Doomed:
    """What there is of *spec*; outputs only with *outputs*.

    With *orphans_of* only what the spec no longer names, and what no task makes or reads any more. Raises
    `RefusedError` for what another file has made under the spec's name.
    """
    places = Places.of(spec)
    jobs: list[Json] = [job for job in job_service.all_jobs(account.batch) if _is_ours(spec, job)]
    named = read_named(account, spec, jobs)
    refuse_other_file(spec, named)
    pools: Iterable[Json] = (pool for pool in named.pools if not _is_existing(spec, pool))
    left = {found.container for found in named.containers}

    def is_doomed(container: str, what: What, blob: str) -> bool:
        if orphans_of is None:
            return outputs or what not in _KEPT
        return container in left or _is_orphan(orphans_of, places, what, blob)

    found = Belongings(account, places, left, is_doomed)
    if orphans_of is not None:
        jobs, pools = [*stray_jobs(spec, jobs)], stray_pools(spec, named.pools)
    kept = tuple(found.some(doomed=False))
    doomed_pools = () if keep_pool else tuple(map(_unprotected, pools))
    return Doomed(
        jobs=tuple(job["id"] for job in jobs),
        pools=doomed_pools,
        blobs=tuple(found.some(doomed=True)),
        kept=kept,
        keeps_name=orphans_of is not None
        or bool(keep_pool and named.pools)
        or any(some.what not in (What.OTHER, What.RUN) for some in kept),
        needed=_needed(account, spec, doomed_pools),
    )


def _needed(account: Account, spec: Spec, pools: tuple[str, ...]) -> dict[str, str]:
    """Of those of *pools* that the jobs of others need, why: their tasks would never run."""
    open_jobs = job_service.generations_and_open(account.batch, "") if pools else []
    why = {pool_id: needed_by_others(account, pool_id, open_jobs, spec.name) for pool_id in pools}
    return {pool_id: text for pool_id, text in why.items() if text}


def _is_orphan(desired: Desired, places: Places, what: What, blob: str) -> bool:
    """Whether no task of the spec makes or reads *blob*. Logs and records stay, and uploads of older versions."""
    if what in (What.LOG, What.RUN) or (what is What.INPUT and places.plain(blob) == blob):
        return False
    return not desired.has(blob)


def _is_ours(spec: Spec, live: Json) -> bool:
    return owner(live) == spec.name and live.get("state") != "deleting"


def _is_existing(spec: Spec, pool: Json) -> bool:
    """Whether the spec only uses *pool*, although it has made it once."""
    return spec.pool is not None and spec.pool.existing and pool["id"].casefold() == spec.pool.id.casefold()


def _unprotected(pool: Json) -> str:
    """The id of *pool*. Raises `RefusedError` where it is protected."""
    if is_protected(pool):
        raise RefusedError(
            f"the pool {pool['id']} is protected",
            help="remove `protect: true` from the spec and apply it, or keep the pool: --keep pool",
        )
    return str(pool["id"])


def destroy(account: Account, doomed: Doomed, check: Callable[[], None]) -> Iterator[Deleted]:
    """Deletes it all, telling what is gone. What is gone already is fine, so it can be cut off and repeated.

    *check* is called before each deletion, and raises when we are no longer to go on.
    """
    for job_id in doomed.jobs:
        check()
        job_service.delete(account.batch, job_id)
        yield Deleted("job", job_id)
    for pool_id in doomed.pools:
        check()
        pool_service.delete(account.batch, pool_id)
        yield Deleted("pool", pool_id)

    def delete(container: str, name: str) -> None:
        check()
        account.blobs.delete(container, name)

    for some in doomed.blobs:
        for names in lots(some.names, _TOLD_AFTER):
            remove = partial(delete, some.container)
            send_all(names, remove, slow_s=SINGLE_SLOW_S, most=account.offer.blob_calls)
            yield Deleted("blob", some.container, len(names), some.what)


def note_or_forget(account: Account, spec: Spec, doomed: Doomed) -> None:
    """Whose the name is stays noted where something of it is kept, and is forgotten with the last of it."""
    if doomed.keeps_name:
        note_file(account, spec)
    else:
        places = Places.of(spec)
        account.blobs.delete(places.output, places.note)


def forget_lock(account: Account, places: Places) -> None:
    """Deletes the blob that the lock was on; another run that holds it by now keeps it."""
    try:
        account.blobs.delete(places.output, places.lock)
    except ServiceError as error:
        if error.status != 412:  # it is leased
            raise

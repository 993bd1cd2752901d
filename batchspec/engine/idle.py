"""Pools whose nodes do nothing: which of them may go, and letting them go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from batchspec.counts import count_text
from batchspec.desired.places import Places
from batchspec.engine.holdings import HeldPool, held_pool
from batchspec.engine.look.prices import Prices, prices_of
from batchspec.engine.run.progress.lock import locked
from batchspec.errors import LockedError
from batchspec.resources import job as jobs
from batchspec.resources.base import Json, containers_of, is_protected, owner
from batchspec.service.batch import job as job_service
from batchspec.service.batch import pool as pool_service
from batchspec.service.blob.lease import holder_of
from batchspec.service.connect import Account

_OUTPUT = "output"  # the container of a pool whose stamps do not name it


class Fate(Enum):
    """What becomes of an idle pool; the value is what programs read."""

    DELETE = "delete"
    ZERO = "zero"  # it stays without nodes: nobody could make it again as it is
    KEEP = "keep"


class IdlePool(NamedTuple):
    """A pool of which no node works; `why` says why it stays, with or without its nodes."""

    spec: str
    pool: HeldPool
    output: str
    fate: Fate
    why: str = ""

    @property
    def places(self) -> Places:
        """Where the lock of its spec is."""
        return Places(self.spec, "", self.output, self.output, Path(), None)


def find_idle(account: Account) -> tuple[IdlePool, ...]:
    """The idle pools of all specs. A pool is kept while an apply of its spec is at work."""
    listed = [pool for pool in pool_service.pools(account.batch) if owner(pool)]
    prices, open_jobs = prices_of(account, listed), job_service.generations_and_open(account.batch, "")
    found = (_looked_at(account, str(pool["id"]), open_jobs, prices) for pool in listed)
    return tuple(_kept_for_apply(account, idle) for idle in found if idle is not None)


def let_go(account: Account, pools: Iterable[IdlePool]) -> Iterator[IdlePool]:
    """Deletes or empties those of *pools* that may go and still do nothing, and tells what became of each."""
    for idle in pools:
        if idle.fate is Fate.KEEP:
            continue
        try:
            with locked(account, idle.places, "deleting an idle pool") as held:
                open_jobs = job_service.generations_and_open(account.batch, "")
                now = _looked_at(account, idle.pool.id, open_jobs, None)
                held.check()
                yield _let_go(account, now or idle._replace(fate=Fate.KEEP, why="it is idle no longer"))
        except LockedError as error:
            yield idle._replace(fate=Fate.KEEP, why=str(error))


def _let_go(account: Account, idle: IdlePool) -> IdlePool:
    if idle.fate is Fate.DELETE:
        pool_service.delete(account.batch, idle.pool.id)
    elif idle.fate is Fate.ZERO:
        pool_service.resize(account.batch, {"id": idle.pool.id}, "taskcompletion")
    return idle


def _looked_at(
    account: Account, pool_id: str, open_jobs: Sequence[Json], prices: Prices | None
) -> IdlePool | None:
    """The pool as it is now; None for one that is gone, or works, or has no nodes."""
    live = pool_service.read(account.batch, pool_id) or {}
    spec = owner(live)
    if spec is None or live.get("state") == "deleting":
        return None
    pool = held_pool(account, live, prices)
    output = next(iter(containers_of(live)[-1:]), _OUTPUT)
    fate, why = _fate(account, live, open_jobs)
    return IdlePool(spec, pool, output, fate, why) if pool.is_idle else None


def _fate(account: Account, live: Json, open_jobs: Sequence[Json]) -> tuple[Fate, str]:
    if is_protected(live):
        return Fate.KEEP, "it is protected"
    if waiting := _waiting(account, str(live["id"]), open_jobs):
        return Fate.KEEP, waiting
    if str((live.get("identity") or {}).get("type", "None")).lower() == "none":
        return Fate.DELETE, ""
    if live.get("enableAutoScale"):
        return Fate.KEEP, "it has an identity, which a new pool would lack, and a formula of its own"
    return Fate.ZERO, "it has an identity, which a new pool would lack"


def _waiting(account: Account, pool_id: str, open_jobs: Iterable[Json]) -> str:
    """Which tasks have yet to end on the pool, be they of batchspec or not; empty without any."""
    for job in open_jobs:
        on = (job.get("executionInfo") or {}).get("poolId") or (job.get("poolInfo") or {}).get("poolId")
        if str(on).casefold() == pool_id.casefold() and jobs.is_open(job):
            counts = job_service.task_counts(account.batch, str(job["id"]))
            if left := counts["active"] + counts["running"]:
                return f"{count_text(left, 'task')} in job {job['id']} yet to end"
    return ""


def _kept_for_apply(account: Account, idle: IdlePool) -> IdlePool:
    holder = holder_of(account.blobs, idle.output, idle.places.lock) if idle.fate is not Fate.KEEP else ""
    return idle._replace(fate=Fate.KEEP, why=f"an apply is at work: {holder}") if holder else idle

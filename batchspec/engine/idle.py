"""Pools whose nodes do nothing: which of them may go, and letting them go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from batchspec.desired.places import Places
from batchspec.engine.holdings import HeldPool, held_pool
from batchspec.engine.look.needed import apply_at_work, lock_of, needed_by
from batchspec.engine.look.prices import Prices, prices_of
from batchspec.engine.run.progress.lock import locked
from batchspec.errors import LockedError
from batchspec.resources.base import Json, is_protected, owner
from batchspec.service.batch import job as job_service
from batchspec.service.batch import pool as pool_service
from batchspec.service.connect import Account


class Fate(Enum):
    """What becomes of an idle pool; the value is what programs read."""

    DELETE = "delete"
    ZERO = "zero"  # it stays without nodes: nobody could make it again as it is
    KEEP = "keep"


class IdlePool(NamedTuple):
    """A pool of which no node works; `why` says why it stays, with or without its nodes.

    `places` say where the lock of its spec is.
    """

    spec: str
    pool: HeldPool
    places: Places
    fate: Fate
    why: str = ""


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
    fate, why = _fate(account, live, open_jobs)
    return IdlePool(spec, pool, lock_of(spec, live), fate, why) if pool.is_idle else None


def _fate(account: Account, live: Json, open_jobs: Sequence[Json]) -> tuple[Fate, str]:
    if is_protected(live):
        return Fate.KEEP, "it is protected"
    if needed := needed_by(account, str(live["id"]), open_jobs, owner(live)):
        return Fate.KEEP, needed
    if str((live.get("identity") or {}).get("type", "None")).lower() == "none":
        return Fate.DELETE, ""
    if live.get("enableAutoScale"):
        return Fate.KEEP, "it has an identity, which a new pool would lack, and a formula of its own"
    return Fate.ZERO, "it has an identity, which a new pool would lack"


def _kept_for_apply(account: Account, idle: IdlePool) -> IdlePool:
    at_work = apply_at_work(account, idle.places) if idle.fate is not Fate.KEEP else ""
    return idle._replace(fate=Fate.KEEP, why=at_work) if at_work else idle

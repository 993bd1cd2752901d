"""What batchspec has made in an account and is still there, by the stamps that pools and jobs carry."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import NamedTuple

from batchspec.cost.estimate import Hourly
from batchspec.cost.nodes import paid_nodes
from batchspec.engine.look.prices import Prices, prices_of
from batchspec.resources.base import Json, author_text, file_of, owner
from batchspec.service.batch import job as job_service
from batchspec.service.batch import pool as pool_service
from batchspec.service.connect import Account

_WITHOUT_WORK = frozenset({"idle", "unusable", "starttaskfailed", "offline", "unknown", "preempted"})


class HeldPool(NamedTuple):
    """A pool. `nodes` counts them by Batch's states, `spot` says how many of them are Spot nodes.

    `applied_by` is who made or changed it last; empty where an earlier version did. `cost` is None without nodes, and
    where they are free.
    """

    id: str
    state: str
    vm_size: str
    nodes: Mapping[str, int]
    spot: int
    autoscales: bool
    applied_by: str
    cost: Hourly | None = None

    @property
    def is_idle(self) -> bool:
        """Whether it has nodes, and none of them runs a task or is about to."""
        return bool(self.nodes) and self.nodes.keys() <= _WITHOUT_WORK


class HeldJob(NamedTuple):
    id: str
    state: str
    applied_by: str


class Holding(NamedTuple):
    """What there is of one spec. `files` are those that it was applied from, as far as that is known."""

    spec: str
    files: tuple[str, ...]
    pools: tuple[HeldPool, ...]
    jobs: tuple[HeldJob, ...]


def read_holdings(account: Account, *, idle: bool) -> Iterator[Holding]:
    """What there is, spec by spec; with *idle* only pools that are, and their specs."""
    pools = _by_spec(pool_service.pools(account.batch))
    prices = prices_of(account, chain.from_iterable(pools.values()))
    jobs = {} if idle else _by_spec(job_service.all_jobs(account.batch))
    for spec in sorted(pools.keys() | jobs.keys()):
        live_pools, live_jobs = pools.get(spec, []), jobs.get(spec, [])
        held = tuple(held_pool(account, pool, prices) for pool in live_pools)
        holding = Holding(
            spec,
            tuple(sorted({file for body in (*live_pools, *live_jobs) if (file := file_of(body))})),
            tuple(pool for pool in held if pool.is_idle or not idle),
            tuple(HeldJob(str(job["id"]), str(job["state"]), author_text(job)) for job in live_jobs),
        )
        if holding.pools or holding.jobs:
            yield holding


def _by_spec(bodies: list[dict[str, object]]) -> dict[str, list[Json]]:
    """Those of *bodies* that a spec has stamped, by its name."""
    found: dict[str, list[Json]] = defaultdict(list)
    for body in bodies:
        if spec := owner(body):
            found[spec].append(body)
    return found


def held_pool(account: Account, live: Json, prices: Prices | None) -> HeldPool:
    """The *live* pool with its nodes."""
    nodes = pool_service.nodes(account.batch, live["id"])
    return HeldPool(
        id=str(live["id"]),
        state=str(live.get("state", "")),
        vm_size=str(live.get("vmSize", "")),
        nodes=dict(Counter(str(node.get("state")) for node in nodes)),
        spot=sum(not node.get("isDedicated", True) for node in nodes),
        autoscales=bool(live.get("enableAutoScale")),
        applied_by=author_text(live),
        cost=prices.hourly(live, paid_nodes(nodes)) if prices else None,
    )

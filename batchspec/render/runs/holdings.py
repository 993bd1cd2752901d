"""What is there in an account, by spec, and what of it costs money."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from batchspec.cost.rates import money
from batchspec.counts import count_text
from batchspec.engine.holdings import HeldJob, HeldPool, Holding
from batchspec.render.cost import hourly_json, hourly_text
from batchspec.render.show import page
from batchspec.version import __version__

_OVER = "completed"


def holdings_text(holdings: Sequence[Holding], costs: str, *, idle: bool) -> str:
    """A paragraph for each spec, and the sum; *costs* says what nodes cost in this account.

    *idle*: pools that are not were left out.
    """
    pools = [pool for holding in holdings for pool in holding.pools]
    nodes = sum(sum(pool.nodes.values()) for pool in pools)
    which = f", which {_sum(pools) or costs}" if nodes else ""
    last = f"{count_text(len(pools), 'pool')} with {count_text(nodes, 'node')}{which}"
    if not pools:
        last = "no idle pools" if idle else "no pools"
    return page([line for holding in holdings for line in _holding(holding)] + [last])


def _sum(pools: Iterable[HeldPool]) -> str:
    """What all nodes cost together; empty where that is not known of each, and in two currencies."""
    hourly = [pool.cost for pool in pools if pool.cost]
    amounts = [cost.amount for cost in hourly if cost.amount is not None and not cost.unknown]
    if len(amounts) < len(hourly) or len({cost.rates.currency for cost in hourly}) != 1:
        return ""
    return f"cost about {money(sum(amounts), hourly[0].rates)} per hour"


def _holding(holding: Holding) -> Iterator[str]:
    yield "  ".join((holding.spec, *holding.files))
    for pool in holding.pools:
        yield f"  pool  {pool.id}  {pool_text(pool)}{'  IDLE' if pool.is_idle else ''}{_by(pool)}"
    for job in holding.jobs:
        if job.state != _OVER:
            yield f"  job   {job.id}  {job.state}{_by(job)}"
    if over := sum(job.state == _OVER for job in holding.jobs):
        yield f"  {count_text(over, 'completed job')}"
    yield ""


def _by(held: HeldPool | HeldJob) -> str:
    return f"  applied by {held.applied_by}" if held.applied_by else ""


def pool_text(pool: HeldPool) -> str:
    """The nodes of the pool and what they cost."""
    more = ", and its autoscale formula may add some" if pool.autoscales else ""
    if not pool.nodes:
        return f"no nodes now{more or ', so it costs nothing'}"
    states = ", ".join(f"{count} {state}" for state, count in sorted(pool.nodes.items()))
    spot = f", {pool.spot} of them Spot" if pool.spot else ""
    nodes = f"{count_text(sum(pool.nodes.values()), 'node')} of {pool.vm_size}{spot} ({states}){more}"
    costs = f"; {hourly_text(pool.cost)}" if pool.cost else ""
    return f"{nodes}{costs}"


def holdings_json(holdings: Iterable[Holding], account: str) -> dict[str, Any]:
    """The same as one object; states are Batch's own."""
    return {
        "type": "list",
        "batchspecVersion": __version__,
        "account": account,
        "specs": [
            {
                "spec": holding.spec,
                "files": list(holding.files),
                "pools": [pool_json(pool) for pool in holding.pools],
                "jobs": [_job_json(job) for job in holding.jobs],
            }
            for holding in holdings
        ],
    }


def pool_json(pool: HeldPool) -> dict[str, Any]:
    """The same of one pool."""
    return {
        "id": pool.id,
        "state": pool.state,
        "vmSize": pool.vm_size,
        "nodes": dict(pool.nodes),
        "spotNodes": pool.spot,
        "autoscales": pool.autoscales,
        "idle": pool.is_idle,
        "appliedBy": pool.applied_by,
        "cost": hourly_json(pool.cost) if pool.cost else None,
    }


def _job_json(job: HeldJob) -> dict[str, str]:
    return {"id": job.id, "state": job.state, "appliedBy": job.applied_by}

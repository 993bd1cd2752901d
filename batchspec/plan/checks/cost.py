"""What the run of a plan costs: which nodes it has, for how long, and what becomes of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from batchspec.cost.estimate import Estimate, Hourly
from batchspec.cost.nodes import Nodes, nodes_asked
from batchspec.cost.rates import Rates
from batchspec.desired.task import Desired
from batchspec.language.model import Pool
from batchspec.plan.actions.action import is_ignored
from batchspec.plan.actions.pool import as_sized
from batchspec.plan.model import Kind, Plan
from batchspec.plan.observed import Observed
from batchspec.resources.base import Effect, Json
from batchspec.resources.equality import caseless, duration_s
from batchspec.resources.pool import nodes_of, target_nodes


def estimate(
    desired: Desired, observed: Observed, plan: Plan, rates_of: Callable[[Json], Rates]
) -> Estimate | None:
    """What the run of *plan* costs; None where it has no nodes. *rates_of* gives the prices of a pool's nodes."""
    pool, spec = _paid(desired, observed, plan), desired.spec
    nodes = nodes_asked(pool) if pool is not None else Nodes()
    if pool is None or spec.pool is None or not any(nodes):
        return None
    sizes = _sizes(str(pool["vmSize"]), spec.pool, observed, plan)
    hourly = [Hourly(nodes, rates_of({**pool, "vmSize": size})) for size in sizes]
    dearest = max(hourly, key=_dearness)
    return Estimate(
        dearest,
        _hours(desired.job),
        has_job=plan.work.needed,
        when_done="" if spec.pool.existing else spec.pool.when_done.value,
        autoscales=bool(pool.get("enableAutoScale")),
        others=tuple(other.rates for other in hourly if other is not dearest),
    )


def _sizes(vm_size: str, pool: Pool, observed: Observed, plan: Plan) -> tuple[str, ...]:
    """The VM sizes that the nodes of the run may have: while there is none, any of the list."""
    drains = any(Effect.DRAIN in action.effects for action in plan.of(Kind.POOL))
    if nodes_of(observed.pool or {}) and not drains:
        return (vm_size,)
    return (vm_size, *(other for other in pool.vm_sizes if not caseless(other, vm_size)))


def _dearness(hourly: Hourly) -> float:
    """What counts of several VM sizes that the nodes may have: what they cost at most."""
    return math.inf if hourly.amount is None else hourly.amount


def starts_nodes(desired: Desired, observed: Observed, plan: Plan) -> bool:
    """Whether *plan* has nodes made where none is, or was asked for."""
    pool, live = _paid(desired, observed, plan), observed.pool or {}
    return pool is not None and any(nodes_asked(pool)) and not (nodes_of(live) or target_nodes(live))


def _paid(desired: Desired, observed: Observed, plan: Plan) -> Json | None:
    """The pool whose nodes the run has, as it will be; None where the plan needs no nodes."""
    has_tasks = bool(desired.spec.groups)
    if not (plan.work.needed if has_tasks else plan.asks_for_nodes):
        return None
    if desired.pool is None:
        return observed.pool
    live = observed.pool or {}
    sized = as_sized(desired, observed.pool).pool or desired.pool
    targets = ("targetDedicatedNodes", "targetLowPriorityNodes")
    kept = targets if sized.get("enableAutoScale") else ()  # the formula may leave one as it is
    left: dict[str, Any] = {
        name: live[name]
        for name in (*targets, "autoScaleFormula", "vmSize")
        if name in live and (name in kept or is_ignored(desired, ("pool", name)))
    }
    return {**sized, **left}


def _hours(job: Json | None) -> float | None:
    """What bounds the time of *job*."""
    limit = ((job or {}).get("constraints") or {}).get("maxWallClockTime")
    return duration_s(str(limit)) / 3600 if limit else None

"""How much a plan takes away or adds, held against the thresholds of the spec's `safety:`."""

from __future__ import annotations

import math
from collections.abc import Iterator

from batchspec.cost.nodes import nodes_asked
from batchspec.desired.task import Desired
from batchspec.language.model import Limit
from batchspec.plan.actions.action import place_of
from batchspec.plan.actions.job import current_job
from batchspec.plan.model import Excess, Kind, Operation, Plan
from batchspec.plan.observed import Observed

THRESHOLDS = ("maxDeletions", "maxReplacements", "maxNodes", "maxObjects", "maxCostPerHour", "maxCost")
ALLOWED = (*THRESHOLDS, "maxFailures")
"""What `--allow` takes: `maxFailures` is no threshold of a plan, but of its run."""

_DIGITS = 4  # of a sum of money: with two, 0.424 would be shown as no more than a limit of 0.42


def excesses(desired: Desired, observed: Observed, plan: Plan) -> tuple[Excess, ...]:
    """The thresholds that *plan* goes beyond."""
    return (*_excesses(desired, observed, plan), *_costs(desired, plan))


def excess_line(excess: Excess) -> str:
    """An excess in one line: `safety.maxNodes: 80 nodes asked for, the limit is 50`."""
    return f"safety.{excess.name}: {_amount(excess)}{excess.what}, the limit is {excess.limit}"


def _amount(excess: Excess) -> str:
    found = excess.found
    if isinstance(found, float):
        found = round(found, _DIGITS)
    return "" if found is None else f"{found} of {excess.of} " if excess.of is not None else f"{found} "


def _excesses(desired: Desired, observed: Observed, plan: Plan) -> Iterator[Excess]:
    safety = desired.spec.safety
    owned = _owned(desired, observed)
    amounts: tuple[tuple[str, Limit | None, int, str], ...] = (
        ("maxDeletions", safety.max_deletions, _deletions(plan), "deleted"),
        ("maxReplacements", safety.max_replacements, _replacements(observed, plan), "replaced"),
        ("maxNodes", safety.max_nodes, _nodes(desired, plan), "nodes asked for"),
        ("maxObjects", safety.max_objects, _additions(plan), "pools, jobs and tasks added"),
    )
    document = desired.spec.document
    for name, limit, found, what in amounts:
        if limit is None or limit.allows(found, owned):
            continue
        if limit.is_share and owned <= safety.min_objects:
            continue
        stated = name in (document.data.get("safety") or {})  # type: ignore[operator]
        place = _place(desired, name) if stated else ""
        yield Excess(name, str(limit.written), found, owned if limit.is_share else None, what, place)


def _costs(desired: Desired, plan: Plan) -> Iterator[Excess]:
    """The limits of costs. What nobody knows, and what nothing bounds, is beyond any."""
    safety, cost = desired.spec.safety, plan.cost
    if cost is None:
        return
    rates = cost.hourly.rates
    amounts = (
        ("maxCostPerHour", safety.max_cost_per_hour, cost.hourly.amount, f"{rates.currency} per hour"),
        ("maxCost", safety.max_cost, cost.at_most, f"{rates.currency} at most"),
    )
    for name, limit, found, what in amounts:
        if limit is None or (found is not None and found <= limit):
            continue
        if unknown := cost.hourly.unknown:
            found, what = None, f"price not known: {unknown}"
        elif found is None or found == math.inf:
            found, what = None, cost.unbounded
        yield Excess(name, str(limit), found, None, what, _place(desired, name))


def _place(desired: Desired, name: str) -> str:
    """The `file:line` of the limit *name*."""
    return place_of(desired, ("safety", name))


def _owned(desired: Desired, observed: Observed) -> int:
    """How many pools, jobs and tasks the spec has in the account: of jobs the newest, while it is open."""
    has_job = current_job(desired.spec, observed.jobs) is not None
    has_pool = observed.pool is not None and desired.pool is not None
    return (observed.seen.tasks if observed.seen else 0) + has_job + has_pool


def _deletions(plan: Plan) -> int:
    """Pools and jobs that go, and queued or running tasks that left the spec."""
    gone = sum(1 for action in plan.resources if action.operation is Operation.DELETE)
    return gone + sum(1 for removal in plan.work.deletions if not removal.is_superseded)


def _replacements(observed: Observed, plan: Plan) -> int:
    """Queued and running tasks whose work changed; a replaced job, with all of its tasks that have not ended."""
    found = sum(1 for removal in plan.work.deletions if removal.is_superseded)
    replaced = [action.kind for action in plan.resources if action.operation is Operation.REPLACE]
    if Kind.JOB in replaced and observed.seen:
        found += observed.seen.unfinished
    return found + len(replaced)


def _nodes(desired: Desired, plan: Plan) -> int:
    """The nodes that the plan asks for, or its formula can ask for.

    0 where the plan leaves the pool's size alone; what nothing bounds is told by the preflight.
    """
    if desired.pool is None or not plan.asks_for_nodes:
        return 0
    most = sum(nodes_asked(desired.pool))
    return int(most) if most < math.inf else 0


def _additions(plan: Plan) -> int:
    counts = plan.counts()
    return counts[Operation.CREATE] + counts[Operation.RUN] + sum(found.most for found in plan.work.open)

"""From what was seen to what is done about it. Nothing of this is needed before the first answers are there."""

from __future__ import annotations

from dataclasses import replace

from batchspec.cost.nodes import Nodes
from batchspec.desired.task import Desired
from batchspec.engine.look.judging import judged
from batchspec.engine.look.prices import Prices
from batchspec.plan.actions.planner import make_plan as make_plan
from batchspec.plan.checks.cost import estimate, starts_nodes
from batchspec.plan.model import Kind, Plan, Stray
from batchspec.plan.observed import Observed
from batchspec.service.connect import Account


def with_judgement(
    account: Account, desired: Desired, observed: Observed, plan: Plan, prices: Prices | None
) -> Plan:
    """*plan* with what it costs, where there are prices, and with what speaks against it."""
    if prices is not None:
        plan = replace(
            plan,
            cost=estimate(desired, observed, plan, prices.of),
            starts_nodes=starts_nodes(desired, observed, plan),
            strays=tuple(_priced(stray, observed, prices) for stray in plan.strays),
        )
    return judged(account, desired, observed, plan)


def _priced(stray: Stray, observed: Observed, prices: Prices) -> Stray:
    """*stray* with what its nodes cost, where it is a pool that has some."""
    live = [pool for pool in observed.named.pools if stray.kind is Kind.POOL and pool["id"] == stray.id]
    nodes = Nodes(stray.nodes - stray.spot, stray.spot)
    return stray._replace(cost=prices.hourly(live[0], nodes)) if live else stray

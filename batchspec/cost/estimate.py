"""What a pool costs per hour, and what a run may cost at most."""

from __future__ import annotations

import math
from typing import NamedTuple

from batchspec.cost.nodes import Nodes
from batchspec.cost.rates import Rates, rounded


class Hourly(NamedTuple):
    """Nodes and what they cost per hour."""

    nodes: Nodes
    rates: Rates

    @property
    def amount(self) -> float | None:
        """Per hour; None where it is not known, infinity where nothing bounds the nodes."""
        return self.rates.cost(self.nodes)

    @property
    def unknown(self) -> str:
        """Why it is not known; empty where it is."""
        return self.rates.unknown(self.nodes)


class Estimate(NamedTuple):
    """What the run of a plan costs: its pool per hour, with a formula at most, and for how long.

    `hours` is what bounds the job, None where nothing does. `when_done` is what becomes of the pool, empty for a pool
    that is only used; `has_job` tells a run from a pool that is only there. `others` are the prices of cheaper VM
    sizes that the nodes may turn out to have.
    """

    hourly: Hourly
    hours: float | None
    has_job: bool
    when_done: str
    autoscales: bool
    others: tuple[Rates, ...] = ()

    def rates_of(self, vm_size: str) -> Rates:
        """The prices of the nodes, once they have a *vm_size*."""
        same = (rates for rates in self.others if rates.vm_size.casefold() == vm_size.casefold())
        return next(same, self.hourly.rates)

    @property
    def at_most(self) -> float | None:
        """What the run costs at most; None where no price or no end is known, infinity where no bound of nodes is."""
        per_hour = self.hourly.amount
        return None if per_hour is None or self.hours is None else rounded(per_hour * self.hours)

    @property
    def unbounded(self) -> str:
        """What of the run nothing bounds; empty where all of it is bounded."""
        if math.inf in self.hourly.nodes:
            return "nothing in the autoscale formula bounds the number of nodes"
        if self.hours is None:
            return "nothing bounds the run: job.constraints.maxWallClockTime is not set"
        return ""


class Used(NamedTuple):
    """The node hours of a run, and their prices."""

    hours: Nodes
    rates: Rates

    @property
    def cost(self) -> float | None:
        """None where a price is not known."""
        return self.rates.cost(self.hours)

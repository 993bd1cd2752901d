"""Nodes that cost money, and the hours that they were there."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from batchspec.resources.base import Json


class Nodes(NamedTuple):
    """Dedicated and Spot nodes, or hours of them; `math.inf` where nothing bounds them."""

    dedicated: float = 0
    spot: float = 0


def nodes_asked(pool: Json) -> Nodes:
    """The nodes that *pool* asks for, or its formula at most, which may leave a target as it is."""
    targets = (int(pool.get("targetDedicatedNodes") or 0), int(pool.get("targetLowPriorityNodes") or 0))
    if not pool.get("enableAutoScale"):
        return Nodes(*targets)
    from batchspec.formula.bounds import reach  # not before there is a formula
    from batchspec.formula.syntax import FormulaSyntaxError

    try:
        return Nodes(*reach(str(pool.get("autoScaleFormula", "")), *targets))
    except FormulaSyntaxError:  # of a pool that others made; ours was read before
        return Nodes(math.inf, math.inf)


def paid_nodes(listed: Iterable[Json]) -> Nodes:
    """Those of the nodes *listed* that cost money, whatever they do; one that was preempted does not."""
    return _summed((node, 1) for node in listed)


class NodeHours:
    """The hours of a pool's nodes since `begin`, counted from look to look; times are the service's."""

    def __init__(self) -> None:
        self.total = Nodes()
        self._until: datetime | None = None

    def begin(self, now: datetime) -> None:
        self._until = now

    def look(self, listed: Iterable[Json], now: datetime) -> None:
        """Counts the time since the last look; a node that came meanwhile from when it was allocated."""
        since = now if self._until is None else self._until
        hours = _summed((node, _hours(max(since, _allocated(node, since)), now)) for node in listed)
        self.total = Nodes(*(before + more for before, more in zip(self.total, hours, strict=True)))
        self._until = now


def _summed(amounts: Iterable[tuple[Json, float]]) -> Nodes:
    found = {True: 0.0, False: 0.0}
    for node, amount in amounts:
        if node.get("state") != "preempted":
            found[bool(node.get("isDedicated", True))] += amount
    return Nodes(found[True], found[False])


def _hours(since: datetime, until: datetime) -> float:
    return max(0.0, (until - since).total_seconds() / 3600)


def _allocated(node: Json, otherwise: datetime) -> datetime:
    text = node.get("allocationTime")
    return datetime.fromisoformat(str(text)) if text else otherwise

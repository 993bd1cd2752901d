"""Waiting for capacity: a resize that got no node is repeated, or done with another of the pool's VM sizes."""

from __future__ import annotations

import math
import time
from typing import NamedTuple

from batchspec.engine.health.stuck import Judgement
from batchspec.engine.health.trouble import Facts, StuckReason, Trouble
from batchspec.engine.run.progress.conduct import Conduct
from batchspec.events import NoteEvent
from batchspec.language.model import Pool
from batchspec.resources.base import Change, Effect, Json
from batchspec.service.batch import pool as pool_service
from batchspec.service.batch import pool_update

_SHORT = frozenset({StuckReason.ALLOCATION, StuckReason.QUOTA, StuckReason.VM_SIZE})


class _Next(NamedTuple):
    """The VM size to try next; `begins_anew`: all that follow in the list were tried."""

    name: str
    begins_anew: bool = False


class Capacity:
    """Asks for the nodes of one run again, for *allocation_s* seconds."""

    def __init__(self, conduct: Conduct, allocation_s: float) -> None:
        self._conduct = conduct
        self._until = time.monotonic() + allocation_s
        self._refused: set[str] = set()  # VM sizes that no wait helps

    def asks_again(self, judgement: Judgement, facts: Facts) -> Trouble | None:
        """The shortage for which nodes are asked for once more, which is told; None where they are not."""
        short, pool = _without_nodes(judgement, facts), self._conduct.spec.pool
        left_s = self._until - time.monotonic()
        if short is None or facts.pool is None or pool is None or pool.existing or left_s <= 0:
            return None
        size = self._next_size(short, pool, str(facts.pool["vmSize"]))
        if size is not None:
            how = f"trying the VM size {size.name}"
        elif short.reason is StuckReason.ALLOCATION and not facts.pool.get("enableAutoScale"):
            how = "retrying"
        else:
            return None
        left = f"{math.ceil(left_s / 60)} more minutes"
        self._conduct.tell(NoteEvent(f"{short.text}; {how} for up to {left}", warning=True))
        if size is None or size.begins_anew:
            self._conduct.stopped.wait(self._conduct.account.offer.pace.resize_s)
        self._conduct.check()
        self._ask(pool, facts.pool, size.name if size else "")
        return short

    def _next_size(self, short: Trouble, pool: Pool, size: str) -> _Next | None:
        """The VM size to try after *size*; None where there is no other."""
        if short.reason is not StuckReason.ALLOCATION:
            self._refused.add(size.casefold())
        names = [name.casefold() for name in pool.vm_sizes]
        if size.casefold() not in names or ("pool", "vmSize") in self._conduct.spec.ignored:
            return None
        at = names.index(size.casefold())
        others = [_Next(name) for name in pool.vm_sizes[at + 1 :]]
        others += [_Next(name, begins_anew=True) for name in pool.vm_sizes[:at]]
        return next((other for other in others if other.name.casefold() not in self._refused), None)

    def _ask(self, pool: Pool, live: Json, size: str) -> None:
        """Asks for the pool's own numbers, which the spec may leave to others; with *size*, for nodes of that size.

        A node that comes at the last moment finishes its tasks before the pool is emptied.
        """
        batch, conduct = self._conduct.account.batch, self._conduct
        if not size:
            pool_service.resize(batch, live, pool.deallocation)
            return
        change = Change(("vmSize",), live["vmSize"], size, Effect.DRAIN)
        gentle, desired = pool._replace(deallocation="taskcompletion"), {**conduct.pool, "vmSize": size}
        pool_update.update(batch, gentle, desired, [change], lambda _: conduct.check(), conduct.spec.ignored)


def _without_nodes(judgement: Judgement, facts: Facts) -> Trouble | None:
    """Why the last resize got no node, where that is all that is wrong.

    Of a pool that scales itself it is a trouble that may pass, but not for its VM size.
    """
    troubles = (judgement.stuck,) if judgement.stuck else judgement.degraded
    short = next((trouble for trouble in troubles if trouble and trouble.reason in _SHORT), None)
    return None if facts.nodes else short

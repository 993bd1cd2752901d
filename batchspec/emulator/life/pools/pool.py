"""What happens to pools: their sizes are reached; they go."""

import functools
import re

from batchspec.emulator.life.account import node_folders as nodes
from batchspec.emulator.life.account import rehearsal
from batchspec.emulator.life.account.account import Account
from batchspec.emulator.life.account.model import Body, Node, Pool
from batchspec.emulator.life.pools import node as node_life
from batchspec.emulator.life.pools.allocation import set_allocation, settle
from batchspec.emulator.state.clock import time_text


def cores(vm_size: str) -> int:
    """The number in a size's name: `standard_d2ds_v5` has 2."""
    found = re.search(r"_[a-z]+(\d+)", vm_size.lower())
    return int(found[1]) if found else 1


# --- the size of a pool


def resize(
    account: Account, pool: Pool, dedicated: int, low_priority: int, deallocation: str = "requeue"
) -> None:
    """The pool is `resizing` towards these targets."""
    pool.doc["targetDedicatedNodes"], pool.doc["targetLowPriorityNodes"] = dedicated, low_priority
    pool.doc.pop("resizeErrors", None)
    pool.deallocation = deallocation
    set_allocation(account, pool, "resizing")
    pool.resize_epoch += 1
    empty = not pool.nodes and dedicated + low_priority == 0
    delay = account.settings.speed.resize_empty if empty else account.settings.speed.resize
    pool.growing = True
    account.loop.later(0, functools.partial(_shrink, account, pool, pool.resize_epoch))
    account.loop.later(delay, functools.partial(_reach, account, pool, pool.resize_epoch))


def _shrink(account: Account, pool: Pool, epoch: int) -> None:
    """Sends away what is too many, at once: stopping the resize does not keep it (recorded 2026)."""
    if epoch != pool.resize_epoch or pool.doc["state"] == "deleting":
        return
    with account.store.transaction():
        for dedicated in (True, False):
            staying = _staying(pool, dedicated)
            surplus = len(staying) - _target(pool, dedicated)
            # Idle nodes go first, then those with the least to do.
            for node in sorted(staying, key=lambda node: node.used_slots)[: max(0, surplus)]:
                node_life.leave(account, node, pool.deallocation)


def _reach(account: Account, pool: Pool, epoch: int) -> None:
    """Adds what is missing; steady once no node is leaving either."""
    if epoch != pool.resize_epoch or pool.doc["state"] == "deleting":
        return
    again = functools.partial(_reach, account, pool, epoch)
    if rehearsal.holds_pool(account, pool, "resizing", again):
        return
    pool.growing = False
    short = rehearsal.shortage_of(account, pool)
    with account.store.transaction():
        errors = [error for dedicated in (True, False) for error in _grow(account, pool, dedicated, short)]
        if errors:
            pool.doc["resizeErrors"] = errors
        settle(account, pool)


def _target(pool: Pool, dedicated: bool) -> int:
    return int(pool.doc["targetDedicatedNodes" if dedicated else "targetLowPriorityNodes"])


def _staying(pool: Pool, dedicated: bool) -> list[Node]:
    nodes = pool.nodes.values()
    return [node for node in nodes if node.doc["isDedicated"] == dedicated and node.leaving != "remove"]


def _grow(account: Account, pool: Pool, dedicated: bool, short: rehearsal.Shortage | None) -> list[Body]:
    missing = max(0, _target(pool, dedicated) - len(_staying(pool, dedicated)))
    allowed = min(missing, _quota_left(account, dedicated) // cores(pool.doc["vmSize"]))
    if short is not None:
        allowed = min(allowed, short.nodes)
    for _ in range(allowed):
        node_life.add(account, pool, dedicated)
    if allowed == missing:
        return []
    return [{"code": short.code, "message": short.message} if short is not None else _quota_error(dedicated)]


def _quota_left(account: Account, dedicated: bool) -> int:
    settings = account.settings
    used = sum(cores(pool.doc["vmSize"]) * pool.count(dedicated) for pool in account.pools.values())
    return max(0, (settings.dedicated_cores if dedicated else settings.low_priority_cores) - used)


def _quota_error(dedicated: bool) -> Body:
    if dedicated:
        message = "The specified account has reached core quota"
        return {"code": "AccountCoreQuotaReached", "message": message}
    message = "The specified account has reached low priority core quota"
    return {"code": "AccountLowPriorityCoreQuotaReached", "message": message}


def stop_resize(account: Account, pool: Pool) -> None:
    """Targets stay as asked; what is not there will not come, and nodes on their way out still go (recorded 2026)."""
    pool.resize_epoch += 1
    pool.growing = False
    set_allocation(account, pool, "stopping")
    account.loop.later(account.settings.speed.resize_empty, functools.partial(_stopped, account, pool))


def _stopped(account: Account, pool: Pool) -> None:
    errors = []
    for dedicated, name in ((True, "dedicated"), (False, "low priority")):
        if _target(pool, dedicated) > pool.count(dedicated):
            message = f"Desired number of {name} nodes could not be allocated due to a stop resize operation"
            errors.append({"code": "ResizeStopped", "message": message})
    if errors:
        pool.doc["resizeErrors"] = errors
    settle(account, pool)
    account.save_pool(pool)


def delete(account: Account, pool: Pool) -> None:
    """`deleting`; its tasks are queued again for whatever pool has its id next."""
    now = time_text(account.clock.now())
    pool.doc["state"], pool.doc["stateTransitionTime"] = "deleting", now
    account.touch(pool.doc)
    pool.resize_epoch += 1
    set_allocation(account, pool, "resizing")
    for node in list(pool.nodes.values()):
        node_life.leave(account, node, "requeue")
    account.loop.later(account.settings.speed.pool_delete, functools.partial(_deleted, account, pool))


def _deleted(account: Account, pool: Pool) -> None:
    if rehearsal.holds_pool(account, pool, "deleting", functools.partial(_deleted, account, pool)):
        return
    if pool.nodes:
        account.loop.later(0.05, functools.partial(_deleted, account, pool))
        return
    account.pools.pop(pool.key, None)
    account.store.remove("pool", pool.key)
    nodes.discard(account, account.settings.home / "nodes" / pool.id)

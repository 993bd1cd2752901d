"""Whether a pool is on its way to another size."""

from batchspec.emulator.life.account.account import Account
from batchspec.emulator.life.account.model import Pool
from batchspec.emulator.state.clock import time_text


def set_allocation(account: Account, pool: Pool, state: str) -> None:
    pool.doc["allocationState"] = state
    pool.doc["allocationStateTransitionTime"] = time_text(account.clock.now())
    account.save_pool(pool)


def settle(account: Account, pool: Pool) -> None:
    """`steady` when nothing is leaving any more."""
    leaving = any(node.leaving == "remove" for node in pool.nodes.values())
    busy = leaving or pool.growing or pool.doc["state"] != "active"
    if not busy and pool.doc["allocationState"] != "steady":
        set_allocation(account, pool, "steady")

"""Starts an account: ends what its last life left running, reads its state back and begins its loop."""

import functools

from batchspec.emulator.life import recovery, scheduler
from batchspec.emulator.life.account.account import Account
from batchspec.emulator.life.jobs import schedule


def start(account: Account) -> None:
    """State is read back, what the last life left behind is ended, and the loop runs."""
    account.job_over = functools.partial(schedule.job_over, account)
    account.loop.begin()
    recovery.recover(account)
    account.loop.start(functools.partial(scheduler.step, account))


def busy(account: Account) -> bool:
    """A try or a transition is under way, or tasks are queued on nodes that can take them."""
    pools = account.pools.values()
    if account.loop.has_runs or any(pool.doc["allocationState"] != "steady" for pool in pools):
        return True
    if any(job.state in ("terminating", "deleting", "disabling") for job in account.jobs.values()):
        return True
    return any(scheduler.has_work(account, pool) for pool in pools)

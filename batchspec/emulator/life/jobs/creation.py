"""How pools and jobs come to be: asked for, made by a schedule, or as the auto pool of a job."""

import contextlib
import uuid
from collections.abc import Iterator

from batchspec.emulator.life.account.account import Account
from batchspec.emulator.life.account.model import Body, Job, Pool
from batchspec.emulator.life.jobs import job as job_life
from batchspec.emulator.life.pools import pool as pool_life
from batchspec.emulator.life.pools import scaling
from batchspec.emulator.state import defaults


def make_pool(account: Account, pool_id: str, body: Body) -> Pool:
    """A new pool of the account, resizing to the size that its body asks for."""
    pool = Pool(defaults.begun(pool_id, account.clock.now()) | defaults.pool(body))
    account.pools[pool.key] = pool
    with _made(account, pool):
        look_again(account, pool)
        pool_life.resize(
            account, pool, body.get("targetDedicatedNodes", 0), body.get("targetLowPriorityNodes", 0)
        )
        scaling.start(account, pool)
    return pool


@contextlib.contextmanager
def _made(account: Account, pool: Pool) -> Iterator[None]:
    """What is done inside is noted as a whole; where it cannot be, there is no such pool, and nothing grows in it."""
    try:
        with account.store.transaction():
            yield
    except BaseException:
        del account.pools[pool.key]
        pool.resize_epoch += 1
        pool.scale_epoch += 1
        raise


def look_again(account: Account, pool: Pool) -> None:
    """Tasks that were too wide for the pool's nodes may fit now."""
    for job in account.jobs.values():
        job.maybe_ready = job.maybe_ready or job.pool_key == pool.key


def make_job(account: Account, job_id: str, body: Body, schedule: str = "") -> Job:
    doc = defaults.begun(job_id, account.clock.now()) | defaults.job(body)
    doc["executionInfo"] = {"startTime": doc["creationTime"]}
    job = Job(account.store.next_number(), doc, schedule=schedule)
    with account.store.transaction():
        job.doc["executionInfo"]["poolId"] = _pool_of(account, job)
        account.save_job(job)
        job_life.add_manager(account, job)
    account.jobs[job.key] = job
    job_life.watch_limit(account, job)
    account.loop.wake()
    return job


def _pool_of(account: Account, job: Job) -> str:
    """The pool named, or the auto pool: the job's own, or the one that all jobs of a schedule share."""
    info = job.doc["poolInfo"]
    if "poolId" in info:
        return str(info["poolId"])
    auto = info["autoPoolSpecification"]
    schedule = account.schedules.get(job.schedule.lower())
    shared = schedule is not None and auto["poolLifetimeOption"] == "jobschedule"
    if schedule is not None and shared and schedule.pool.lower() in account.pools:
        return schedule.pool
    prefix = auto.get("autoPoolIdPrefix", "")
    pool_id = f"{prefix}_{uuid.uuid4()}" if prefix else str(uuid.uuid4()).upper()
    make_pool(account, pool_id, auto["pool"])
    if schedule is not None and shared:
        schedule.pool = pool_id
    return pool_id

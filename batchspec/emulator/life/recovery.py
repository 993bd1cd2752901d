"""What a new life does first: ends what the last one left running, reads the state back, goes on with it."""

import contextlib
import functools
from pathlib import Path

import psutil

from batchspec.emulator.life.account import containers
from batchspec.emulator.life.account.account import Account
from batchspec.emulator.life.account.model import Job, Node, Pool, Schedule
from batchspec.emulator.life.account.node_folders import trash
from batchspec.emulator.life.jobs import job as job_life
from batchspec.emulator.life.jobs import schedule as schedule_life
from batchspec.emulator.life.jobs import task as task_life
from batchspec.emulator.life.pools import node as node_life
from batchspec.emulator.life.pools import pool as pool_life
from batchspec.emulator.life.pools import scaling
from batchspec.emulator.life.pools.prepared import PREPARATION, RELEASE
from batchspec.emulator.node.process import remove_tree
from batchspec.emulator.state.store import ACTIVE, PREPARING, RUNNING


def recover(account: Account) -> None:
    end_orphans(account.settings.home / "nodes")
    for leftover in trash(account).iterdir():
        account.loop.in_thread(functools.partial(remove_tree, leftover))
    _load(account)
    containers.end_orphans(account)
    task_life.sweep(account)
    with account.store.transaction():
        _requeue_running(account)
        for pool in list(account.pools.values()):
            _resume_pool(account, pool)
        for job in list(account.jobs.values()):
            _resume_job(account, job)
        for schedule in list(account.schedules.values()):
            _resume_schedule(account, schedule)


def end_orphans(nodes: Path) -> None:
    """Processes that say, by their environment or their working directory, that they belong to these nodes."""
    mark = str(nodes)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("AZ_BATCH_NODE_ROOT_DIR", "").startswith(
                mark
            ) or process.cwd().startswith(mark):
                process.kill()


def _load(account: Account) -> None:
    for doc in account.store.load("pool"):
        pool = Pool(doc)
        account.pools[pool.key] = pool
    for item in account.store.load("node"):
        if item["pool"] in account.pools:
            pool = account.pools[item["pool"]]
            node = Node(item["doc"], pool, users=item["users"], packages=item.get("packages", []))
            pool.nodes[node.id] = node
    for item in account.store.load("job"):
        job = Job(item["number"], item["doc"], schedule=item["schedule"], nodes=item["nodes"])
        account.jobs[job.key] = job
    for item in account.store.load("schedule"):
        schedule = Schedule(item["doc"], item["runs"], item["pool"])
        account.schedules[schedule.key] = schedule


def _requeue_running(account: Account) -> None:
    """As after the recovery of a node: counted neither as a retry nor as a requeue (FACTS section 5.2)."""
    now = account.clock.now()
    account.store.db.execute(
        "UPDATE tasks SET previous = state, previous_time = state_time, state = ?, state_time = ?, start_time = NULL,"
        " node = NULL WHERE state IN (?, ?)",
        (ACTIVE, now, PREPARING, RUNNING),
    )


def _resume_pool(account: Account, pool: Pool) -> None:
    for node in pool.nodes.values():
        _resume_node(account, node)
    if pool.doc["state"] == "deleting":
        pool_life.delete(account, pool)
    elif pool.doc["allocationState"] != "steady":
        sizes = pool.doc["targetDedicatedNodes"], pool.doc["targetLowPriorityNodes"]
        pool_life.resize(account, pool, *sizes)
    account.loop.later(0, functools.partial(scaling.start, account, pool))


def _resume_node(account: Account, node: Node) -> None:
    state = node.state
    if state == "running":
        node_life.set_state(account, node, "idle")
    elif state in ("creating", "starting", "waitingforstarttask", "rebooting", "reimaging"):
        account.loop.later(0, functools.partial(node_life.boot, account, node, node.epoch))
    elif state == "leavingpool":
        node_life.leave(account, node, "requeue")


def _resume_job(account: Account, job: Job) -> None:
    for infos in job.nodes.values():
        for name in (PREPARATION, RELEASE):
            if infos.get(name, {}).get("state") == "running":
                del infos[name]
    job_life.watch_limit(account, job)
    account.loop.later(0, functools.partial(job_life.task_gone, account, job))


def _resume_schedule(account: Account, schedule: Schedule) -> None:
    if schedule.doc["state"] == "deleting":
        schedule_life.delete(account, schedule)
    else:
        schedule_life.plan_next(account, schedule)

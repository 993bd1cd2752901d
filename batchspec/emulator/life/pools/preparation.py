"""Job preparation and release tasks: once on each node that a job comes to, before its tasks and after them."""

import functools
from collections.abc import Callable

from batchspec.emulator.life.account import node_folders as nodes
from batchspec.emulator.life.account.account import Account
from batchspec.emulator.life.account.model import WORKING, Body, Job, Node
from batchspec.emulator.life.pools import node as node_life
from batchspec.emulator.life.pools import tries
from batchspec.emulator.life.pools.prepared import PREPARATION, RELEASE, is_good
from batchspec.emulator.node.process import Outcome, Run
from batchspec.emulator.state.clock import time_text


def prepare(account: Account, job: Job, node: Node, then: Callable[[bool], None]) -> None:
    """Runs the preparation task, once a node; *then* is told whether the job's tasks may run there."""
    waiting = job.preparing.setdefault(node.key, [])
    waiting.append(then)
    if len(waiting) > 1:
        return
    task = job.doc["jobPreparationTask"]
    job.nodes.pop(node.key, None)  # of a life of the node before its last boot
    info = _open_info(account, job, node, PREPARATION, task["id"])
    info["retryCount"] = 0
    account.save_job(job)
    _run_preparation(account, job, node, Run(), fresh=True)


def _run_preparation(account: Account, job: Job, node: Node, run: Run, *, fresh: bool) -> None:
    task = job.doc["jobPreparationTask"]
    node_life.limit(account, run, task["constraints"]["maxWallClockTime"])
    work = tries.job_task(account, job, node, task, fresh=fresh)
    node.job_runs.add(run)
    account.submit(work, run, functools.partial(_preparation_ended, account, job, node, run))


def _preparation_ended(account: Account, job: Job, node: Node, run: Run, outcome: Outcome) -> None:
    node.job_runs.discard(run)
    task, info = job.doc["jobPreparationTask"], job.nodes[node.key][PREPARATION]
    if outcome.stopped == "leave":  # the node goes or boots: it was never prepared
        del job.nodes[node.key]
        _tell(job, node, ready=False)
        return
    most = task["constraints"]["maxTaskRetryCount"]
    if outcome.exit_code and tries.may_retry(most, info["retryCount"]) and job.state == "active":
        info["retryCount"] += 1
        info["lastRetryTime"] = time_text(account.clock.now())
        _run_preparation(account, job, node, Run(), fresh=False)
        return
    _close_info(account, info, outcome)
    account.save_job(job)
    _tell(job, node, ready=is_good(job, info))


def _tell(job: Job, node: Node, *, ready: bool) -> None:
    for then in job.preparing.pop(node.key, []):
        then(ready)


def release_all(account: Account, job: Job, then: Callable[[], None]) -> bool:
    """True when no release task has to run or is running; nodes that prepared the job run it, once.

    *then* is called as each of them ends.
    """
    task = job.doc.get("jobReleaseTask")
    if task is None:
        return not job.preparing
    waiting = False
    for pool in account.pools.values():
        for node in pool.nodes.values():
            infos = job.nodes.get(node.key)
            if infos is None or PREPARATION not in infos or not is_good(job, infos[PREPARATION]):
                continue
            if RELEASE not in infos and node.state in WORKING:
                _release(account, job, node, then)
            waiting = waiting or infos.get(RELEASE, {}).get("state") == "running"
    return not waiting and not job.preparing


def _release(account: Account, job: Job, node: Node, then: Callable[[], None]) -> None:
    task, run = job.doc["jobReleaseTask"], Run()
    info = _open_info(account, job, node, RELEASE, task["id"])
    node_life.limit(account, run, task["maxWallClockTime"])
    node.job_runs.add(run)
    done = functools.partial(_released, account, job, node, run, info, then)
    account.submit(tries.job_task(account, job, node, task, fresh=True), run, done)


def _released(
    account: Account,
    job: Job,
    node: Node,
    run: Run,
    info: Body,
    then: Callable[[], None],
    outcome: Outcome,
) -> None:
    node.job_runs.discard(run)
    _close_info(account, info, outcome)
    account.save_job(job)
    then()


def _open_info(account: Account, job: Job, node: Node, name: str, task_id: str) -> Body:
    url = account.node_url(node)
    folder = nodes.task_folder(job, task_id)
    infos = job.nodes.setdefault(node.key, {"poolId": node.pool.id, "nodeId": node.id, "nodeUrl": url})
    opened: Body = {
        "startTime": time_text(account.clock.now()),
        "state": "running",
        "taskRootDirectory": folder,
        "taskRootDirectoryUrl": f"{url}/files/{folder}",
    }
    infos[name] = opened
    return opened


def _close_info(account: Account, info: Body, outcome: Outcome) -> None:
    info.update(node_life.result_of(outcome), state="completed", endTime=time_text(account.clock.now()))

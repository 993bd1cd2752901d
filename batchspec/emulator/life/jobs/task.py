"""What happens to a task: taken by a node, run, tried again, completed, requeued, removed."""

import functools
import json
from pathlib import Path
from typing import Any

from batchspec.emulator.life.account import node_folders as nodes
from batchspec.emulator.life.account.account import Account
from batchspec.emulator.life.account.model import Body, Job, Node, Running
from batchspec.emulator.life.jobs import job as job_life
from batchspec.emulator.life.pools import node as node_life
from batchspec.emulator.life.pools import preparation, tries
from batchspec.emulator.life.pools.prepared import is_prepared
from batchspec.emulator.node.process import Failure, Outcome, Run
from batchspec.emulator.state.clock import parse_duration, time_text
from batchspec.emulator.state.store import ACTIVE, COMPLETED, PREPARING, RUNNING, TaskRow

ENDED = Failure("TaskEnded", "Task was ended by user request", during="request")
TIMED_OUT = Failure("TaskEnded", "The task exceeded its maximum wall clock time and was ended")
# The words by which a try is stopped, after which the task is queued again; only the first counts as a requeue.
_REQUEUES = ("requeue", "recover")
_SWEEP_S = 60.0
_NOWHERE: Any = None  # the node of a task that no node has taken


def _running(job: Job, node: Node, row: TaskRow) -> Running:
    extra = json.loads(row.extra or "{}")
    return Running(row, job, node, body=row.members(), extra=extra, retries=row.retries)


def start(account: Account, job: Job, node: Node, row: TaskRow) -> None:
    """The node has taken the task: it prepares, or runs at once."""
    running = _running(job, node, row)
    node.tasks[row.seq] = running
    node.used_slots += row.slots
    job.running[row.seq] = running
    node_life.refresh_state(account, node)
    if is_prepared(job, node):
        _begin(account, running, ACTIVE)
        return
    now = account.clock.now()
    account.store.change_task(
        row.seq,
        state=PREPARING,
        state_time=now,
        previous=ACTIVE,
        previous_time=row.state_time,
        node=_node_info(account, running),
    )
    preparation.prepare(account, job, node, functools.partial(_prepared, account, running))


def _prepared(account: Account, running: Running, ready: bool) -> None:
    if running.run.is_stopped():
        _ended(account, running, Outcome(0, 0, stopped=running.run.stopped))
    elif ready:
        _begin(account, running, PREPARING)
    else:
        _release(account, running)
        _requeue(account, running, counted=False)
    job_life.task_gone(account, running.job)


def _begin(account: Account, running: Running, previous: int) -> None:
    row, now = running.row, account.clock.now()
    running.start_time = now
    account.store.change_task(
        row.seq,
        state=RUNNING,
        state_time=now,
        previous=previous,
        previous_time=row.state_time,
        start_time=now,
        node=_node_info(account, running),
    )
    _try(account, running, fresh=True)


def _node_info(account: Account, running: Running) -> str:
    node, folder = running.node, nodes.task_folder(running.job, running.row.id)
    url = account.node_url(node)
    return json.dumps(
        {
            "affinityId": node.doc["affinityId"],
            "nodeUrl": url,
            "poolId": node.pool.id,
            "nodeId": node.id,
            "taskRootDirectory": folder,
            "taskRootDirectoryUrl": f"{url}/files/{folder}",
        },
        separators=(",", ":"),
    )


def _try(account: Account, running: Running, *, fresh: bool) -> None:
    body, last_try = running.body, not _tries_left(running)
    work = tries.task(
        account, running.job, running.node, running.row.id, body, fresh=fresh, last_try=last_try
    )
    node_life.limit(account, running.run, body["constraints"]["maxWallClockTime"])
    account.submit(work, running.run, functools.partial(_ended, account, running))


def _tries_left(running: Running) -> bool:
    return tries.may_retry(running.body["constraints"]["maxTaskRetryCount"], running.retries)


def _ended(account: Account, running: Running, outcome: Outcome) -> None:
    """One try is over: again on this node, again on any node, or done."""
    failure, word = outcome.failure, outcome.stopped
    if running.settled:
        _release(account, running)
        if word == "delete" and not _id_runs_again(running):
            nodes.discard(
                account,
                nodes.root(account, running.node) / nodes.task_folder(running.job, running.row.id),
            )
        job_life.task_gone(account, running.job)
        return
    failed_by_exit = word == "timeout" or (
        failure is not None and failure.during == "command" and bool(outcome.exit_code)
    )
    if failed_by_exit and _tries_left(running):
        _retry(account, running)
        return
    _release(account, running)
    with account.store.transaction():
        if word in _REQUEUES:
            _requeue(account, running, counted=word == "requeue")
        else:
            if word:
                failure = TIMED_OUT if word == "timeout" else ENDED
            complete(account, running, outcome.exit_code, failure)
    job_life.task_gone(account, running.job)


def _retry(account: Account, running: Running) -> None:
    running.retries += 1
    running.run = Run()
    running.extra["lastRetryTime"] = time_text(account.clock.now())
    account.store.change_task(running.row.seq, retries=running.retries, extra=json.dumps(running.extra))
    _try(account, running, fresh=False)


def _release(account: Account, running: Running) -> None:
    if running.node.tasks.pop(running.row.seq, None) is None:
        return  # already off the node: the end of the try is told again after a fault
    running.node.used_slots -= running.row.slots
    running.job.running.pop(running.row.seq, None)
    node_life.task_left(account, running.node)


def _requeue(account: Account, running: Running, *, counted: bool) -> None:
    row, now = running.row, account.clock.now()
    if counted:
        running.extra["lastRequeueTime"] = time_text(now)
    account.store.change_task(
        row.seq,
        state=ACTIVE,
        state_time=now,
        previous=RUNNING if running.start_time else PREPARING,
        previous_time=running.start_time or row.state_time,
        start_time=None,
        node=None,
        retries=running.retries,
        requeues=row.requeues + counted,
        extra=json.dumps(running.extra),
    )
    running.job.maybe_ready = True


def complete(account: Account, running: Running, exit_code: int | None, failure: Failure | None) -> None:
    now, row, body = account.clock.now(), running.row, running.body
    running.extra.pop("failureInfo", None)
    if failure:
        running.extra["failureInfo"] = failure.as_json()
    options = _exit_options(body.get("exitConditions", {}), exit_code, failure)
    satisfies = options["dependencyAction"] == "satisfy"
    retention = parse_duration(body["constraints"]["retentionTime"])
    account.store.change_task(
        row.seq,
        state=COMPLETED,
        state_time=now,
        previous=RUNNING if running.start_time else ACTIVE,
        previous_time=running.start_time or row.state_time,
        end_time=now,
        exit_code=exit_code,
        result="failure" if failure else "success",
        satisfies=int(satisfies),
        retries=running.retries,
        extra=json.dumps(running.extra) if running.extra else None,
        files_until=now + retention if retention < 1 << 61 else None,
    )
    if running.start_time:
        node_life.note_task(account, running, exit_code, failure)
    if satisfies:
        unblock(account, running.job, row.id)
    if running.job.doc["onTaskFailure"] == "performexitoptionsjobaction":
        job_life.act(account, running.job, options["jobAction"])
    job_life.manager_ended(account, running.job, row.id)


def _exit_options(conditions: Body, exit_code: int | None, failure: Failure | None) -> Body:
    """What the end does to the job and to dependants: `jobAction` and `dependencyAction`.

    A task that was ended has not exited: it meets no condition, blocks its dependants and leaves the job alone (the
    SDK's recorded test goes on adding to such a job). One over its time has: its process has an exit code.
    """
    if failure is None:
        usual = {"jobAction": "none", "dependencyAction": "satisfy"}
    elif failure.during == "request":
        return {"jobAction": "none", "dependencyAction": "block"}
    else:
        usual = {"jobAction": "terminate", "dependencyAction": "block"}
    return {**usual, **_met(conditions, exit_code, failure)}


def _met(conditions: Body, exit_code: int | None, failure: Failure | None) -> Body:
    """The options of the condition that the end meets; those of a listed exit code go before all others."""
    for item in conditions.get("exitCodes", []):
        if item["code"] == exit_code:
            return dict(item["exitOptions"])
    for item in conditions.get("exitCodeRanges", []):
        if exit_code is not None and item["start"] <= exit_code <= item["end"]:
            return dict(item["exitOptions"])
    if failure is None:
        return {}
    name = {"start": "preProcessingError", "output": "fileUploadError"}.get(failure.during, "default")
    return dict(conditions.get(name) or conditions.get("default", {}))


def unblock(account: Account, job: Job, task_id: str) -> None:
    """Tasks that waited for this one last may run now."""
    for waiting in account.store.waiting_on(job.number, task_id):
        if account.store.is_satisfied(job.number, waiting):
            account.store.change_task(waiting, waits=0)
            job.maybe_ready = True


def terminate(account: Account, job: Job, row: TaskRow) -> None:
    """Ends a task that is not completed: at once in the state, its process as fast as it can be killed."""
    running = job.running.get(row.seq)
    if running is None:
        complete(account, _running(job, _NOWHERE, row), None, ENDED)
        job_life.task_gone(account, job)
        return
    # Completed when the call returns; the node's slots are free once the process is dead.
    running.settled = True
    complete(account, running, None, ENDED)
    running.run.stop("terminate")


def delete(account: Account, job: Job, row: TaskRow) -> None:
    running = job.running.get(row.seq)
    if running is not None:
        # The id is free at once; its process is an orphan until it is dead.
        running.settled = True
        account.store.delete_task(row.seq)
        running.run.stop("delete")
        return
    account.store.delete_task(row.seq)
    _discard_folder(account, row)
    job_life.task_gone(account, job)


def _id_runs_again(running: Running) -> bool:
    """A new task with the deleted one's id is in the same folder already."""
    return any(
        other.job is running.job and other.row.id.lower() == running.row.id.lower()
        for other in running.node.tasks.values()
    )


def _discard_folder(account: Account, row: TaskRow) -> None:
    folder = folder_of(account, row.node)
    if folder is not None:
        nodes.discard(account, folder)


def folder_of(account: Account, node_info: str | None) -> Path | None:
    """The task's folder on this machine, None when it never ran or its node is gone."""
    if node_info is None:
        return None
    info = json.loads(node_info)
    folder = account.settings.home / "nodes" / info["poolId"] / info["nodeId"] / info["taskRootDirectory"]
    return folder if folder.is_dir() else None


def sweep(account: Account) -> None:
    """Folders whose retention time is over go; looked at once a minute."""
    account.loop.later(_SWEEP_S, functools.partial(sweep, account))
    for row in list(account.store.tasks("files_until < ?", [account.clock.now()], "files_until", 1000)):
        account.store.change_task(row.seq, files_until=None)
        _discard_folder(account, row)
